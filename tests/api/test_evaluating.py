from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from lpm_segmentator import api
from lpm_segmentator.api.evaluating import find_images, pair_label_maps
from lpm_segmentator.core import (
    LPM_NUMBERING,
    GeometryError,
    InputError,
    LabelError,
    LabelNumbering,
    Remedy,
    reorient,
)
from lpm_segmentator.io import write_label_map
from lpm_segmentator.measure import Accuracy
from lpm_segmentator.study.options import ReadOptions
from phantoms import SPACING_MM, labels_of, phantom, write_pair, write_reference

ACCEPTED = ReadOptions(accept_origin_mismatch=True)


@pytest.fixture
def folder(tmp_path):
    write_pair(tmp_path, "A")
    write_reference(tmp_path, "A")
    return tmp_path


def evaluated(*args) -> Accuracy:
    return api.evaluate_files(*args).accuracy


def test_a_map_equals_itself(folder):
    path = folder / "A_dseg.nii.gz"
    row = evaluated("A", path, path).wide()
    assert row["case"] == "A"
    assert [row[f"dsc_{n}"] for n in ("global", 1, 2, 3, 4)] == [1.0] * 5


def test_other_grids_are_compared_on_request_only(folder):
    truth = labels_of(phantom())
    moved = truth.affine.copy()
    moved[:3, 3] += (0.0, 0.4, 0.0)
    write_label_map(truth.with_grid(truth.array, moved), folder / "p.nii.gz")
    paths = folder / "A_dseg.nii.gz", folder / "p.nii.gz"
    with pytest.raises(GeometryError):
        evaluated("A", *paths)
    options = api.EvaluateOptions(read=ReadOptions(resample=True))
    assert evaluated("A", *paths, options).wide()["dsc_global"] == 1.0


def lost(folder: Path, origin: tuple[float, ...] = (0, 0, 0)) -> Path:
    """Write the label map of the phantom with another origin."""
    truth = labels_of(phantom())
    affine = truth.affine.copy()
    affine[:3, 3] = origin
    write_label_map(truth.with_grid(truth.array, affine), folder / "lost.nii.gz")
    return folder / "lost.nii.gz"


# of the whole image, and of a crop of it
@pytest.mark.parametrize("origin", [(0, 0, 0), (0, 0, 2 * SPACING_MM[2])])
@pytest.mark.parametrize("turned", [False, True])
def test_a_lost_origin_is_accepted_on_request_only(folder, origin, turned):
    paths = [folder / "A_dseg.nii.gz", lost(folder, origin=origin)]
    if turned:
        paths.reverse()
    with pytest.raises(GeometryError, match="different grids") as caught:
        evaluated("A", *paths)
    assert Remedy.ACCEPT_ORIGIN_MISMATCH in caught.value.remedies
    options = api.EvaluateOptions(read=ACCEPTED)
    assert evaluated("A", *paths, options).wide()["dsc_global"] == 1.0


def test_two_origins_of_their_own_are_two_places(folder):
    paths = [folder / "A_dseg.nii.gz", lost(folder, origin=(7, -80, 300))]
    for accepted in (False, True):
        options = api.EvaluateOptions(read=ReadOptions(accept_origin_mismatch=accepted))
        with pytest.raises(GeometryError, match="do not overlap"):
            evaluated("A", *paths, options)


def test_a_lost_origin_is_accepted_beside_images(folder):
    images = {"water": folder / "A_water.nii.gz", "fat": folder / "A_fat.nii.gz"}
    moved = lost(folder)
    with pytest.raises(GeometryError, match="accept_origin_mismatch=True"):
        evaluated("A", moved, moved, api.EvaluateOptions(**images))
    options = api.EvaluateOptions(**images, read=ACCEPTED)
    assert evaluated("A", moved, moved, options).wide()["fat_ratio_difference_1"] == 0


def test_crops_without_origin_of_other_slices_are_not_placed_on_the_images(folder):
    images = {"water": folder / "A_water.nii.gz", "fat": folder / "A_fat.nii.gz"}
    other = lost(folder, origin=(0, 0, SPACING_MM[2])).rename(folder / "other.nii.gz")
    one = lost(folder)
    options = api.EvaluateOptions(**images, read=ACCEPTED)
    with pytest.raises(GeometryError, match="different grids"):
        evaluated("A", one, other, options)


def test_what_does_not_overlap_is_not_resampled(folder):
    truth = folder / "A_dseg.nii.gz"
    options = api.EvaluateOptions(read=ReadOptions(resample=True))
    with pytest.raises(GeometryError, match=r"do not overlap.*export the mask again"):
        evaluated("A", truth, lost(folder, origin=(5000, 0, 0)), options)
    labels = labels_of(phantom())
    affine = labels.affine.copy()
    affine[2, 3] += 1000
    write_label_map(labels.with_grid(labels.array[..., :3], affine), folder / "part.nii.gz")
    with pytest.raises(GeometryError, match=r"do not overlap.*export the mask again"):
        evaluated("A", truth, folder / "part.nii.gz", options)


def crop_of(labels, low, high, shift_mm=0.0):
    """Cut columns out of a label map, moved by a part of a voxel if that is wished."""
    grid = labels.geometry.shifted([low, 0, 0], [high - low, *labels.shape[1:]])
    affine = grid.affine.copy()
    affine[:3, 3] += shift_mm
    return labels.with_grid(labels.array[low:high], affine)


