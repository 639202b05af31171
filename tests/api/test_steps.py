from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lpm_segmentator import api
from lpm_segmentator.core import (
    GeometryError,
    InputError,
    LabelError,
    LabelMap,
    LpmError,
    OutputError,
    TableError,
    Volume,
)
from lpm_segmentator.io import ImageCase, read_image, read_label_map, write_image, write_label_map
from phantoms import SPACING_MM, Truthful, labels_of, pair_of, phantom, write_pair, write_reference


@pytest.fixture
def folder(tmp_path):
    write_pair(tmp_path, "A")
    write_reference(tmp_path, "A")
    return tmp_path


def table(folder: Path, text: str, end: str = "inclusive") -> api.SliceTable:
    path = folder / "slices.csv"
    path.write_text(f"pid,slice_start,slice_stop\n{text}\n")
    return api.SliceTable(path, end)  # type: ignore[arg-type]


def item(path: Path) -> ImageCase:
    (found,) = api.find_volumes([path])
    return found


# -- crop


def test_a_landmark_keeps_its_place_in_the_world(folder):
    image = read_image(folder / "A_water.nii.gz").volume
    api.crop_file(
        item(folder / "A_water.nii.gz"), folder / "cut.nii.gz", table(folder, "A_water,2,4")
    )
    cut = read_image(folder / "cut.nii.gz").volume
    assert cut.shape == (*image.shape[:2], 3)
    assert np.array_equal(cut.array, image.array[..., 2:5])
    landmark = image.geometry.voxel_to_world([30, 20, 3])
    np.testing.assert_allclose(cut.geometry.world_to_voxel(landmark), [30, 20, 1], atol=1e-4)


def test_a_label_map_is_cropped_like_its_image_and_keeps_ignored_values(folder):
    labels = labels_of(phantom())
    array = labels.array.copy()
    array[0, 0, 3] = 255
    from lpm_segmentator.core import LPM_SCHEME

    write_label_map(
        LabelMap(array, labels.affine, LPM_SCHEME.ignoring([255])), folder / "A_dseg.nii.gz"
    )
    api.crop_file(
        item(folder / "A_dseg.nii.gz"), folder / "cut.nii.gz", table(folder, "A_dseg,2,4")
    )
    cut = read_label_map(folder / "cut.nii.gz", ignore=[255])
    assert np.array_equal(cut.array, array[..., 2:5])


@pytest.mark.parametrize("end", ["inclusive", "exclusive"])
@pytest.mark.parametrize(("pid", "start"), [("01_water_img", 0), ("02_water_img", 6)])
def test_the_published_table_gives_the_published_crops(shared_data, tmp_path, pid, start, end):
    count = {"inclusive": 29, "exclusive": 28}[end]
    raw = Volume(np.arange(4 * 4 * 63, dtype=np.int16).reshape(4, 4, 63), np.diag([1, 1, 4, 1]))
    write_image(raw, tmp_path / f"{pid}.nii.gz")
    published = shared_data / "myosegmentum" / "MyoSegmenTUM_54_water_fat_L2-L5.csv"
    target = tmp_path / "out" / f"{pid}.nii.gz"
    api.crop_file(item(tmp_path / f"{pid}.nii.gz"), target, api.SliceTable(published, end))
    cut = read_image(target).volume
    assert np.array_equal(cut.array, raw.array[..., start : start + count])
    assert cut.geometry.origin_mm[2] == pytest.approx(4 * start)


@pytest.mark.parametrize(
    ("rows", "error", "says"),
    [
        ("B,0,2", TableError, "no row for the case 'A_water'"),
        ("A_water,0,6", GeometryError, "A_water"),
        ("A_water,3,2", TableError, "holds no slice"),
        ("A_water,-1,2", TableError, "holds no slice"),
        ("A_water,0,1\nA_water,2,3", TableError, "listed twice"),
        ("A_water,a,3", TableError, "whole number"),
    ],
)
def test_ranges_that_cannot_be_are_refused(folder, rows, error, says):
    with pytest.raises(error, match=says):
        api.crop_file(item(folder / "A_water.nii.gz"), folder / "cut.nii.gz", table(folder, rows))
    assert not (folder / "cut.nii.gz").exists()


def test_a_range_outside_names_the_file_and_the_flag(folder):
    with pytest.raises(GeometryError) as caught:
        api.crop_file(
            item(folder / "A_water.nii.gz"), folder / "cut.nii.gz", table(folder, "A_water,0,6")
        )
    assert "A_water" in str(caught.value)
    assert "--slice-end" in str(caught.value)


# -- segment and clean


def test_segment_writes_the_mask_on_the_images_grid(folder):
    predictor = Truthful(labels_of(phantom()))
    warnings = api.segment_files(
        item(folder / "A_water.nii.gz"), folder / "m.nii.gz", predictor=predictor
    )
    found = read_label_map(folder / "m.nii.gz")
    assert np.array_equal(found.array, phantom().labels)
    assert found.geometry == read_image(folder / "A_water.nii.gz").volume.geometry
    assert warnings == ("the predictor knows the answer",)


