from __future__ import annotations

import gzip
import struct

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from lpm_segmentator.core import (
    DicomUids,
    FileFormatError,
    GeometryError,
    LabelError,
    LabelMap,
    OutputError,
    Remedy,
    Volume,
    crop_slices,
    reorient,
)
from lpm_segmentator.io import (
    HeaderOptions,
    read_geometry,
    read_image,
    read_label_map,
    read_source,
    write_image,
    write_label_map,
)
from strategies import ORIENTATIONS, label_maps

RAMP = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
AFFINE = np.array([[-1.5, 0, 0, 90], [0, -1.5, 0, 80], [0, 0, 4, -50], [0, 0, 0, 1.0]])
RGB = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])


def save(path, array, affine=AFFINE, **fields):
    header = nib.Nifti1Image(array, affine).header
    for name, value in fields.items():
        header[name] = value
    # Without an affine nibabel writes the header's fields as they are.
    nib.Nifti1Image(array, None, header).to_filename(path)
    return path


def truncate(path, keep=0.5):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    return path


def noise():
    return np.random.default_rng(0).integers(0, 4000, (20, 20, 10)).astype(np.int16)


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


def raw(path, data):
    path.write_bytes(data)
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


@pytest.mark.parametrize("row", [0, [0, 0, 0, 90]])
def test_singular_affines_name_the_file(tmp_path, row):
    path = save(tmp_path / "a.nii", RAMP, srow_x=row, pixdim=[1, 0, 0, 0, 0, 0, 0, 0])
    with pytest.raises(GeometryError, match="singular") as caught:
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


def test_a_file_may_be_replaced_while_its_image_is_in_use(tmp_path):
    path = save(tmp_path / "a.nii", noise())
    volume = read_image(path).volume
    path.write_bytes(b"")
    assert_array_equal(volume.array, noise())


def test_a_missing_orientation_is_noted(tmp_path):
    path = save(tmp_path / "a.nii", RAMP, sform_code=0, qform_code=0)
    (note,) = read_image(path).notes
    assert "states no orientation" in note


def test_forms_that_place_an_image_apart_are_noted(tmp_path):
    image = nib.Nifti1Image(RAMP, None)
    image.set_qform(AFFINE, code=1)
    image.set_sform(AFFINE, code=1)
    image.header["qoffset_x"] = 0
    image.to_filename(tmp_path / "a.nii")
    read = read_image(tmp_path / "a.nii")
    assert_allclose(read.volume.affine, AFFINE)
    (note,) = read.notes
    assert "qform and sform place voxels up to 90.0 mm apart; the sform was used" in note


def test_a_broken_quaternion_beside_a_good_sform_does_no_harm(tmp_path):
    path = save(tmp_path / "a.nii", RAMP, qform_code=1, quatern_b=2, quatern_c=2)
    image = read_image(path)
    labels, _ = crop_slices(LabelMap(RAMP % 5, image.volume.affine), 1, 3)
    write_label_map(labels, tmp_path / "b.nii", like=image.source)
    assert_allclose(nib.load(tmp_path / "b.nii").affine, labels.affine)


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


def template(tmp_path, q=(1, AFFINE), s=(2, AFFINE)):
    """Return the path of an image with these codes and forms, and odd units."""
    image = nib.Nifti1Image(RAMP, None)
    image.header.set_zooms((1.5, 1.5, np.linalg.norm(s[1][:3, 2]) if s[1] is not None else 4))
    image.header.set_qform(q[1], code=q[0])
    image.header.set_sform(s[1], code=s[0])
    image.header.set_xyzt_units("mm", "sec")
    image.header["descrip"] = b"scanner"
    image.to_filename(tmp_path / "template.nii.gz")
    return tmp_path / "template.nii.gz"


