from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lpm_segmentator.core import Disc
from lpm_segmentator.levels import DiscLocation, Levels, discs_apart_mm


def back(confidence: float = 1.0) -> Levels:
    """Five discs, 34 mm apart."""
    return Levels(
        tuple(
            DiscLocation(disc, (3.0, 2.0 * i, 70.0 - 34.0 * i), (0.0, 0.0, 1.0), confidence)
            for i, disc in enumerate(Disc)
        )
    )


def moved(levels: Levels, by_mm: tuple[float, float, float]) -> Levels:
    discs = (replace(d, centre_mm=tuple(np.add(d.centre_mm, by_mm).tolist())) for d in levels.discs)
    return replace(levels, discs=tuple(discs))


@pytest.mark.parametrize("sure", [1.0, 0.4])
def test_distance_is_that_in_the_sagittal_plane(sure: float) -> None:
    other = moved(back(sure), (20.0, 3.0, 4.0))
    assert discs_apart_mm(back(sure), other) == pytest.approx(5.0)


def test_a_whole_disc_is_told_where_both_counts_are_sure() -> None:
    lower = moved(back(), (0.0, 2.0, -34.0))
    assert discs_apart_mm(back(), lower) == pytest.approx(np.hypot(2.0, 34.0))
    assert discs_apart_mm(back(0.4), moved(back(0.4), (0.0, 2.0, -34.0))) == pytest.approx(0.0)


def test_too_few_discs_say_nothing() -> None:
    two = Levels(back().discs[:2])
    assert np.isnan(discs_apart_mm(two, back()))
    assert np.isnan(discs_apart_mm(back(), Levels(())))
    assert np.isnan(discs_apart_mm(back(0.4), moved(back(0.4), (0.0, 0.0, 400.0))))
