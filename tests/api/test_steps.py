from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lpm_segmentator import api
from lpm_segmentator.core import (
    LPM_SCHEME,
    GeometryError,
    LabelError,
    LabelMap,
    Remedy,
    TableError,
    Volume,
)
from lpm_segmentator.io import read_image, read_label_map, write_image, write_label_map
from lpm_segmentator.study.listing import ImageFile, list_volumes
from lpm_segmentator.study.options import SliceTable
from phantoms import Truthful, labels_of, phantom, write_pair, write_reference


@pytest.fixture
def folder(tmp_path):
    write_pair(tmp_path, "A")
    write_reference(tmp_path, "A")
    return tmp_path


def table(folder: Path, text: str, end: str = "inclusive") -> SliceTable:
    path = folder / "slices.csv"
    path.write_text(f"pid,slice_start,slice_stop\n{text}\n")
    return SliceTable(path, end)  # type: ignore[arg-type]


def item(path: Path) -> ImageFile:
    (file,) = list_volumes([path])
    return file


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
    write_label_map(
        LabelMap(array, labels.affine, LPM_SCHEME.ignoring([255])), folder / "A_dseg.nii.gz"
    )
    api.crop_file(
        item(folder / "A_dseg.nii.gz"), folder / "cut.nii.gz", table(folder, "A_dseg,2,4")
    )
    cut = read_label_map(folder / "cut.nii.gz", ignore=[255]).labels
    assert np.array_equal(cut.array, array[..., 2:5])


@pytest.mark.parametrize("end", ["inclusive", "exclusive"])
@pytest.mark.parametrize(("pid", "start"), [("01_water_img", 0), ("02_water_img", 6)])
def test_the_published_table_gives_the_published_crops(shared_data, tmp_path, pid, start, end):
    count = {"inclusive": 29, "exclusive": 28}[end]
    raw = Volume(np.arange(4 * 4 * 63, dtype=np.int16).reshape(4, 4, 63), np.diag([1, 1, 4, 1]))
    write_image(raw, tmp_path / f"{pid}.nii.gz")
    published = shared_data / "myosegmentum" / "MyoSegmenTUM_54_water_fat_L2-L5.csv"
    target = tmp_path / "out" / f"{pid}.nii.gz"
    api.crop_file(item(tmp_path / f"{pid}.nii.gz"), target, SliceTable(published, end))
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


def test_a_range_outside_names_the_file_and_the_remedy(folder):
    with pytest.raises(GeometryError) as caught:
        api.crop_file(
            item(folder / "A_water.nii.gz"), folder / "cut.nii.gz", table(folder, "A_water,0,6")
        )
    assert "A_water" in str(caught.value)
    assert caught.value.remedies == (Remedy.SLICE_END,)


# -- segment and clean


def test_segment_writes_the_mask_on_the_images_grid(folder):
    predictor = Truthful(labels_of(phantom()))
    findings = api.segment_file(
        str(folder / "A_water.nii.gz"), folder / "m.nii.gz", predictor=predictor
    )
    mask = read_label_map(folder / "m.nii.gz").labels
    assert np.array_equal(mask.array, phantom().labels)
    assert mask.geometry == read_image(folder / "A_water.nii.gz").volume.geometry
    assert [finding.message for finding in findings] == ["this predictor returns the truth"]


def test_clean_counts_what_it_removed(folder):
    labels = labels_of(phantom())
    array = labels.array.copy()
    array[0, 0, :2] = 4
    write_label_map(labels.with_array(array), folder / "n_dseg.nii.gz")
    assert api.postprocess_file(folder / "n_dseg.nii.gz", folder / "c.nii.gz") == 2
    assert np.array_equal(read_label_map(folder / "c.nii.gz").labels.array, labels.array)


def test_clean_refuses_an_image(folder):
    with pytest.raises(LabelError):
        api.postprocess_file(folder / "A_water.nii.gz", folder / "c.nii.gz")