SHEARED = AFFINE.copy()
SHEARED[1, 2] = 0.7
OBLIQUE = nib.affines.from_matvec(
    nib.eulerangles.euler2mat(0.1, 0.2, 0.3) @ AFFINE[:3, :3], [12.34, -56.78, 9.1]
)
MOVED = AFFINE.copy()
MOVED[:3, 3] += 7
FORMS = {
    "q": ((1, OBLIQUE), (0, None)),
    "s": ((0, None), (2, SHEARED)),
    "both": ((1, OBLIQUE), (4, OBLIQUE)),
    "both, apart": ((1, AFFINE), (2, MOVED)),
    "none": ((0, None), (0, None)),
}
KEPT = ("qform_code", "sform_code", "xyzt_units", "pixdim", "quatern_b", "quatern_c", "quatern_d")
ORIGIN = ("qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z")


@pytest.mark.parametrize(("q", "s"), FORMS.values(), ids=FORMS)
def test_on_the_same_grid_the_header_is_kept_to_the_bit(tmp_path, q, s):
    source = template(tmp_path, q, s)
    image = read_image(source)
    labels = LabelMap(RAMP % 5, image.volume.affine)
    write_label_map(labels, tmp_path / "b.nii.gz", like=image.source)
    before, after = nib.load(source).header, nib.load(tmp_path / "b.nii.gz").header
    for field in (*KEPT, *ORIGIN):
        assert before[field].tobytes() == after[field].tobytes(), field
    assert after.get_data_dtype() == np.uint8
    assert_array_equal(read_label_map(tmp_path / "b.nii.gz").labels.array, RAMP % 5)


@pytest.mark.parametrize(("q", "s"), FORMS.values(), ids=FORMS)
def test_a_crop_moves_both_forms_alike(tmp_path, q, s):
    source = template(tmp_path, q, s)
    image = read_image(source)
    small, box = crop_slices(image.volume, 2, 5)
    write_image(small, tmp_path / "b.nii.gz", like=image.source)
    before, after = nib.load(source).header, nib.load(tmp_path / "b.nii.gz").header
    crop = read_image(tmp_path / "b.nii.gz")
    assert_allclose(crop.volume.affine[:3, :3], small.affine[:3, :3], atol=1e-4)
    if q[0] or s[0]:
        assert_allclose(crop.volume.affine, small.affine, atol=1e-4)
    else:  # such a header cannot state a place, and must not pretend that it knows the sides
        assert "left and right are a guess" in crop.notes[0]
    for get in ("get_qform", "get_sform"):
        old, code = getattr(before, get)(coded=True)
        if code:
            new = getattr(after, get)(coded=True)
            moved = nib.affines.apply_affine(old, box.start)
            assert new[1] == code
            assert_allclose(new[0][:3, 3], moved, atol=1e-4)
            assert_array_equal(new[0][:3, :3], old[:3, :3])
    for field in KEPT:
        assert before[field].tobytes() == after[field].tobytes(), field


