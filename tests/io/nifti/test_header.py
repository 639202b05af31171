"""Where a header places its voxels: contradictions, missing and damaged accounts."""

from __future__ import annotations

import gzip
import struct

import nibabel as nib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from lpm_segmentator.core import (
    FileFormatError,
    GeometryError,
    LabelMap,
    Remedy,
    crop_slices,
)
from lpm_segmentator.io import (
    HeaderOptions,
    read_geometry,
    read_image,
    write_image,
    write_label_map,
)
from nifti_files import AFFINE, RAMP, noise, save


@pytest.mark.parametrize("row", [0, [0, 0, 0, 90]])
def test_singular_affines_name_the_file(tmp_path, row):
    path = save(tmp_path / "a.nii", RAMP, srow_x=row, pixdim=[1, 0, 0, 0, 0, 0, 0, 0])
    with pytest.raises(GeometryError, match="singular") as caught:
        read_image(path)
    assert str(path) in str(caught.value)


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


def test_a_fourth_dimension_of_zero_is_none(tmp_path):
    path = save(tmp_path / "a.nii", RAMP, dim=[4, 3, 4, 5, 0, 1, 1, 1])
    assert_array_equal(read_image(path).volume.array, RAMP)


def test_an_unknown_unit_is_taken_as_mm(tmp_path):
    path = save(tmp_path / "a.nii", RAMP, xyzt_units=7)
    read = read_image(path)
    assert_allclose(read.volume.affine, AFFINE)
    assert "no known unit" in read.notes[0]
    write_label_map(LabelMap(RAMP % 5, AFFINE), tmp_path / "b.nii", like=read.source)


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