def test_clean_counts_what_it_removed(folder):
    labels = labels_of(phantom())
    array = labels.array.copy()
    array[0, 0, :2] = 4
    write_label_map(labels.with_array(array), folder / "n_dseg.nii.gz")
    assert api.clean_file(item(folder / "n_dseg.nii.gz"), folder / "c.nii.gz") == 2
    assert np.array_equal(read_label_map(folder / "c.nii.gz").array, labels.array)


def test_clean_refuses_an_image(folder):
    with pytest.raises(LabelError):
        api.clean_file(item(folder / "A_water.nii.gz"), folder / "c.nii.gz")


# -- where results go


def test_one_image_may_become_one_named_file():
    (path,) = api.output_paths([ImageCase("A", Path("A.nii"))], Path("x.nii.gz")).values()
    assert path == Path("x.nii.gz")


def test_several_images_go_into_a_folder():
    items = [ImageCase(case, Path(f"{case}.nii")) for case in "AB"]
    found = api.output_paths(items, Path("out"), suffix="_dseg")
    assert found == {"A": Path("out/A_dseg.nii.gz"), "B": Path("out/B_dseg.nii.gz")}
    with pytest.raises(OutputError, match="2 images cannot go into one file"):
        api.output_paths(items, Path("x.nii"))


def test_an_input_is_never_replaced(folder):
    with pytest.raises(OutputError, match="replace an input"):
        api.output_paths([item(folder / "A_dseg.nii.gz")], folder)


def test_no_input_is_replaced_by_anothers_result(tmp_path):
    items = [ImageCase("A", tmp_path / "A.nii"), ImageCase("B", tmp_path / "A_dseg.nii.gz")]
    with pytest.raises(OutputError, match="replace"):
        api.output_paths(items, tmp_path, suffix="_dseg")


# -- one after the other


def test_a_lone_failure_is_raised_and_several_are_collected():
    def work(case: str) -> None:
        if case != "good":
            raise LabelError(f"{case} is bad")

    with pytest.raises(LabelError):
        api.for_each(["bad"], work)
    ended: list[str] = []
    failures = api.for_each(["x", "good", "y"], work, progress=ended.append)
    assert {f.case: f.message for f in failures} == {"x": "x is bad.", "y": "y is bad."}
    assert ended == ["x", "good", "y"]


def test_a_full_disk_ends_it():
    def work(case: str) -> None:
        raise OutputError("no space left")

    with pytest.raises(OutputError):
        api.for_each(["a", "b"], work)


# -- evaluate


def test_a_map_equals_itself(folder):
    path = folder / "A_dseg.nii.gz"
    row = api.evaluate_files("A", path, path).wide()
    assert row["case"] == "A"
    assert [row[f"dsc_{n}"] for n in ("global", 1, 2, 3, 4)] == [1.0] * 5


def test_other_grids_are_compared_on_request_only(folder):
    truth = labels_of(phantom())
    moved = truth.affine.copy()
    moved[:3, 3] += (0.0, 0.4, 0.0)
    write_label_map(truth.with_grid(truth.array, moved), folder / "p.nii.gz")
    paths = folder / "A_dseg.nii.gz", folder / "p.nii.gz"
    with pytest.raises(GeometryError):
        api.evaluate_files("A", *paths)
    options = api.EvaluateOptions(on_grid=True)
    assert api.evaluate_files("A", *paths, options).wide()["dsc_global"] == 1.0


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
    with pytest.raises(GeometryError, match="--accept-origin-mismatch"):
        api.evaluate_files("A", *paths)
    options = api.EvaluateOptions(accept_origin_mismatch=True)
    assert api.evaluate_files("A", *paths, options).wide()["dsc_global"] == 1.0


def test_two_origins_of_their_own_are_two_places(folder):
    paths = [folder / "A_dseg.nii.gz", lost(folder, origin=(7, -80, 300))]
    for accepted in (False, True):
        options = api.EvaluateOptions(accept_origin_mismatch=accepted)
        with pytest.raises(GeometryError, match="different grids"):
            api.evaluate_files("A", *paths, options)


def test_a_lost_origin_is_accepted_beside_images(folder):
    images = {"water": folder / "A_water.nii.gz", "fat": folder / "A_fat.nii.gz"}
    moved = lost(folder)
    with pytest.raises(GeometryError, match="--accept-origin-mismatch"):
        api.evaluate_files("A", moved, moved, api.EvaluateOptions(**images))
    options = api.EvaluateOptions(**images, accept_origin_mismatch=True)
    assert api.evaluate_files("A", moved, moved, options).wide()["fat_ratio_difference_1"] == 0


def test_crops_without_origin_of_other_slices_are_not_laid_on_the_images(folder):
    images = {"water": folder / "A_water.nii.gz", "fat": folder / "A_fat.nii.gz"}
    other = lost(folder, origin=(0, 0, SPACING_MM[2])).rename(folder / "other.nii.gz")
    one = lost(folder)
    options = api.EvaluateOptions(**images, accept_origin_mismatch=True)
    with pytest.raises(GeometryError, match="different grids"):
        api.evaluate_files("A", one, other, options)