@pytest.mark.parametrize(("q", "s"), FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("codes", ORIENTATIONS[::7], ids="".join)
def test_other_grids_are_placed_right(tmp_path, q, s, codes):
    image = read_image(template(tmp_path, q, s))
    turned = reorient(image.volume, codes)
    write_image(turned, tmp_path / "b.nii", like=image.source)
    back = read_image(tmp_path / "b.nii").volume
    assert turned.geometry.describe_difference(back.geometry, 1e-3) is None
    assert_array_equal(back.array, turned.array)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(label_maps(), st.sampled_from([".nii", ".nii.gz"]))
def test_labels_come_back_without_a_template(tmp_path, labels, suffix):
    path = tmp_path / f"a{suffix}"
    write_label_map(labels, path)
    back = read_label_map(path).labels
    assert_array_equal(back.array, labels.array)
    assert labels.geometry.describe_difference(back.geometry, 1e-3) is None
    header = nib.load(path).header
    assert (header["qform_code"], header["sform_code"]) == (1, 1)
    assert header.get_xyzt_units()[0] == "mm"


@pytest.mark.parametrize(
    ("dtype", "stored"),
    [
        (bool, "u1"),
        ("f2", "f4"),
        ("i8", "i4"),
        ("u8", "i4"),
        ("u2", "u2"),
        ("f8", "f8"),
        ("f4", "f4"),
    ],
)
def test_images_come_back_in_a_type_that_readers_know(tmp_path, dtype, stored):
    array = (RAMP % 7 if dtype is not bool else RAMP % 2).astype(dtype)
    write_image(Volume(array, AFFINE), tmp_path / "a.nii")
    assert nib.load(tmp_path / "a.nii").get_data_dtype() == np.dtype(stored)
    stored_array = np.asanyarray(nib.load(tmp_path / "a.nii").dataobj)
    assert_array_equal(stored_array, array)


def test_integers_beyond_32_bits_are_kept_as_floats(tmp_path):
    array = RAMP.astype(np.int64) << 40
    write_image(Volume(array, AFFINE), tmp_path / "a.nii")
    assert_array_equal(read_image(tmp_path / "a.nii").volume.array, array)


def test_a_scaled_template_does_not_scale_the_labels(tmp_path):
    image = nib.Nifti1Image(RAMP, AFFINE)
    image.header.set_slope_inter(0.5, -3)
    image.header["cal_max"] = 900
    image.to_filename(tmp_path / "a.nii")
    labels = LabelMap(RAMP % 5, AFFINE)
    write_label_map(labels, tmp_path / "b.nii", like=read_source(tmp_path / "a.nii"))
    assert_array_equal(np.asanyarray(nib.load(tmp_path / "b.nii").dataobj), RAMP % 5)
    assert nib.load(tmp_path / "b.nii").header["cal_max"] == 0


def test_writing_fails_whole(tmp_path, monkeypatch):
    labels = LabelMap(RAMP % 5, AFFINE)
    with pytest.raises(OutputError, match=r"\.nii\.gz"):
        write_label_map(labels, tmp_path / "a.png")

    def full(self, filename):
        filename.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(nib.Nifti1Image, "to_filename", full)
    with pytest.raises(OutputError, match="No space left"):
        write_label_map(labels, tmp_path / "a.nii.gz")
    assert not list(tmp_path.iterdir())


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


@pytest.mark.parametrize(("unit", "factor"), [("meter", 1e-3), ("micron", 1e3), ("mm", 1.0)])
@pytest.mark.parametrize("slope", [1.0, 2.0])
def test_lengths_in_other_units_become_mm(tmp_path, unit, factor, slope):
    affine = np.diag([factor, factor, factor, 1.0]) @ AFFINE
    image = nib.Nifti1Image(RAMP, affine)
    image.header.set_xyzt_units(unit, "sec")
    image.header.set_slope_inter(slope, 0)
    image.set_qform(affine, code=1)
    image.to_filename(tmp_path / "a.nii.gz")
    read = read_image(tmp_path / "a.nii.gz")
    assert_allclose(read.volume.affine, AFFINE, rtol=1e-5)
    assert_array_equal(read.volume.array, RAMP * slope)
    assert_allclose(read_geometry(tmp_path / "a.nii.gz").spacing_mm, (1.5, 1.5, 4), rtol=1e-5)
    write_image(read.volume, tmp_path / "b.nii.gz", like=read.source)
    header = nib.load(tmp_path / "b.nii.gz").header
    assert header.get_xyzt_units()[0] == "mm"
    assert_allclose(header.get_qform(), AFFINE, rtol=1e-5, atol=1e-5)
    assert_allclose(header.get_sform(), AFFINE, rtol=1e-5)


@pytest.mark.parametrize("unit", ["meter", "micron"])
def test_a_unit_that_cannot_be_is_refused(tmp_path, unit):
    image = nib.Nifti1Image(RAMP, AFFINE)
    image.header.set_xyzt_units(unit)
    image.to_filename(tmp_path / "a.nii.gz")
    with pytest.raises(FileFormatError, match=f"lengths in {unit}s.*set_xyzt_units"):
        read_image(tmp_path / "a.nii.gz")


# -- headers that contradict themselves, carry nothing, or are damaged


def contradictory(path, *, sform=AFFINE, qform=None, pixdim=None):
    """An image with these forms, and pixdim overwritten afterwards."""
    image = nib.Nifti1Image(noise(), None)
    if qform is not None:
        image.set_qform(qform, code=1)
    if sform is not None:
        image.set_sform(sform, code=1)
    image.to_filename(path)
    if pixdim is not None:
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rb") as file:
            data = bytearray(file.read())
        data[80:92] = struct.pack("<3f", *pixdim)
        with opened(path, "wb") as file:
            file.write(data)
    return path


def turned(degrees):
    turn = nib.eulerangles.euler2mat(np.radians(degrees), 0, 0)
    return nib.affines.from_matvec(turn @ AFFINE[:3, :3], AFFINE[:3, 3])


UNIT_STEPS = np.diag([-1.0, -1.0, 1.0, 1.0])
CONTRADICTIONS = {
    "sform of 1 mm, qform of the true size": {"sform": UNIT_STEPS, "qform": AFFINE},
    "sform of 1 mm, pixdim of the true size": {"sform": UNIT_STEPS, "pixdim": (1.5, 1.5, 4)},
    "left and right": {"qform": AFFINE @ np.diag([-1.0, 1, 1, 1])},
    "head and foot": {"qform": AFFINE @ np.diag([1.0, 1, -1, 1])},
    "turned by 13 degrees": {"qform": turned(13)},
}


@pytest.mark.parametrize("forms", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_header_that_contradicts_itself_is_refused(tmp_path, forms):
    path = contradictory(tmp_path / "a.nii.gz", **forms)
    with pytest.raises(GeometryError, match=r"the sform says .* the (qform|pixdim)") as caught:
        read_image(path)
    assert caught.value.remedies == (Remedy.TRUST,)
    assert str(path) in str(caught.value)
    with pytest.raises(GeometryError):
        read_geometry(path)


@pytest.mark.parametrize("forms", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
@pytest.mark.parametrize("trust", ["sform", "qform", "pixdim"])
def test_the_user_says_which_account_counts(tmp_path, forms, trust):
    path = contradictory(tmp_path / "a.nii.gz", **forms)
    options = HeaderOptions(trust=trust)
    sform, qform = forms.get("sform", AFFINE), forms.get("qform")
    if trust == "qform" and qform is None:
        with pytest.raises(GeometryError, match="states no qform"):
            read_image(path, options)
        return
    read = read_image(path, options)
    expected = {"sform": sform, "qform": qform, "pixdim": sform}[trust]
    steps = (1.5, 1.5, 4.0) if trust == "pixdim" else np.linalg.norm(expected[:3, :3], axis=0)
    assert_allclose(read.volume.spacing_mm, steps, rtol=1e-5)
    directions = expected[:3, :3] / np.linalg.norm(expected[:3, :3], axis=0)
    assert_allclose(read.volume.affine[:3, :3] / read.volume.spacing_mm, directions, atol=1e-5)
    assert f"the {trust} counts, as requested" in read.notes


def test_accounts_that_differ_by_rounding_are_one(tmp_path):
    path = contradictory(tmp_path / "a.nii.gz", qform=turned(0.01), pixdim=(1.5001, 1.5, 4))
    assert read_image(path).notes == ()


def test_accounts_that_differ_a_little_are_noted(tmp_path):
    path = contradictory(tmp_path / "a.nii.gz", qform=turned(0.8))
    (note,) = read_image(path).notes
    assert "apart; the sform was used" in note


@pytest.mark.parametrize("step", [0.0, -1.5, float("nan")])
def test_a_spacing_that_cannot_be_is_refused_where_it_decides(tmp_path, step):
    path = contradictory(tmp_path / "a.nii", sform=None, qform=AFFINE, pixdim=(step, 1.5, 4))
    with pytest.raises(GeometryError, match="is not positive") as caught:
        read_image(path)
    assert caught.value.remedies == (Remedy.SPACING,)
    given = read_image(path, HeaderOptions(spacing_mm=(1.5, 1.5, 4)))
    assert_allclose(given.volume.spacing_mm, (1.5, 1.5, 4))
    beside_a_good_sform = contradictory(tmp_path / "b.nii", pixdim=(step, 1.5, 4))
    assert_allclose(read_image(beside_a_good_sform).volume.affine, AFFINE)


@pytest.mark.parametrize(
    "affine", [np.eye(4), UNIT_STEPS, None], ids=["identity", "identity in ITK", "none"]
)
def test_a_header_without_geometry_is_refused_unless_the_spacing_is_stated(tmp_path, affine):
    path = contradictory(tmp_path / "a.nii.gz", sform=affine)
    with pytest.raises(GeometryError, match="carries no geometry") as caught:
        read_image(path)
    assert caught.value.remedies == (Remedy.SPACING,)
    read = read_image(path, HeaderOptions(spacing_mm=(0.5, 0.6, 4)))
    assert_allclose(read.volume.spacing_mm, (0.5, 0.6, 4))
    assert "was given by the user" in read.notes[0]


def test_a_position_is_a_geometry(tmp_path):
    placed = np.eye(4)
    placed[:3, 3] = (12, -7, 40)
    path = contradictory(tmp_path / "a.nii.gz", sform=placed)
    assert_allclose(read_image(path).volume.affine, placed)


@pytest.mark.parametrize(
    "options", [{"trust": "affine"}, {"spacing_mm": (1, 0, 1)}, {"spacing_mm": (1, 1)}]
)
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(GeometryError):
        HeaderOptions(**options)


def test_a_damaged_stream_is_refused_though_it_can_be_decoded(tmp_path):
    path = save(tmp_path / "a.nii.gz", noise())
    content = bytearray(path.read_bytes())
    crc, size = struct.unpack("<II", content[-8:])
    for broken in (struct.pack("<II", crc ^ 1, size), struct.pack("<II", crc, size + 1)):
        path.write_bytes(bytes(content[:-8]) + broken)
        with pytest.raises(FileFormatError, match="damaged") as caught:
            read_image(path)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize(("name", "zipped"), [("a.nii", True), ("a.nii.gz", False)])
def test_content_counts_not_the_name(tmp_path, name, zipped):
    plain = save(tmp_path / "plain.nii", RAMP).read_bytes()
    path = raw(tmp_path / name, gzip.compress(plain) if zipped else plain)
    read = read_image(path)
    assert_array_equal(read.volume.array, RAMP)
    assert "compressed" in read.notes[0]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_pairs_of_header_and_image(tmp_path, suffix):
    image = nib.Nifti1Pair(RAMP, AFFINE)
    image.to_filename(tmp_path / f"a.img{suffix}")
    for name in (f"a.hdr{suffix}", f"a.img{suffix}"):
        read = read_image(tmp_path / name)
        assert_array_equal(read.volume.array, RAMP)
        assert_allclose(read.volume.affine, AFFINE)
    write_label_map(LabelMap(RAMP % 5, AFFINE), tmp_path / "b.nii.gz", like=read.source)
    assert_array_equal(read_label_map(tmp_path / "b.nii.gz").labels.array, RAMP % 5)
    (tmp_path / f"a.img{suffix}").unlink()
    with pytest.raises(FileFormatError, match="of the pair is missing"):
        read_image(tmp_path / f"a.hdr{suffix}")


def test_a_fourth_dimension_of_zero_is_none(tmp_path):
    path = save(tmp_path / "a.nii", RAMP, dim=[4, 3, 4, 5, 0, 1, 1, 1])
    assert_array_equal(read_image(path).volume.array, RAMP)


def test_an_unknown_unit_is_taken_as_mm(tmp_path):
    path = save(tmp_path / "a.nii", RAMP, xyzt_units=7)
    read = read_image(path)
    assert_allclose(read.volume.affine, AFFINE)
    assert "no known unit" in read.notes[0]
    write_label_map(LabelMap(RAMP % 5, AFFINE), tmp_path / "b.nii", like=read.source)


def test_an_unknown_data_type_is_refused(tmp_path):
    path = save(tmp_path / "a.nii", RAMP)
    data = bytearray(path.read_bytes())
    data[70:72] = (77).to_bytes(2, "little")
    with pytest.raises(FileFormatError, match="unknown data type"):
        read_image(raw(path, bytes(data)))


# -- label maps that programs stored with scaling or rounding


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
    (tmp_path / "a_T2w.json").write_text('{"StudyInstanceUID": "1.2", "ImageType": ["M", "WATER"]}')
    image = read_image(path)
    assert image.source.path == path
    assert image.source.uids == DicomUids(study="1.2")
    assert str(image.known_contrast) == "water (JSON sidecar)"
    assert str(image.volume.contrast) == "water"
    (tmp_path / "a_T2w.json").unlink()
    assert str(read_image(path).known_contrast) == "T2w (file name)"


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_bytes_that_the_shape_does_not_account_for_are_refused(tmp_path, name):
    path = save(tmp_path / name, RAMP)
    plain = path.read_bytes() if name == "a.nii" else gzip.decompress(path.read_bytes())
    shorter = bytearray(plain)
    struct.pack_into("<h", shorter, 46, 4)  # the third axis has 5 voxels
    path.write_bytes(shorter if name == "a.nii" else gzip.compress(shorter))
    with pytest.raises(FileFormatError, match=r"24 bytes more than the header's shape 3 × 4 × 4"):
        read_image(path)


def test_a_shape_whose_product_no_integer_of_64_bits_holds_is_refused(tmp_path):
    header = nib.Nifti2Image(RAMP, AFFINE).header
    header["dim"][1:4] = 2**32, 2**32, 1
    path = tmp_path / "a.nii"
    path.write_bytes(header.binaryblock + b"\0" * 4 + RAMP.tobytes())
    with pytest.raises(GeometryError, match="would measure"):
        read_image(path)


@pytest.mark.parametrize(("slope", "inter"), [(1e-3, 0), (0.0024, 1), (1e-30, 1)])
def test_a_scaling_that_makes_all_labels_one_is_refused(tmp_path, slope, inter):
    labels = np.arange(60, dtype=np.uint8).reshape(3, 4, 5) % 5
    path = save(tmp_path / "a.nii", labels)
    data = bytearray(path.read_bytes())
    struct.pack_into("<2f", data, 112, slope, inter)
    path.write_bytes(data)
    with pytest.raises((FileFormatError, LabelError), match="all values"):
        read_label_map(path)


@pytest.mark.parametrize("factor", [1e-4, 1e3, 1e12])
def test_an_image_larger_than_any_body_is_refused(tmp_path, factor):
    affine = AFFINE.copy()
    affine[:3, :3] *= factor
    path = save(tmp_path / "a.nii.gz", RAMP, affine)
    with pytest.raises(GeometryError, match="would measure") as caught:
        read_image(path)
    assert caught.value.remedies == (Remedy.SPACING,)
    assert read_image(path, HeaderOptions(spacing_mm=(1.5, 1.5, 4))).volume.shape == RAMP.shape


def test_an_origin_beyond_the_house_is_refused(tmp_path):
    path = save(tmp_path / "a.nii.gz", RAMP, qform_code=0, srow_x=(-1.5, 0, 0, 1e30))
    with pytest.raises(GeometryError, match="first voxel"):
        read_image(path)


def test_forms_that_make_no_sense_are_no_missing_forms(tmp_path):
    path = save(tmp_path / "a.nii.gz", RAMP, qform_code=0, srow_x=(np.nan, 0, 0, 1))
    with pytest.raises(GeometryError, match="make no sense") as caught:
        read_image(path)
    assert caught.value.remedies == (Remedy.TRUST,)
    assert read_image(path, HeaderOptions(trust="pixdim")).volume.spacing_mm == (1.5, 1.5, 4)


@pytest.mark.parametrize("value", [1e16, -1e300])
def test_values_that_no_scanner_gives_are_refused(tmp_path, value):
    array = RAMP.astype(np.float64)
    array[0, 0, 0] = value
    with pytest.raises(FileFormatError, match="no scanner"):
        read_image(save(tmp_path / "a.nii.gz", array))


def test_a_form_of_an_unknown_code_is_written_as_aligned(tmp_path, capfd):
    path = save(tmp_path / "a.nii.gz", RAMP, sform_code=16, qform_code=0)
    image = read_image(path)
    turned = reorient(image.volume, ("R", "A", "S"))
    write_image(turned, tmp_path / "b.nii.gz", like=image.source)
    assert int(nib.load(tmp_path / "b.nii.gz").header["sform_code"]) == 2
    assert capfd.readouterr() == ("", "")
