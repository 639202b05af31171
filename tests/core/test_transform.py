from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from lpm_segmentator.core import (
    Crop,
    Geometry,
    GeometryError,
    LabelMap,
    Volume,
    crop,
    crop_slices,
    reorient,
    resample,
    uncrop,
)
from strategies import ORIENTATIONS, geometries, gridded, label_maps, volumes


@st.composite
def cropped(draw):
    vol = draw(gridded)
    start = tuple(draw(st.integers(0, n - 1)) for n in vol.shape)
    stop = tuple(draw(st.integers(a + 1, n)) for a, n in zip(start, vol.shape, strict=True))
    return vol, Crop(start, stop, vol.geometry)


def world_value(vol, point_mm):
    index = np.rint(vol.geometry.world_to_voxel(point_mm)).astype(int)
    return vol.array[tuple(index)]


@given(cropped())
def test_uncrop_undoes_crop(case):
    vol, box = case
    back = uncrop(crop(vol, box), box)
    assert type(back) is type(vol)
    assert back.array.dtype == vol.array.dtype
    assert back.geometry == vol.geometry
    assert_array_equal(back.array[box.slices], vol.array[box.slices])
    outside = np.ones(vol.shape, dtype=bool)
    outside[box.slices] = False
    assert not back.array[outside].any()


@given(gridded)
def test_uncrop_of_the_whole_is_the_whole(vol):
    whole, box = crop_slices(vol, 0, vol.shape[vol.slice_axis])
    assert_array_equal(uncrop(whole, box).array, vol.array)


@given(cropped())
def test_a_landmark_keeps_its_place_under_crop(case):
    vol, box = case
    small = crop(vol, box)
    last = np.array(small.shape) - 1
    point = small.geometry.voxel_to_world(last)
    assert_allclose(vol.geometry.world_to_voxel(point), last + box.start, atol=1e-6)
    assert world_value(small, point) == world_value(vol, point)


@given(gridded, st.sampled_from(ORIENTATIONS), st.data())
def test_a_landmark_keeps_its_place_under_reorient(vol, codes, data):
    voxel = [data.draw(st.integers(0, n - 1)) for n in vol.shape]
    point = vol.geometry.voxel_to_world(voxel)
    turned = reorient(vol, codes)
    assert turned.geometry.axis_codes == codes
    assert world_value(turned, point) == vol.array[tuple(voxel)]


@pytest.mark.parametrize("codes", ORIENTATIONS, ids="".join)
def test_reorient_round_trip(codes):
    affine = np.array([[-1, 0.1, 0, 9], [0, -1.5, 0.4, -3], [0, 0.2, 4, 50], [0, 0, 0, 1.0]])
    vol = Volume(np.arange(24).reshape(2, 3, 4), affine)
    back = reorient(reorient(vol, codes), vol.geometry.axis_codes)
    assert_array_equal(back.array, vol.array)
    assert_allclose(back.affine, vol.affine, atol=1e-12)


@given(label_maps(), st.sampled_from(ORIENTATIONS))
def test_volumes_are_unchanged_by_reorientation(labels, codes):
    turned = reorient(labels, codes)
    assert turned.geometry.voxel_volume_ml == pytest.approx(labels.geometry.voxel_volume_ml)
    for structure in labels.scheme:
        assert turned.mask(structure).sum() == labels.mask(structure).sum()
    assert turned.slice_axis == next(a for a, c in enumerate(codes) if c in "IS")
    assert turned.geometry.slice_spacing_mm == pytest.approx(labels.geometry.slice_spacing_mm)


@pytest.mark.parametrize("codes", ["RAR", "RAL", "RA", "XYZ", "", "RASL"])
def test_orientations_that_are_none_are_refused(codes):
    with pytest.raises(GeometryError, match="three distinct directions"):
        reorient(Volume(np.zeros((2, 2, 2)), np.eye(4)), codes)


@pytest.mark.parametrize(("start", "stop"), [(-1, 2), (2, 2), (3, 2), (0, 5)])
def test_ranges_outside_the_image_are_refused(start, stop):
    vol = Volume(np.zeros((2, 3, 4)), np.eye(4))
    with pytest.raises(GeometryError, match=rf"\[{start}, {stop}\).*\[0, 4\)"):
        crop_slices(vol, start, stop)


def test_slices_lie_along_the_axis_that_runs_up_the_body():
    affine = np.array([[0, 1, 0, 0], [0, 0, 1, 0], [-4, 0, 0, 40], [0, 0, 0, 1.0]])
    vol = Volume(np.arange(24).reshape(4, 3, 2), affine)
    small, box = crop_slices(vol, 1, 3)
    assert small.shape == (2, 3, 2)
    assert_allclose(small.affine[:3, 3], [0, 0, 36])
    assert (box.start, box.stop) == ((1, 0, 0), (3, 3, 2))


def test_crops_of_other_images_are_refused():
    vol = Volume(np.zeros((2, 3, 4)), np.eye(4))
    moved = Volume(vol.array, np.diag([1, 1, 2.0, 1]))
    small, box = crop_slices(vol, 1, 3)
    with pytest.raises(GeometryError, match="another image"):
        crop(moved, box)
    with pytest.raises(GeometryError, match="origins differ"):
        uncrop(Volume(small.array, np.eye(4)), box)