def test_what_does_not_overlap_is_not_resampled(folder):
    truth = folder / "A_dseg.nii.gz"
    options = api.EvaluateOptions(on_grid=True)
    with pytest.raises(GeometryError, match=r"do not overlap.*export the mask again"):
        api.evaluate_files("A", truth, lost(folder, origin=(5000, 0, 0)), options)
    labels = labels_of(phantom())
    affine = labels.affine.copy()
    affine[2, 3] += 1000
    write_label_map(labels.with_grid(labels.array[..., :3], affine), folder / "part.nii.gz")
    with pytest.raises(GeometryError, match=r"do not overlap.*export the mask again"):
        api.evaluate_files("A", truth, folder / "part.nii.gz", options)


def test_a_prediction_whose_labels_lie_outside_the_reference_is_not_resampled(folder):
    labels = labels_of(phantom())
    reach = np.ptp(np.nonzero(labels.array)[0]) + 1
    affine = labels.affine.copy()
    affine[:3, 3] += affine[:3, 0] * (labels.shape[0] - np.nonzero(labels.array)[0].min())
    assert reach < labels.shape[0]  # the images overlap all the same
    write_label_map(labels.with_grid(labels.array, affine), folder / "off.nii.gz")
    with pytest.raises(GeometryError, match="no place in common"):
        api.evaluate_files(
            "A", folder / "A_dseg.nii.gz", folder / "off.nii.gz", api.EvaluateOptions(on_grid=True)
        )


def test_folders_are_matched_by_whole_names(tmp_path):
    for case in ("1", "10"):
        write_reference(tmp_path / "r", case)
        write_reference(tmp_path / "p", f"{case}")
    given = api.pair_label_maps(tmp_path / "r", tmp_path / "p")
    assert not given.lonely
    assert [(truth.name, found.name) for truth, found in given.pairs.values()] == [
        ("10_dseg.nii.gz", "10_dseg.nii.gz"),
        ("1_dseg.nii.gz", "1_dseg.nii.gz"),
    ]
    (tmp_path / "r" / "10_dseg.nii.gz").unlink()
    given = api.pair_label_maps(tmp_path / "r", tmp_path / "p")
    assert list(given.pairs) == ["1_dseg"]
    assert "no reference" in given.lonely["10_dseg"]
    write_reference(tmp_path / "r", "2")
    given = api.pair_label_maps(tmp_path / "r", tmp_path / "p")
    assert "no prediction" in given.lonely["2_dseg"]
    (tmp_path / "r" / "1_dseg.nii.gz").unlink()
    with pytest.raises(InputError, match="none of 2 predictions has a reference"):
        api.pair_label_maps(tmp_path / "r", tmp_path / "p")


# -- measure


def test_measures_of_a_file_are_the_phantoms_truth(folder):
    (files,) = api.find_measurable(
        folder / "A_dseg.nii.gz", water=folder / "A_water.nii.gz", fat=folder / "A_fat.nii.gz"
    )
    measured = api.measure_files(files).measures
    for value in (1, 2, 3, 4):
        assert measured.volumes_ml[value] == pytest.approx(phantom().volumes_ml[value], abs=1e-6)
        assert measured.fat_ratios[value] == pytest.approx(phantom().fat_ratio[value], abs=0.005)
    assert api.measure_rows(measured)[0]["case"] == "A_dseg"


def test_without_images_there_are_volumes_alone(folder):
    (files,) = api.find_measurable(folder / "A_dseg.nii.gz")
    measured = api.measure_files(files).measures
    assert measured.volumes_ml[1] == pytest.approx(phantom().volumes_ml[1], abs=1e-6)
    assert np.isnan(measured.fat_ratios[1])


def test_folders_of_label_maps_and_images_are_matched(folder):
    write_pair(folder, "B", 1)
    write_reference(folder, "B", 1)
    found = api.find_measurable(folder, water=folder, fat=folder)
    assert [(f.case, f.reference) for f in found] == [
        ("A", folder / "A_dseg.nii.gz"),
        ("B", folder / "B_dseg.nii.gz"),
    ]
    write_pair(folder, "C", 2)
    write_reference(folder / "more", "A", 0)
    write_reference(folder / "more", "D", 0)
    found = api.find_measurable(folder / "more", water=folder)
    assert [f.case for f in found] == ["A", "B", "C", "D_dseg"]
    assert [f.problem[:12] for f in found] == ["", "no label map", "no label map", "no image in "]
    (folder / "more" / "A_dseg.nii.gz").unlink()
    with pytest.raises(InputError, match="no label map belongs to any of the cases"):
        api.find_measurable(folder / "more", water=folder)


def test_an_image_on_another_grid_is_refused(folder):
    image = pair_of(phantom()).water
    write_image(Volume(image.array[1:], image.affine), folder / "x.nii.gz")
    (files,) = api.find_measurable(folder / "A_dseg.nii.gz", image=folder / "x.nii.gz")
    with pytest.raises(GeometryError):
        api.measure_files(files)


def test_a_missing_label_map_is_refused(tmp_path):
    with pytest.raises(LpmError, match="no such file"):
        api.find_measurable(tmp_path / "none.nii.gz")
