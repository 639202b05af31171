from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from lpm_segmentator.core import Geometry, GeometryError, axis_codes, slice_axis, spacing_mm
from strategies import ORIENTATIONS, geometries, rotation, signed_permutation, spacings


def grid(codes="RAS", spacing=(1.0, 1.0, 4.0), shape=(8, 8, 8), turn=(0.0, 0.0, 0.0)):
    affine = np.eye(4)
    affine[:3, :3] = rotation(turn) @ signed_permutation(tuple(codes)) @ np.diag(spacing)
    return Geometry(shape, affine)


@pytest.mark.parametrize("codes", ORIENTATIONS, ids="".join)
def test_codes_and_slice_axis_of_every_orientation(codes):
    affine = grid(codes, turn=(12.0, -9.0, 17.0)).affine
    assert axis_codes(affine) == codes
    assert codes[slice_axis(affine)] in "IS"


@given(geometries())
def test_axis_codes_are_one_of_each_pair(geometry):
    assert sorted(map("LRPAIS".index, geometry.axis_codes)) in [
        sorted(p) for p in [(a, b, c) for a in (0, 1) for b in (2, 3) for c in (4, 5)]
    ]


def test_codes_at_45_degrees_give_no_direction_twice():
    codes = grid(turn=(45.0, 45.0, 45.0)).axis_codes
    assert len({"LRPAIS".index(c) // 2 for c in codes}) == 3


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((4, 4)),
        np.diag([1.0, 1.0, 0.0, 1.0]),
        np.diag([1.0, np.nan, 1.0, 1.0]),
        np.diag([1.0, 1.0, np.inf, 1.0]),
        np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]),
        np.diag([1.0, 1.0, 1.0, 2.0]),
        np.eye(3),
    ],
    ids=["zero", "no spacing", "nan", "inf", "parallel", "last row", "3x3"],
)
def test_affines_that_cannot_be_inverted_are_refused(bad):
    with pytest.raises(GeometryError):
        Geometry((2, 2, 2), bad)


def test_fine_spacing_is_not_singular():
    assert Geometry((2, 2, 2), np.diag([1e-3, 1e-3, 1e-3, 1])).voxel_volume_ml == pytest.approx(
        1e-12
    )


@pytest.mark.parametrize("shape", [(2, 2), (0, 2, 2), (1, 2, 3, 4)])
def test_shapes_without_three_filled_axes_are_refused(shape):
    with pytest.raises(GeometryError):
        Geometry(shape, np.eye(4))


@given(geometries(), st.tuples(*[st.floats(-50, 50)] * 3))
def test_world_and_voxel_invert_each_other(geometry, point):
    assert_allclose(geometry.world_to_voxel(geometry.voxel_to_world(point)), point, atol=1e-6)


@given(geometries())
def test_volume_is_spacing_multiplied_without_shear(geometry):
    assert geometry.voxel_volume_ml == pytest.approx(np.prod(geometry.spacing_mm) / 1000)
    sides = [geometry.spacing_mm[axis] for axis in geometry.in_plane_axes]
    assert geometry.pixel_area_mm2 == pytest.approx(np.prod(sides))


def test_gantry_tilt_shortens_the_distance_between_slices_not_the_step():
    affine = np.diag([1.0, 1.0, 4.0, 1.0])
    affine[1, 2] = 3.0
    tilted = Geometry((4, 4, 4), affine)
    assert spacing_mm(affine)[2] == pytest.approx(5.0)
    assert tilted.slice_spacing_mm == pytest.approx(4.0)
    assert tilted.voxel_volume_ml == pytest.approx(0.004)
    assert tilted.obliquity_deg == pytest.approx(0.0)


def test_the_normal_is_perpendicular_to_both_other_axes_and_one_long():
    geometry = grid("LPS", turn=(15.0, 5.0, 20.0))
    for axis in range(3):
        others = [geometry.affine[:3, a] for a in range(3) if a != axis]
        normal = geometry.normal(axis)
        assert np.linalg.norm(normal) == pytest.approx(1.0)
        assert [normal @ other for other in others] == pytest.approx([0.0, 0.0], abs=1e-12)
        assert np.linalg.det([*others, normal]) > 0


