"""Writing NIfTI: headers, forms and types of what is written."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from lpm_segmentator.core import (
    LabelMap,
    OutputError,
    Volume,
    crop_slices,
    reorient,
)
from lpm_segmentator.io import (
    read_image,
    read_label_map,
    read_source,
    write_image,
    write_label_map,
)
from nifti_files import AFFINE, RAMP, save
from strategies import ORIENTATIONS, label_maps


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


def test_a_form_of_an_unknown_code_is_written_as_aligned(tmp_path, capfd):
    path = save(tmp_path / "a.nii.gz", RAMP, sform_code=16, qform_code=0)
    image = read_image(path)
    turned = reorient(image.volume, ("R", "A", "S"))
    write_image(turned, tmp_path / "b.nii.gz", like=image.source)
    assert int(nib.load(tmp_path / "b.nii.gz").header["sform_code"]) == 2
    assert capfd.readouterr() == ("", "")
