from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpm_segmentator.segment.compact.grid import InPlaneGrid, linear_weights, resampled

sizes = st.integers(1, 60)
ratios = st.floats(0.2, 5.0)


@given(sizes)
def test_equal_grids_are_the_identity(size):
    weights = linear_weights(size, size, 1.0)
    assert weights.dtype == np.float32
    assert np.array_equal(weights.toarray(), np.eye(size))


@given(st.integers(0, 3), sizes, sizes, st.integers(0, 5), st.integers(0, 5))
def test_planes_are_resampled_along_both_axes(count, height, width, new_height, new_width):
    planes = np.random.default_rng(0).random((count, height, width), dtype=np.float32)
    rows, columns = linear_weights(height, new_height, 1.3), linear_weights(width, new_width, 0.7)
    expected = [rows.toarray() @ plane @ columns.toarray().T for plane in planes]
    found = resampled(planes, rows, columns)
    assert found.shape == (count, new_height, new_width)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    np.testing.assert_allclose(found, np.reshape(expected, found.shape), atol=1e-5)


@given(sizes, sizes, ratios)
def test_rows_are_averages(size_in, size_out, ratio):
    weights = linear_weights(size_in, size_out, ratio)
    assert weights.shape == (size_out, size_in)
    assert weights.min() >= 0
    assert weights.sum(axis=1).max() <= 1 + 1e-5


@given(sizes, ratios)
def test_rows_inside_the_line_sum_to_one(size_in, ratio):
    size_out = max(1, int(size_in / ratio))
    weights = linear_weights(size_in, size_out, ratio)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)


@given(sizes, sizes, ratios)
def test_turning_the_line_round_turns_the_result_round(size_in, size_out, ratio):
    weights = linear_weights(size_in, size_out, ratio)
    dense = weights.toarray()
    np.testing.assert_allclose(dense, dense[::-1, ::-1], atol=1e-6)


@given(st.integers(8, 60), st.floats(0.3, 3.0))
def test_the_middle_stays_in_the_middle(size_in, ratio):
    size_out = max(3, round(size_in / ratio))
    line = np.arange(size_in, dtype=np.float64) - (size_in - 1) / 2
    found = linear_weights(size_in, size_out, ratio).astype(np.float64) @ line
    places = (np.arange(size_out) - (size_out - 1) / 2) * ratio
    inner = np.abs(places) < (size_in - 1) / 2 - max(1.0, ratio)
    # A kernel of odd width is lopsided by some hundredths of a pixel; a half pixel would be wrong.
    np.testing.assert_allclose(found[inner], places[inner], atol=0.1)


def test_beyond_the_border_it_is_air():
    weights = linear_weights(4, 10, 1.0)
    assert weights[:3].sum() == 0
    assert weights[-3:].sum() == 0


@pytest.mark.parametrize("ratio", [2.0, 3.0, 4.0])
def test_sampling_down_averages_instead_of_skipping(ratio):
    noise = np.random.default_rng(1).normal(size=4000).astype(np.float32)
    kept = linear_weights(4000, int(4000 / ratio), ratio) @ noise
    # A triangle of half width r weighs 2/3 as many independent pixels as an average over 2 r.
    assert kept.std() == pytest.approx(np.sqrt(2 / (3 * ratio)), rel=0.1)
    checkers = np.tile([0.0, 1.0], 2000).astype(np.float32)
    np.testing.assert_allclose(
        (linear_weights(4000, int(4000 / ratio), ratio) @ checkers)[2:-2], 0.5, atol=0.1
    )


def smooth(shape: tuple[int, int], spacing_mm: tuple[float, float]) -> np.ndarray:
    rows = (np.arange(shape[0]) - (shape[0] - 1) / 2) * spacing_mm[0]
    columns = (np.arange(shape[1]) - (shape[1] - 1) / 2) * spacing_mm[1]
    field = 2 + np.sin(rows / 25)[:, None] + np.cos(columns / 30)[None, :]
    return field[None].astype(np.float32)


@pytest.mark.parametrize(
    ("shape", "spacing_mm"),
    [((120, 160), (1.0, 1.0)), ((300, 420), (0.36, 0.36)), ((90, 200), (1.8, 0.7))],
)
def test_a_smooth_image_survives_the_way_there_and_back(shape, spacing_mm):
    image = smooth(shape, spacing_mm)
    grid = InPlaneGrid.of(shape, spacing_mm, 1.25)
    there = grid.forward(image)
    assert there.shape[1:] == grid.model_shape
    assert grid.model_shape[0] * 1.25 == pytest.approx(shape[0] * spacing_mm[0], abs=0.7)
    rows, columns = grid.back_weights()
    back = rows @ there[0] @ columns.T
    edge = 6
    np.testing.assert_allclose(
        back[edge:-edge, edge:-edge], image[0, edge:-edge, edge:-edge], atol=0.02
    )


def test_a_grid_has_at_least_one_pixel():
    assert InPlaneGrid.of((1, 3), (0.1, 0.1), 1.0).model_shape == (1, 1)