def test_the_middle_of_a_slice_is_the_mean_of_its_voxels():
    geometry = grid("SLP", turn=(15.0, 5.0, 20.0))
    assert geometry.slice_axis == 0
    _, rows, columns = geometry.shape
    voxels = [(1, row, column) for row in range(rows) for column in range(columns)]
    expected = geometry.voxel_to_world(voxels).mean(axis=0)
    np.testing.assert_allclose(geometry.slice_centre_mm(1), expected)


def test_obliquity_is_the_angle_of_the_slices():
    assert grid("LPS", turn=(15.0, 0.0, 0.0)).obliquity_deg == pytest.approx(15.0)


@pytest.mark.parametrize(
    ("geometry", "axis", "axial"),
    [
        (grid("LPS"), 2, True),
        (grid("SLP", spacing=(4, 1, 1)), 0, True),
        (grid("IPL"), 2, False),  # sagittal stack
        (grid("RSA"), 2, False),  # coronal stack
        (grid("PSR", spacing=(3, 3, 3)), 1, True),  # isotropic: read axially
        (grid("PSR", spacing=(1, 1.2, 1.1)), 1, True),
        (grid("IPL", spacing=(1, 1, 1), shape=(9, 9, 1)), 2, False),  # one sagittal slice
        (grid("LPS", spacing=(0.5, 0.5, 0.5), shape=(9, 9, 1)), 2, True),
        (grid("LPS", turn=(40.0, 0, 0)), 2, True),
        (grid("LPS", turn=(50.0, 0, 0)), 2, False),
    ],
)
def test_axial_is_how_slices_were_stacked(geometry, axis, axial):
    assert geometry.through_plane_axis == axis
    assert geometry.is_axial is axial


@given(geometries(), spacings)
def test_other_spacing_keeps_the_middle(geometry, spacing):
    other = geometry.with_spacing(spacing)
    assert_allclose(other.spacing_mm, spacing)
    assert_allclose(other.centre_mm, geometry.centre_mm, atol=1e-6)
    extent = np.array(geometry.shape) * geometry.spacing_mm
    covered = np.array(other.shape) * spacing
    assert (np.abs(covered - extent) <= np.maximum(0.5 * np.array(spacing) + 1e-6, spacing)).all()


@given(geometries())
def test_equal_grids_are_equal_and_hash_alike(geometry):
    twin = Geometry(geometry.shape, geometry.affine.copy())
    assert twin == geometry
    assert hash(twin) == hash(geometry)
    assert geometry.describe_difference(twin) is None
    assert geometry != geometry.with_spacing(np.array(geometry.spacing_mm) * 2)
    assert geometry != "grid"


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (grid(shape=(8, 8, 7)), r"shapes differ: \(8, 8, 8\) and \(8, 8, 7\)"),
        (grid().shifted((3, 4, 0), (8, 8, 8)), r"origins differ by 5.00 mm \(R, A, S: 3.00, 4.00"),
        (grid(spacing=(1.1, 1, 4)), r"spacings differ: 1 x 1 x 4 and 1.1 x 1 x 4 mm"),
        (grid("LAS"), "orientations differ: RAS and LAS"),
        (grid(turn=(2.0, 0, 0)), "turned by up to 2.00 degrees"),
    ],
)
def test_differences_are_named(other, words):
    assert re.search(words, grid().describe_difference(other) or "")


def test_tolerance_is_the_largest_displacement_of_a_voxel():
    fine, rounded = (grid(spacing=(s, s, 4.0), shape=(400, 400, 29)) for s in (1.0185186, 1.0185))
    assert fine.describe_difference(rounded) is None
    assert "spacings" in (fine.describe_difference(rounded, atol=1e-4) or "")


def test_affine_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        grid().affine[0, 0] = 2