@pytest.mark.parametrize("shift_mm", [0.0, 0.4])
@pytest.mark.parametrize("turned", [False, True])
def test_what_lies_beyond_the_other_grid_counts(folder, shift_mm, turned):
    """A mask that was exported cropped is compared over the whole of both."""
    labels = labels_of(phantom())
    columns = np.flatnonzero(labels.array.any(axis=(1, 2)))
    middle = int(columns.mean())
    part = crop_of(labels, 0, middle, shift_mm)
    write_label_map(part, folder / "part_dseg.nii.gz")
    paths = [folder / "A_dseg.nii.gz", folder / "part_dseg.nii.gz"]
    if turned:
        paths.reverse()
    options = api.EvaluateOptions(read=ReadOptions(resample=bool(shift_mm)))
    whole, half = (labels.array > 0).sum(), (labels.array[:middle] > 0).sum()
    row = evaluated("A", *paths, options).wide()
    expected = 2 * half / (whole + half)
    assert row["dsc_global"] == pytest.approx(expected, abs=0.02 if shift_mm else 1e-9)
    one, other = (whole, half) if turned else (half, whole)
    percent = 100 * (one / other - 1)
    assert row["volume_difference_percent_global"] == pytest.approx(percent, rel=0.05)


def test_a_turned_prediction_is_compared_without_a_flag(folder):
    labels = labels_of(phantom())
    write_label_map(reorient(labels, "SAR"), folder / "p.nii.gz")
    row = evaluated("A", folder / "A_dseg.nii.gz", folder / "p.nii.gz").wide()
    assert row["dsc_global"] == 1.0


def test_a_joined_grid_says_how_slices_are_numbered(folder):
    labels = labels_of(phantom())
    lower = labels.geometry.shifted([0, 0, -2], labels.shape)
    write_label_map(labels.with_grid(labels.array, lower.affine), folder / "low.nii.gz")
    result = api.evaluate_files("A", folder / "A_dseg.nii.gz", folder / "low.nii.gz")
    assert "slice 0 of the reference is slice 2 in the tables" in result.notes[0]


def test_folders_are_matched_by_whole_names(tmp_path):
    for case in ("1", "10"):
        write_reference(tmp_path / "r", case)
        write_reference(tmp_path / "p", f"{case}")
    given = pair_label_maps(tmp_path / "r", tmp_path / "p")
    assert not given.unpaired
    assert [(truth.name, predicted.name) for truth, predicted in given.pairs.values()] == [
        ("10_dseg.nii.gz", "10_dseg.nii.gz"),
        ("1_dseg.nii.gz", "1_dseg.nii.gz"),
    ]
    (tmp_path / "r" / "10_dseg.nii.gz").unlink()
    given = pair_label_maps(tmp_path / "r", tmp_path / "p")
    assert list(given.pairs) == ["1_dseg"]
    assert "no reference" in given.unpaired["10_dseg"]
    write_reference(tmp_path / "r", "2")
    given = pair_label_maps(tmp_path / "r", tmp_path / "p")
    assert "no prediction" in given.unpaired["2_dseg"]
    (tmp_path / "r" / "1_dseg.nii.gz").unlink()
    with pytest.raises(InputError, match="none of 2 predictions has a reference"):
        pair_label_maps(tmp_path / "r", tmp_path / "p")


def test_folders_tell_apart_label_maps_of_one_name(tmp_path):
    made = {}
    for subject in ("P1", "P2"):
        pair = [write_reference(tmp_path / kind / subject, "t2") for kind in ("r", "p")]
        made[f"{subject}_t2_dseg"] = tuple(pair)
    assert pair_label_maps(tmp_path / "r", tmp_path / "p").pairs == made
    (tmp_path / "r" / "P2").rename(tmp_path / "r" / "P3")
    given = pair_label_maps(tmp_path / "r", tmp_path / "p")
    assert list(given.pairs) == ["P1_t2_dseg"]
    assert set(given.unpaired) == {"P2_t2_dseg", "P3_t2_dseg"}


def test_references_may_have_another_label_scheme_than_predictions(folder):
    theirs = LabelNumbering("theirs", ((11, 1), (12, 2), (13, 3), (14, 4)))
    labels = labels_of(phantom())
    values = np.where(labels.array > 0, labels.array + 10, 0).astype(np.uint8)
    path = folder / "P.nii.gz"
    nib.Nifti1Image(values, labels.affine).to_filename(path)
    options = api.EvaluateOptions(ReadOptions(label_scheme=theirs))
    with pytest.raises(LabelError, match="no value of the label scheme theirs"):
        evaluated("A", folder / "A_dseg.nii.gz", path, options)
    both = replace(options, reference_scheme=LPM_NUMBERING)
    assert evaluated("A", folder / "A_dseg.nii.gz", path, both).wide()["dsc_global"] == 1


def test_folders_of_images_are_searched_once(folder, monkeypatch):
    write_pair(folder, "B", 1)
    write_reference(folder, "B", 1)
    options = api.EvaluateOptions(water=folder)
    images = find_images(options)
    assert [files.case for files in images] == ["A", "B"]
    monkeypatch.setattr("lpm_segmentator.api.evaluating.find_cases", None)
    for case in "AB":
        path = folder / f"{case}_dseg.nii.gz"
        accuracy = api.evaluate_files(case, path, path, options, images=images).accuracy
        assert accuracy.wide()["dsc_global"] == 1
    assert find_images(api.EvaluateOptions()) == []
