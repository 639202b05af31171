from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given

from lpm_segmentator.core.errors import GeometryError
from lpm_segmentator.core.volume import LabelMap
from lpm_segmentator.measure import Overlap, dice, jaccard, overlap
from lpm_segmentator.measure.overlap import joint_counts
from strategies import label_maps


def test_counts() -> None:
    one, other = np.array([[[1, 1, 0]]], np.bool_), np.array([[[0, 1, 1]]], np.bool_)
    assert overlap(one, other) == Overlap(2, 2, 1)
    assert dice(Overlap(2, 2, 1)) == 0.5
    assert jaccard(Overlap(2, 2, 1)) == pytest.approx(1 / 3)
    assert math.isnan(dice(Overlap(0, 0, 0)))
    assert Overlap(0, 0, 0).reason


def test_other_shapes_are_refused() -> None:
    with pytest.raises(GeometryError, match="shapes"):
        overlap(np.ones((2, 2, 2), np.bool_), np.ones((1, 2, 2), np.bool_))


@given(label_maps())
def test_joint_counts_hold_every_pair_of_values(labels: LabelMap) -> None:
    other = labels.with_array(np.roll(labels.array, 1, axis=0))
    table = joint_counts(labels, other).sum(axis=0)
    for reference in range(5):
        for prediction in range(5):
            both = (labels.array == reference) & (other.array == prediction)
            expected = np.count_nonzero(both) if reference or prediction else 0
            assert table[reference, prediction] == expected
