from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpm_segmentator.segment import TIGHT_BOUNDARY, WIDE_BOUNDARY, DecisionBoundary


def pixel(muscle: float) -> np.ndarray:
    """Probabilities of one pixel that is background or muscle 2."""
    return np.array([1 - muscle, 0, muscle, 0, 0], np.float32).reshape(5, 1, 1)


@given(st.floats(0.05, 0.95), st.floats(0.02, 0.98))
def test_a_pixel_is_muscle_above_the_threshold(threshold, muscle):
    if abs(muscle - threshold) > 1e-3:
        label = DecisionBoundary(threshold).label(pixel(muscle)).item()
        assert label == (2 if muscle > threshold else 0)


@given(st.integers(0, 2**16))
def test_the_tight_boundary_is_the_most_probable_class(seed):
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(5), (6, 7)).astype(np.float32)
    probabilities = np.moveaxis(probabilities, -1, 0)
    np.testing.assert_array_equal(TIGHT_BOUNDARY.label(probabilities), probabilities.argmax(axis=0))
    assert TIGHT_BOUNDARY.smooth(probabilities, 1.0) is probabilities


@given(st.integers(0, 2**16))
def test_the_wide_boundary_holds_the_tight_one_and_the_same_muscle_wins(seed):
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(5), (6, 7)).astype(np.float32)
    probabilities = np.moveaxis(probabilities, -1, 0)
    tight, wide = TIGHT_BOUNDARY.label(probabilities), WIDE_BOUNDARY.label(probabilities)
    assert (wide[tight > 0] == tight[tight > 0]).all()
    assert (wide[wide > 0] == probabilities[1:].argmax(axis=0)[wide > 0] + 1).all()


@pytest.mark.parametrize("spacing_mm", [0.5, 1.25])
def test_smoothing_is_in_millimetres_and_in_plane(spacing_mm):
    probabilities = np.zeros((2, 41, 41), np.float32)
    probabilities[0, 20, 20] = 1.0
    smooth = DecisionBoundary(blur_mm=2.0).smooth(probabilities, spacing_mm)
    assert smooth.sum() == pytest.approx(1.0, abs=1e-4)
    assert not smooth[1].any()
    offsets = (np.arange(41) - 20) * spacing_mm
    deviation = np.sqrt((smooth[0].sum(axis=0) * offsets**2).sum())
    assert deviation == pytest.approx(2.0, rel=0.03)  # the kernel ends at three deviations
