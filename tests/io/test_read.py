"""Reading images and label maps: what is accepted, and what is refused with the file's name."""

from __future__ import annotations

import gzip
import json
import struct

import nibabel as nib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from lpm_segmentator.core import (
    DicomUids,
    FileFormatError,
    LabelError,
    LabelMap,
    Remedy,
)
from lpm_segmentator.io import (
    contrast_of,
    read_image,
    read_label_map,
    write_label_map,
)
from nifti_files import AFFINE, RAMP, noise, raw, save

RGB = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])


def truncate(path, keep=0.5):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    return path


def with_nan():
    array = RAMP.astype(np.float32)
    array[0, 0, :2] = np.nan, np.inf
    return array


def dicom(path):
    path.write_bytes(bytes(128) + b"DICM" + bytes(400))
    return path


def analyze(path):
    nib.Spm99AnalyzeImage(RAMP, np.eye(4)).to_filename(path)
    return path


def broken_dimension(path):
    save(path, RAMP)
    data = bytearray(path.read_bytes())
    data[40:42] = (9).to_bytes(2, "little")
    return raw(path, bytes(data))


BAD_IMAGES = {
    "missing": (lambda p: p / "a.nii", "no such file"),
    "folder": (lambda p: p, "folder"),
    "empty": (lambda p: raw(p / "a.nii.gz", b""), "empty"),
    "truncated gz": (lambda p: truncate(save(p / "a.nii.gz", noise())), "truncated"),
    "truncated nii": (lambda p: truncate(save(p / "a.nii", noise())), "truncated"),
    "header cut": (lambda p: truncate(save(p / "a.nii", noise()), 0.01), "truncated"),
    "not gzip": (lambda p: raw(p / "a.nii.gz", b"hello" * 100), "cannot be read as NIfTI"),
    "gzip of text": (lambda p: raw(p / "a.nii.gz", gzip.compress(b"hi" * 500)), "NIfTI"),
    "text": (lambda p: raw(p / "a.nii", b"hello" * 100), "cannot be read as NIfTI"),
    "dicom": (lambda p: dicom(p / "a.dcm"), "DICOM"),
    "dicom named nii": (lambda p: dicom(p / "a.nii"), "DICOM"),
    "analyze": (lambda p: analyze(p / "a.img"), "Analyze 7.5 image.*convert"),
    "dimension 9": (lambda p: broken_dimension(p / "a.nii"), "announces 9 axes"),
    "2-D": (lambda p: save(p / "a.nii", RAMP[0]), r"2 axes.*\(x, y, 1\)"),
    "4-D": (lambda p: save(p / "a.nii", np.stack([RAMP] * 2, -1)), r"several volumes.*slicer"),
    "5-D": (lambda p: save(p / "a.nii", np.zeros((3, 4, 5, 1, 3), "f4")), "several volumes"),
    "rgb": (lambda p: save(p / "a.nii", np.zeros((3, 4, 5), RGB)), "colours"),
    "complex": (lambda p: save(p / "a.nii", RAMP.astype(np.complex64)), "complex"),
    "nan": (lambda p: save(p / "a.nii", with_nan()), "2 of 60 voxels are nan"),
    "constant": (lambda p: save(p / "a.nii", np.full((3, 4, 5), 7, "i2")), "value 7"),
    "zero": (lambda p: save(p / "a.nii", np.zeros((3, 4, 5), "i2")), "value 0"),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize(("make", "words"), BAD_IMAGES.values(), ids=BAD_IMAGES)
def test_bad_images_are_named(tmp_path, make, words):
    path = make(tmp_path)
    with pytest.raises(FileFormatError, match=words) as caught:
        read_image(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "i8", "f4", "f8", ">i2", ">f4"])
def test_every_number_type_is_read_in_native_order(tmp_path, dtype):
    path = tmp_path / "a.nii.gz"
    header = nib.Nifti1Header(endianness=">" if dtype[0] == ">" else "<")
    nib.Nifti1Image(RAMP.astype(dtype), AFFINE, header, dtype=np.dtype(dtype)).to_filename(path)
    image = read_image(path)
    assert_array_equal(image.volume.array, RAMP)
    assert image.volume.array.dtype.isnative
    assert_allclose(image.volume.affine, AFFINE)


