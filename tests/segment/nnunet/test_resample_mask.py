"""The region used for normalisation, resampled as nnU-Net v1 resamples its labels."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from scipy import ndimage

from lpm_segmentator.segment.nnunet.resample import (
    nearest_indices,
    new_shape,
    resize_mask,
    separate_axis,
)
from lpm_segmentator.segment.nnunet.spec import Resampling

GENERIC, LABELS = Resampling(3), Resampling(1)
SPLINE_Z, LABELS_Z = Resampling(3, order_z=3), Resampling(1, order_z=1)
BETTER = Resampling(3, separate_z=False)
SPACINGS = [
    # before, after, shape before
    ((1.5, 1.5, 1.5), (0.75, 0.75, 0.75), (9, 14, 11)),
    ((1.05, 1.05, 1.5), (0.9, 0.7, 0.7), (14, 17, 15)),
    ((4.4, 1.25, 1.25), (4.0, 0.625, 0.625), (9, 21, 20)),
    ((5.0, 0.8, 0.8), (3.3, 1.2, 1.2), (7, 30, 28)),
    ((0.5, 4.0, 0.8), (0.8, 3.0, 0.4), (22, 6, 25)),
    ((1.0, 1.0, 1.0), (3.0, 1.5, 0.4), (19, 14, 14)),
    ((1.0, 1.0, 1.0), (1.0, 14 / 41, 14 / 43), (12, 14, 14)),
]


def _mask(shape: tuple[int, ...], *, smooth: bool) -> np.ndarray:
    values = np.random.default_rng(sum(shape)).normal(size=shape)
    return (ndimage.gaussian_filter(values, 1.5) if smooth else values) > 0


def _resized(labels: np.ndarray, shape: tuple[int, ...], order: int) -> np.ndarray:
    """``resize_segmentation`` of batchgenerators since 0.25.4."""
    utils = pytest.importorskip("batchgenerators.augmentations.utils", reason="needs nnunetv2")
    if "seg_tiebreak" not in inspect.signature(utils.resize_segmentation).parameters:
        pytest.skip("batchgenerators before 0.25.4 decides ties otherwise")
    resized: np.ndarray = utils.resize_segmentation(labels, shape, order)
    return resized


def _as_v1(
    mask: np.ndarray, shape: tuple[int, ...], rule: Resampling, axis: int | None
) -> np.ndarray:
    """``resample_data_or_seg(is_seg=True)`` of nnU-Net 1.7.1 on labels -1 (outside) and 0."""
    labels = np.where(mask, 0, -1)
    if axis is None:
        return _resized(labels, shape, rule.order) >= 0
    plane = tuple(n for a, n in enumerate(shape) if a != axis)
    planes = [_resized(part, plane, rule.order) for part in np.moveaxis(labels, axis, 0)]
    stacked = np.stack(planes, axis)
    if stacked.shape == shape:
        return stacked >= 0
    scales = [old / new for old, new in zip(stacked.shape, shape, strict=True)]
    grid = [s * (g + 0.5) - 0.5 for s, g in zip(scales, np.indices(shape), strict=True)]
    if rule.order_z == 0:
        return ndimage.map_coordinates(stacked, grid, order=0, mode="nearest") >= 0
    out = np.zeros(shape, dtype=int)
    for label in np.unique(stacked):
        one = (stacked == label).astype(float)
        moved = ndimage.map_coordinates(one, grid, order=rule.order_z, mode="nearest")
        out[np.round(moved) > 0.5] = label
    return out >= 0


@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize(("before", "after", "size"), SPACINGS)
@pytest.mark.parametrize(
    "rules",
    [(GENERIC, LABELS), (SPLINE_Z, LABELS_Z), (BETTER, Resampling(3))],
    ids=["generic", "spline-z", "better"],
)
def test_every_voxel_is_decided_as_in_v1(before, after, size, rules, smooth):
    data, labels = rules
    mask = _mask(size, smooth=smooth)
    shape, axis = new_shape(size, before, after), separate_axis(before, after, data)
    resized = resize_mask(mask, shape, labels, axis)
    np.testing.assert_array_equal(resized, _as_v1(mask, shape, labels, axis))


@pytest.mark.parametrize("shape", [(60, 41, 41), (60, 43, 43)])
def test_ties_take_the_nearest_voxel(shape):
    mask = np.random.default_rng(0).random((60, 14, 14)) > 0.5
    expected = _as_v1(mask, shape, LABELS, 0)
    np.testing.assert_array_equal(resize_mask(mask, shape, LABELS, 0), expected)


def test_between_two_slices_a_tie_is_inside():
    """v1 rounds half to even, so that neither label is written and the region keeps 0."""
    mask = np.zeros((2, 4, 4), dtype=bool)
    mask[0] = True
    resized = resize_mask(mask, (3, 4, 4), LABELS_Z, 0)
    assert resized[:, 0, 0].tolist() == [True, True, False]
    assert resize_mask(~mask, (3, 4, 4), LABELS_Z, 0)[:, 0, 0].tolist() == [False, True, True]


def test_a_separate_axis_is_copied_from_the_nearest_slice():
    mask = _mask((5, 8, 8), smooth=False)
    resized = resize_mask(mask, (9, 8, 8), LABELS, 0)
    np.testing.assert_array_equal(resized, mask[nearest_indices(5, 9)])
