"""What is in the files of a case."""

from __future__ import annotations

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from lpm_segmentator.core import (
    Area,
    Contrast,
    ContrastSource,
    FileFormatError,
    GeometryError,
    KnownContrast,
    LabelMap,
    PairingError,
    Remedy,
    Severity,
    TableError,
    Volume,
    crop_slices,
    reorient,
)
from lpm_segmentator.io import HeaderOptions, write_image, write_label_map
from lpm_segmentator.study import loading
from lpm_segmentator.study.cases import CaseFiles
from lpm_segmentator.study.loading import load_case
from lpm_segmentator.study.options import LevelOptions, ReadOptions, SliceTable
from phantoms import labels_of, pair_of, phantom, write_pair, write_reference

ACCEPTED = ReadOptions(accept_origin_mismatch=True)


@pytest.fixture
def folder(tmp_path):
    """A Dixon pair, a single image and label maps of both."""
    write_pair(tmp_path, "A")
    write_image(pair_of(phantom()).water, tmp_path / "B.nii.gz")
    for case in "AB":
        write_reference(tmp_path, case)
    return tmp_path


def notes(loaded):
    return [finding.message for finding in loaded.case.findings]


def lost_origin(folder, name="A_water"):
    """Write the image again with its origin at zero."""
    volume = getattr(pair_of(phantom()), name.split("_")[1])
    affine = volume.affine.copy()
    affine[:3, 3] = 0
    write_image(Volume(volume.array, affine), folder / f"{name}.nii.gz")


def pair_files(folder, **more):
    return CaseFiles("A", water=folder / "A_water.nii.gz", fat=folder / "A_fat.nii.gz", **more)


def test_a_pair_is_read_with_its_header(folder):
    loaded = load_case(pair_files(folder, reference=folder / "A_dseg.nii.gz"))
    assert np.array_equal(loaded.case.image.array, phantom().water)
    assert loaded.case.pair is not None
    assert np.array_equal(loaded.case.pair.fat.array, phantom().fat)
    assert loaded.case.reference is not None
    assert notes(loaded) == []
    assert loaded.contrast.contrast is Contrast.WATER


def test_a_lost_origin_is_refused_with_the_remedy(folder):
    lost_origin(folder)
    with pytest.raises(PairingError, match=r"origins differ by .* mm") as caught:
        load_case(pair_files(folder))
    assert caught.value.remedies == (Remedy.ACCEPT_ORIGIN_MISMATCH,)
    assert "A_water.nii.gz" in str(caught.value)


def test_crops_without_origin_of_other_slices_are_not_laid_on_each_other(folder):
    lost_origin(folder)
    labels = labels_of(phantom())
    affine = labels.affine.copy()
    affine[:3, 3] = affine[:3, 2]  # a slice higher than the water image's
    write_label_map(labels.with_grid(labels.array, affine), folder / "A_dseg.nii.gz")
    files = pair_files(folder, reference=folder / "A_dseg.nii.gz")
    with pytest.raises(GeometryError, match="cropped differently"):
        load_case(files, ACCEPTED)


def test_an_accepted_origin_is_noted(folder):
    lost_origin(folder)
    loaded = load_case(pair_files(folder), ACCEPTED)
    assert loaded.case.image.affine == pytest.approx(phantom().affine)
    assert notes(loaded) == ["the water image had lost its origin; that of the other one was used"]


def test_a_reference_with_a_lost_origin_is_laid_on_the_image_on_request(folder):
    labels = labels_of(phantom())
    affine = labels.affine.copy()
    affine[:3, 3] = 0
    write_label_map(labels.with_grid(labels.array, affine), folder / "A_dseg.nii.gz")
    files = pair_files(folder, reference=folder / "A_dseg.nii.gz")
    with pytest.raises(GeometryError, match="different grids") as caught:
        load_case(files)
    assert caught.value.remedies == (Remedy.ACCEPT_ORIGIN_MISMATCH,)
    loaded = load_case(files, ACCEPTED)
    assert loaded.case.reference is not None
    assert loaded.case.reference.affine == pytest.approx(phantom().affine)
    assert "had lost its origin" in notes(loaded)[0]


