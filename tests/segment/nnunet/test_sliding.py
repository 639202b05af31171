from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpm_segmentator.segment.nnunet.sliding import (
    count_tiles,
    gaussian,
    sliding_scores,
    tile_starts,
)


@given(st.integers(2, 300), st.integers(0, 500))
def test_tiles_cover_the_axis_in_steps_of_at_most_half_a_tile(patch, extra):
    starts = tile_starts(patch + extra, patch)
    assert starts[0] == 0
    assert starts[-1] == extra
    assert all(0 < b - a <= patch / 2 + 1 for a, b in pairwise(starts))


def test_the_published_case():
    assert [len(tile_starts(n, p)) for n, p in ((29, 28), (216, 192), (392, 352))] == [2, 2, 2]
    assert count_tiles((29, 216, 392), (28, 192, 352)) == 8


def test_the_gaussian_peaks_in_the_middle():
    weight = gaussian((8, 12))
    assert weight.max() == 1 == weight[4, 6]
    assert weight[0, 0] < 1e-6


@pytest.mark.parametrize(("generation", "rounded"), [(1, True), (2, True), (2, False)])
@pytest.mark.parametrize("patch", [(4, 8, 8), (8, 8), (16, 8, 8)])
def test_a_network_that_works_voxel_by_voxel_is_not_changed_by_tiling(generation, rounded, patch):
    data = np.random.default_rng(0).normal(size=(1, 9, 13, 20)).astype(np.float32)

    def engine(tile: np.ndarray) -> np.ndarray:
        assert tile.shape[1:] == patch
        return np.concatenate([tile, -tile])

    scores, computed = sliding_scores(
        data, patch, [engine, engine], generation=generation, rounded=rounded
    )
    assert computed == 2 * count_tiles(data.shape[1:], patch)
    expected = np.concatenate([data, -data])
    if generation == 1:
        expected = 1 / (1 + np.exp(-2 * expected))
    # In float16, as version 2 adds, the faint weights at the image's corners are coarse.
    close = np.isclose(scores, expected, rtol=5e-3, atol=5e-3).mean()
    assert close > 0.97 if generation == 2 and rounded else close == 1


def test_progress_is_reported_for_each_tile_and_fold():
    data = np.zeros((1, 5, 20, 20), dtype=np.float32)
    steps = []
    sliding_scores(
        data,
        (8, 8),
        [lambda t: np.concatenate([t, t])] * 2,
        generation=1,
        advance=lambda: steps.append(1),
    )
    assert len(steps) == 2 * count_tiles((5, 20, 20), (8, 8))