@given(gridded, st.integers(0, 3))
def test_resampling_on_its_own_grid_changes_nothing(vol, order):
    same = resample(vol, vol.geometry, order=order)
    assert same.geometry == vol.geometry
    assert_array_equal(same.array, vol.array)


@given(volumes(), st.sampled_from(ORIENTATIONS), st.integers(0, 1))
def test_resampling_on_a_turned_grid_is_reorienting(vol, codes, order):
    turned = reorient(vol, codes)
    assert_allclose(resample(vol, turned.geometry, order=order).array, turned.array, atol=1e-3)


def ramp(geometry, slope=(0.5, -0.25, 2.0), offset=7.0):
    """An image that is linear in the world: any interpolation of order 1 or more is exact."""
    voxels = np.moveaxis(np.indices(geometry.shape), 0, -1)
    return Volume(geometry.voxel_to_world(voxels) @ slope + offset, geometry.affine)


@pytest.mark.parametrize("turn", [0.0, 0.1])
@pytest.mark.parametrize("codes", ["RAS", "LPS", "SRA"])
def test_linear_interpolation_is_exact_on_a_ramp(turn, codes):
    source = ramp(Geometry((20, 20, 20), np.diag([1.0, 1.0, 1.0, 1.0])))
    c, s = np.cos(turn), np.sin(turn)
    affine = np.array([[c, -s, 0, 6], [s, c, 0, 6], [0, 0, 1, 6], [0, 0, 0, 1]]) @ np.diag(
        [0.7, 1.3, 0.9, 1]
    )
    target = reorient(Volume(np.zeros((6, 5, 8)), affine), codes).geometry
    assert_allclose(resample(source, target, order=1).array, ramp(target).array, rtol=1e-6)


def over_its_box(geometry: Geometry, shape: Sequence[int]) -> Geometry:
    """Return a grid of other shape whose voxels fill the same box."""
    ratio = np.array(geometry.shape) / np.array(shape)
    affine = geometry.affine.copy()
    affine[:3, :3] *= ratio
    affine[:3, 3] = geometry.voxel_to_world((ratio - 1) / 2)
    return Geometry(tuple(shape), affine)


@given(geometries())
def test_a_constant_stays_constant_over_its_whole_box(geometry):
    ones = Volume(np.ones(geometry.shape, np.float32), geometry.affine)
    finer = over_its_box(geometry, [2 * n + 1 for n in geometry.shape])
    assert_allclose(resample(ones, finer, order=1, fill=-5).array, 1)


def test_outside_is_fill_and_the_edge_holds_for_half_a_voxel():
    ones = Volume(np.ones((1, 4, 4), np.float32), np.eye(4))
    affine = np.diag([0.3, 1.0, 1.0, 1.0])
    affine[0, 3] = -0.75
    wide = Geometry((5, 4, 4), affine)
    got = resample(ones, wide, order=1, fill=9).array[:, 0, 0]
    assert_array_equal(got, [9, 1, 1, 1, 1])


def test_a_turned_slice_grid_leaves_the_outside_filled():
    ones = Volume(np.ones((9, 9, 9), np.float32), np.eye(4))
    c = np.sqrt(0.5)
    turned = Geometry((13, 13, 9), [[c, -c, 0, 4], [c, c, 0, -4.5], [0, 0, 1, 0], [0, 0, 0, 1]])
    got = resample(ones, turned, order=1, fill=np.nan).array
    assert np.isnan(got[0, 12]).all()
    assert_allclose(got[6, 6], 1)


@pytest.mark.parametrize("order", [0, 1])
def test_labels_stay_labels_and_keep_their_size(order):
    array = np.zeros((24, 24, 6), dtype=np.uint8)
    array[4:12, 4:12, 1:5] = 1
    array[12:20, 4:12, 1:5] = 4
    labels = LabelMap(array, np.diag([1.0, 1.0, 3.0, 1.0]))
    finer = resample(labels, over_its_box(labels.geometry, (48, 48, 6)), order=order)
    assert isinstance(finer, LabelMap)
    assert finer.present == (1, 4)
    for value in (1, 4):
        before = labels.mask(value).sum() * labels.geometry.voxel_volume_ml
        after = finer.mask(value).sum() * finer.geometry.voxel_volume_ml
        assert after == pytest.approx(before, rel=0.02)


def test_antialiasing_averages_detail_that_the_target_cannot_hold():
    stripes = np.zeros((64, 8, 4), np.float32)
    stripes[::2] = 1
    vol = Volume(stripes, np.eye(4))
    coarse = over_its_box(vol.geometry, (16, 8, 4))
    plain = resample(vol, coarse, order=1).array
    smooth = resample(vol, coarse, order=1, antialias=True).array
    assert_allclose(smooth[2:-2], 0.5, atol=0.01)
    assert plain.mean() == pytest.approx(0.5)
    with pytest.raises(ValueError, match="order 1"):
        resample(vol, coarse, order=0, antialias=True)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("order", [0, 1, 3])
def test_every_type_can_be_resampled(dtype, order):
    vol = Volume(np.ones((4, 4, 4), dtype=dtype), np.eye(4))
    got = resample(vol, over_its_box(vol.geometry, (6, 5, 4)), order=order)
    assert_allclose(got.array, 1, atol=1e-5)