def test_the_header_that_the_user_trusts_counts_where_crops_are_compared(folder):
    for name in ("A_water", "A_fat", "A_dseg"):  # all without origin
        path = folder / f"{name}.nii.gz"
        image = nib.load(path)
        affine = image.affine.copy()
        affine[:3, 3] = 0
        other = affine.copy()
        other[:2] *= -1
        written = nib.Nifti1Image(np.asarray(image.dataobj), None)
        written.set_sform(affine, 1)
        written.set_qform(other, 1)
        written.to_filename(path)
    files = pair_files(folder, reference=folder / "A_dseg.nii.gz")
    with pytest.raises(GeometryError):
        load_case(files, ACCEPTED)
    trusting = replace(ACCEPTED, header=HeaderOptions("sform"))
    assert load_case(files, trusting).case.reference is not None


def test_an_unreadable_series_that_was_found_is_to_be_checked(folder):
    (folder / "sag.nii.gz").write_bytes(b"")
    files = replace(pair_files(folder), sagittal=folder / "sag.nii.gz")
    (finding,) = load_case(files, levels=LevelOptions()).case.findings
    assert (finding.area, finding.severity) == (Area.LEVELS, Severity.CHECK)
    assert finding.code == "sagittal-not-used"
    assert "the file is empty" in finding.message
    with pytest.raises(FileFormatError, match="empty"):
        load_case(files, levels=LevelOptions(sagittal=files.sagittal))


def saved(folder, labels):
    write_label_map(labels, folder / "A_dseg.nii.gz")
    return pair_files(folder, reference=folder / "A_dseg.nii.gz")


@pytest.mark.parametrize("accepted", [False, True])
def test_a_reference_of_another_crop_keeps_its_place(folder, accepted):
    """Two crops of one scan have an origin each: their voxels are other places."""
    labels = labels_of(phantom())
    files = saved(folder, crop_slices(labels, 2, 6)[0])
    loaded = load_case(files, ReadOptions(accept_origin_mismatch=accepted))
    expected = labels.array.copy()
    expected[..., :2] = 0
    np.testing.assert_array_equal(loaded.case.reference.array, expected)
    assert "another part of the image's grid" in notes(loaded)[0]


@pytest.mark.parametrize("codes", ["RAS", "SPL", "AIR"])
def test_a_mask_with_other_axes_or_a_margin_is_brought_over_without_loss(folder, codes):
    labels = labels_of(phantom())
    grid = labels.geometry.shifted([-3, -2, -1], np.add(labels.shape, 6))
    padded = labels.with_grid(np.pad(labels.array, ((3, 3), (2, 4), (1, 5))), grid.affine)
    loaded = load_case(saved(folder, reorient(padded, codes)))
    np.testing.assert_array_equal(loaded.case.reference.array, labels.array)


def test_a_reference_between_the_voxels_is_resampled_on_request_only(folder):
    labels = labels_of(phantom())
    affine = labels.affine.copy()
    affine[:3, 3] += 0.4
    files = saved(folder, labels.with_grid(labels.array, affine))
    with pytest.raises(GeometryError, match="different grids") as caught:
        load_case(files, ACCEPTED)
    assert caught.value.remedies == (Remedy.RESAMPLE,)
    loaded = load_case(files, ReadOptions(resample=True))
    np.testing.assert_array_equal(loaded.case.reference.array, labels.array)
    assert "was resampled to the image's grid" in notes(loaded)[0]


def test_a_reference_that_shows_no_place_of_the_image_is_refused(folder):
    labels = labels_of(phantom())
    affine = labels.affine.copy()
    affine[:3, 3] += affine[:3, 2] * 1000
    with pytest.raises(GeometryError, match="shows no place of the image"):
        load_case(saved(folder, labels.with_grid(labels.array, affine)))


