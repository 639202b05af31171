from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given

from lpm_segmentator.core.volume import LabelMap
from lpm_segmentator.measure import label_volumes_ml, slice_sums
from lpm_segmentator.measure.checks import coverage
from strategies import label_maps


def stack(shown: list[int], spacing: float = 4.0, n: int = 10) -> LabelMap:
    array = np.zeros((4, 4, n), np.uint8)
    array[1:3, 1:3, shown] = 1
    return LabelMap(array, np.diag([1.0, 1.0, spacing, 1.0]))


@given(label_maps())
def test_volume_is_mean_area_times_what_is_covered(labels: LabelMap) -> None:
    covered = coverage(labels)
    areas = sum(sums.areas_mm2 for sums in slice_sums(labels).values())
    volume = sum(label_volumes_ml(labels).values())
    if covered.slices:
        mean = areas[list(covered.slices)].mean()
        assert volume == pytest.approx(mean * covered.covered_mm / 1000, abs=1e-9)
    else:
        assert (volume, covered.covered_mm) == (0.0, 0.0)


def test_slices_of_a_region_alone_are_counted() -> None:
    labels = stack([2, 3, 4, 5])
    assert coverage(labels).slices == (2, 3, 4, 5)
    assert coverage(labels).covered_mm == 16.0
    assert coverage(labels, slices=(4, 5, 6)).slices == (4, 5)


def test_wide_gaps_are_reported_with_their_size() -> None:
    assert coverage(stack([2, 3], 12.0)).warnings == ()
    (warning,) = coverage(stack([2, 3], 34.0), thickness_mm=4.0).warnings
    assert "34.0 mm apart" in warning
    assert "gaps of 30.0 mm" in warning
    unknown = coverage(stack([2, 3], 34.0))
    assert math.isnan(unknown.gap_mm)
    assert "gaps" not in unknown.warnings[0]
    assert coverage(stack([2], 34.0)).warnings == ()  # one slice has no neighbour


def test_slices_that_overlap_have_a_negative_gap() -> None:
    assert coverage(stack([2, 3]), thickness_mm=5.0).gap_mm == -1.0


def test_missing_slices_are_named() -> None:
    covered = coverage(stack([2, 3, 6, 8]))
    assert covered.missing_slices == (4, 5, 7)
    assert "slices 4–5, 7" in covered.warnings[0]
    assert coverage(stack([])).missing_slices == ()