def test_scaling_is_applied(tmp_path):
    path = tmp_path / "a.nii"
    image = nib.Nifti1Image(RAMP, AFFINE)
    image.header.set_slope_inter(0.5, -3)
    image.to_filename(path)
    stored = nib.load(path)
    assert stored.dataobj.slope == 0.5
    assert_allclose(read_image(path).volume.array, stored.get_fdata())


@pytest.mark.parametrize("shape", [(12, 5, 1), (12, 5, 1, 1), (3, 4, 5, 1), (3, 4, 5, 1, 1)])
def test_single_slices_and_trailing_axes_of_one_are_fine(tmp_path, shape):
    path = save(tmp_path / "a.nii", np.arange(60, dtype=np.int16).reshape(shape))
    image = read_image(path)
    assert image.volume.shape == shape[:3]
    labels = LabelMap(np.zeros(shape[:3], np.uint8), image.volume.affine)
    write_label_map(labels, tmp_path / "b.nii", like=image.source)
    assert nib.load(tmp_path / "b.nii").shape == shape[:3]


def test_labels_as_floats_are_read(tmp_path):
    path = save(tmp_path / "a.nii.gz", (RAMP % 5).astype(np.float32))
    assert_array_equal(read_label_map(path).labels.array, RAMP % 5)
    empty = save(tmp_path / "b.nii.gz", np.zeros((3, 4, 5), np.uint8))
    assert read_label_map(empty).labels.present == ()


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (RAMP % 7, r"unknown label values \[5, 6\]"),
        (-(RAMP % 2), r"unknown label values \[-1\]"),
        (RAMP % 5 * np.float32(0.5), "whole numbers, this holds 0.5, 1.5"),
        (RAMP % 5 + np.float32(0.02), "whole numbers, this holds 0.02"),
        (with_nan(), "whole numbers, this holds inf"),
        (RAMP.astype(np.float64) * 1e300, "whole numbers"),
    ],
    ids=["unknown", "negative", "half", "a fiftieth", "inf", "huge"],
)
def test_values_that_are_no_labels_are_named(tmp_path, array, words):
    path = save(tmp_path / "a.nii", array)
    with pytest.raises(LabelError, match=words) as caught:
        read_label_map(path)
    assert str(path) in str(caught.value)


def test_values_to_ignore_stay_apart(tmp_path):
    array = (RAMP % 5).astype(np.uint8)
    array[0, 0, 0] = 255
    path = save(tmp_path / "a.nii", array)
    with pytest.raises(LabelError, match="255") as caught:
        read_label_map(path)
    assert Remedy.IGNORE_LABEL in caught.value.remedies
    assert read_label_map(path, ignore=[255]).labels.ignored.sum() == 1


def test_real_label_maps_with_an_undecided_value(shared_data):
    path = shared_data / "axial_t2_check" / "t2-005_label.nii.gz"
    labels = read_label_map(path, ignore=[255]).labels
    image = read_image(path.with_name("t2-005_image.nii.gz"))
    assert labels.geometry.describe_difference(image.volume.geometry) is None
    assert labels.present == (1, 2, 3, 4)
    assert labels.geometry.is_axial


def test_real_labels_lie_on_the_patients_sides(shared_data):
    folder = shared_data / "myosegmentum"
    labels = read_label_map(folder / "TUM01_fat_manual_label_segmentation_L2-L5.nii.gz").labels
    x_mm = {}
    for structure in labels.scheme:
        centre = np.argwhere(labels.mask(structure)).mean(axis=0)
        x_mm[structure.key] = labels.geometry.voxel_to_world(centre)[0]
    # RAS+: x grows to the right, and the multifidus lies nearer to the spine.
    assert x_mm["ES_R"] > x_mm["MF_R"] > x_mm["MF_L"] > x_mm["ES_L"]


