from __future__ import annotations

import math

import pytest

from lpm_segmentator.report.cells import Cell, number


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(1.25, 1, "1.2"), (-3.0, 0, "−3"), (0.0, 2, "0.00"), (12, 1, "12.0")],
)
def test_numbers_are_shown_with_their_digits_and_a_true_minus(value, digits, text):
    assert number(value, digits) == Cell(text)


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_what_is_undefined_is_a_dash_with_its_reason(value):
    assert number(value, 1, "no voxels") == Cell("–", "no voxels")
