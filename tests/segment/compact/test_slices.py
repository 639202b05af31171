from __future__ import annotations

import numpy as np
import pytest

from lpm_segmentator.segment.compact import CompactSpec, context_slices, normalise
from tiny_model import TINY


@pytest.mark.parametrize("seed", range(5))
def test_normalise_equals_that_of_training(seed):
    torch = pytest.importorskip("torch", reason="the extra 'train' is not installed")
    from lpm_segmentator.train.synthesis.acquisition import normalise as by_torch

    rng = np.random.default_rng(seed)
    image = rng.gamma(1.0 + seed, 50.0, (3, 40 + seed, 31)).astype(np.float32)
    image[:, :9] = -0.1 * seed
    np.testing.assert_allclose(
        normalise(image), by_torch(torch.from_numpy(image)).numpy(), rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("factor", [1e-4, 3.0, 1e5])
def test_normalise_does_not_depend_on_the_scale(factor):
    image = np.random.default_rng(0).gamma(2.0, 50.0, (3, 30, 30)).astype(np.float32)
    np.testing.assert_allclose(normalise(image * np.float32(factor)), normalise(image), rtol=1e-4)


def test_normalise_of_air_is_air():
    air = np.zeros((3, 4, 4), np.float32)
    assert not normalise(air).any()


@pytest.mark.parametrize(
    ("index", "count", "spacing_mm", "expected"),
    [
        (3, 9, 4.0, [2, 3, 4]),
        (0, 9, 4.0, [0, 0, 1]),
        (8, 9, 4.0, [7, 8, 8]),
        (0, 1, 4.0, [0, 0, 0]),
        (10, 40, 1.0, [6, 10, 14]),
        (3, 9, 12.0, [2, 3, 4]),
    ],
)
def test_the_neighbours_lie_as_far_away_as_in_training(index, count, spacing_mm, expected):
    assert context_slices(index, count, spacing_mm, CompactSpec(**TINY)) == expected