def test_labels_near_whole_numbers_are_those_numbers(tmp_path):
    wanted = RAMP % 5
    stored = wanted.astype(np.float64) * 1.00002
    stored[0, 0, :2] = 0.9999, 0.0
    stored[0, 1, 0] = np.nan
    image = read_label_map(save(tmp_path / "a.nii.gz", stored))
    expected = wanted.copy()
    expected[0, 0, :2] = 1, 0
    expected[0, 1, 0] = 0
    assert_array_equal(image.labels.array, expected)
    assert any("rounded" in note for note in image.notes)
    assert any("1 undefined voxels (nan)" in note for note in image.notes)


def test_labels_that_nibabel_scaled_to_int16_are_read(tmp_path):
    image = nib.Nifti1Image((RAMP % 5).astype(np.float64), AFFINE)
    image.set_data_dtype(np.int16)  # nibabel scales to the type's whole range
    image.to_filename(tmp_path / "a.nii.gz")
    assert nib.load(tmp_path / "a.nii.gz").dataobj.slope != 1
    assert_array_equal(read_label_map(tmp_path / "a.nii.gz").labels.array, RAMP % 5)


@pytest.mark.parametrize("values", [5, 2])
def test_a_label_map_is_no_image(tmp_path, values):
    path = save(tmp_path / "a.nii.gz", (RAMP % values).astype(np.float32))
    with pytest.raises(LabelError, match="this is a label map") as caught:
        read_image(path)
    assert "lpm measure" in str(caught.value)


def test_few_grey_values_are_no_label_map_if_they_are_many_or_fractions(tmp_path):
    read_image(save(tmp_path / "a.nii", (RAMP % 6).astype(np.uint8)))
    read_image(save(tmp_path / "b.nii", (RAMP % 3 + 0.5).astype(np.float32)))


def test_the_source_of_an_image(tmp_path):
    path = save(tmp_path / "a_T2w.nii.gz", RAMP)
    sidecar = {"StudyInstanceUID": "1.2", "ImageType": ["DERIVED", "PRIMARY", "M", "WATER"]}
    (tmp_path / "a_T2w.json").write_text(json.dumps(sidecar))
    image = read_image(path)
    assert image.source.path == path
    assert image.source.uids == DicomUids(study="1.2")
    assert str(image.known_contrast) == "water (JSON sidecar)"
    assert str(image.volume.contrast) == "water"
    (tmp_path / "a_T2w.json").unlink()
    assert str(read_image(path).known_contrast) == "T2w (file name)"


@pytest.mark.parametrize(
    ("name", "description", "contrast"),
    [
        ("a_water", "t1_vibe_dixon_tra", "water (file name)"),
        ("a_opp", "t1_vibe_dixon_tra", "opposed-phase (file name)"),
        ("a_water", "t1_vibe_dixon_tra_F", "fat (JSON sidecar)"),
        ("a_F", "t1_tse_tra", "T1w (JSON sidecar)"),
        ("a_T2w", "t1_tse_tra", "T1w (JSON sidecar)"),
        ("a_water", "t1_tse_tra", "water (file name)"),
        ("a", "t1_vibe_dixon_tra", "unknown"),
    ],
)
def test_a_description_of_the_whole_scan_leaves_the_image_to_its_name(
    tmp_path, name, description, contrast
):
    (tmp_path / f"{name}.json").write_text(json.dumps({"SeriesDescription": description}))
    assert str(contrast_of(tmp_path / f"{name}.nii.gz")) == contrast


@pytest.mark.parametrize(("slope", "inter"), [(1e-3, 0), (0.0024, 1), (1e-30, 1)])
def test_a_scaling_that_makes_all_labels_one_is_refused(tmp_path, slope, inter):
    labels = np.arange(60, dtype=np.uint8).reshape(3, 4, 5) % 5
    path = save(tmp_path / "a.nii", labels)
    data = bytearray(path.read_bytes())
    struct.pack_into("<2f", data, 112, slope, inter)
    path.write_bytes(data)
    with pytest.raises((FileFormatError, LabelError), match="all values"):
        read_label_map(path)


@pytest.mark.parametrize("value", [1e16, -1e300])
def test_values_that_no_scanner_gives_are_refused(tmp_path, value):
    array = RAMP.astype(np.float64)
    array[0, 0, 0] = value
    with pytest.raises(FileFormatError, match="no scanner"):
        read_image(save(tmp_path / "a.nii.gz", array))
