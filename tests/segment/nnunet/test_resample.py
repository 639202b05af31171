from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from lpm_segmentator.segment.nnunet.resample import (
    axis_matrix,
    nearest_indices,
    new_shape,
    resize,
    separate_axis,
)
from lpm_segmentator.segment.nnunet.spec import Resampling


def _like_skimage(array: np.ndarray, shape: tuple[int, ...], order: int) -> np.ndarray:
    """What skimage.transform.resize(mode="edge", anti_aliasing=False) does."""
    factors = [n / o for n, o in zip(shape, array.shape, strict=True)]
    out = ndimage.zoom(array, factors, order=order, mode="nearest", grid_mode=True)
    return np.clip(out, array.min(), array.max())


sizes = st.integers(2, 12)


@given(st.tuples(sizes, sizes, sizes), st.tuples(sizes, sizes, sizes), st.sampled_from([1, 3]))
def test_resize_is_skimages(before, after, order):
    array = np.random.default_rng(0).normal(size=before)
    resized = resize(array, after, Resampling(order), None)
    np.testing.assert_allclose(resized, _like_skimage(array, after, order), atol=1e-9)


@given(st.tuples(sizes, sizes, sizes), st.tuples(sizes, sizes, sizes), st.integers(0, 2))
def test_a_separate_axis_is_copied_and_the_others_are_resized_slice_by_slice(before, after, axis):
    array = np.random.default_rng(0).normal(size=before)
    resized = resize(array, after, Resampling(3), axis)
    plane = tuple(n for a, n in enumerate(after) if a != axis)
    slices = [_like_skimage(s, plane, 3) for s in np.moveaxis(array, axis, 0)]
    expected = np.stack([slices[i] for i in nearest_indices(before[axis], after[axis])], axis)
    np.testing.assert_allclose(resized, expected, atol=1e-9)


@given(st.integers(1, 30), st.integers(1, 30), st.sampled_from([0, 1, 3]))
def test_weights_sum_to_one(size, target, order):
    np.testing.assert_allclose(axis_matrix(size, target, order).sum(axis=1), 1, atol=1e-9)


def test_the_same_size_is_left_alone():
    array = np.random.default_rng(0).normal(size=(3, 4, 5))
    assert resize(array, (3, 4, 5), Resampling(3), 0) is array


def test_new_shape_rounds_half_to_even_as_nnunet_does():
    assert new_shape((10, 30, 5), (1.25, 1.25, 2.0), (1.0, 1.0, 2.0)) == (12, 38, 5)


@pytest.mark.parametrize(
    ("first", "second", "rule", "expected"),
    [
        ((4, 1, 1), (1, 1, 1), Resampling(3), 0),
        ((1, 1, 1), (1, 5, 1), Resampling(3), 1),
        ((3, 1, 1), (1, 1, 1), Resampling(3), None),  # not more than three times
        ((4, 4, 1), (1, 5, 1), Resampling(3), None),  # two coarse axes: all at once
        ((4, 1, 1), (1, 1, 1), Resampling(3, separate_z=False), None),
        ((1.1, 1, 1), (1, 1, 9), Resampling(3, separate_z=True), 0),
        ((1, 1, 1), (1, 1, 9), Resampling(3, separate_z=True), None),
    ],
)
def test_which_axis_is_separate(first, second, rule, expected):
    assert separate_axis(first, second, rule) == expected