def test_a_mask_to_measure_is_read_like_a_reference(folder):
    loaded = load_case(pair_files(folder, mask=folder / "A_dseg.nii.gz"))
    assert isinstance(loaded.mask, LabelMap)
    assert loaded.case.reference is None


@pytest.mark.parametrize(
    ("stated", "named", "expected"),
    [
        (Contrast.T1W, KnownContrast(Contrast.T2W, ContrastSource.NAME), "T1w (user)"),
        (None, KnownContrast(Contrast.T2W, ContrastSource.NAME), "T2w (file name)"),
        (None, KnownContrast(), "unknown"),
    ],
)
def test_the_contrast_is_a_fact_of_the_image(folder, stated, named, expected):
    files = CaseFiles("B", image=folder / "B.nii.gz", contrast=named)
    loaded = load_case(files, ReadOptions(contrast=stated))
    assert str(loaded.contrast) == expected
    assert loaded.case.image.contrast is loaded.contrast.contrast


def test_an_unstated_orientation_is_noted(folder):
    path = folder / "B.nii.gz"
    image = nib.load(path)
    array = np.asarray(image.dataobj)
    header = nib.Nifti1Header()
    header.set_data_shape(array.shape)
    header.set_zooms((3, 3, 8))
    nib.Nifti1Image(array, None, header).to_filename(path)
    loaded = load_case(CaseFiles("B", image=path))
    assert "left and right are a guess" in notes(loaded)[0]


# -- which slices


def slices_of(folder, *entries):
    rows = "\n".join(",".join(map(str, entry)) for entry in entries)
    (folder / "slices.csv").write_text(f"pid,slice_start,slice_stop\n{rows}\n")
    table = SliceTable(folder / "slices.csv", "exclusive")
    return load_case(pair_files(folder), slices=table).case.slices


@pytest.mark.parametrize("name", ["A", "A_water", "A_fat"])
def test_the_table_may_name_the_pair_or_an_image_of_it(folder, name):
    assert slices_of(folder, (name, 1, 4), ("AA", 0, 1)) == (1, 4)


def test_both_images_may_be_listed_alike(folder):
    assert slices_of(folder, ("A_water", 1, 4), ("A_fat", 1, 4)) == (1, 4)


def test_both_images_listed_differently_are_ambiguous(folder):
    with pytest.raises(TableError, match="different ranges"):
        slices_of(folder, ("A_water", 1, 4), ("A_fat", 1, 5))


def test_a_case_that_is_not_in_the_table_is_told_what_is_near(folder):
    with pytest.raises(TableError, match="no row for the case 'A'"):
        slices_of(folder, ("AA", 1, 4))


def test_a_range_outside_the_image_is_refused(folder):
    with pytest.raises(
        GeometryError, match=r"slices 1 to 6 were requested, but the image has 6 \(0 to 5\)"
    ) as e:
        slices_of(folder, ("A", 1, 7))
    assert e.value.remedies == (Remedy.SLICE_END,)


def test_the_user_may_state_first_and_last_slice(folder):
    assert load_case(pair_files(folder), slices=(4, 1)).case.slices == (1, 5)
    for slices in ((-1, 2), (0, 6)):
        with pytest.raises(GeometryError, match="the image has 6") as caught:
            load_case(pair_files(folder), slices=slices)
        assert caught.value.remedies == (Remedy.PICK_SLICES,)


def test_a_level_model_is_read_again_if_either_of_its_files_changed(folder, monkeypatch):
    read = []
    monkeypatch.setattr(loading, "load_level_model", read.append)
    model, names = folder / "levels.onnx", folder / "levels-names.onnx"
    for path in (model, names):
        path.write_bytes(b"1")
    for changed in (None, model, names):
        if changed is not None:
            changed.write_bytes(b"changed")
        for _ in range(2):
            levels = LevelOptions(model=model)
            load_case(CaseFiles("B", image=folder / "B.nii.gz"), ACCEPTED, levels=levels)
    assert read == [model] * 3
