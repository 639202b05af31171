from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpm_segmentator.measure import AsymmetryFormula, asymmetry_percent

sizes = st.floats(0.01, 1e4)


@given(sizes, sizes)
def test_exchanging_sides_changes_the_sign_alone(right: float, left: float) -> None:
    assert asymmetry_percent(right, left) == pytest.approx(-asymmetry_percent(left, right))
    larger = AsymmetryFormula.LARGER
    assert asymmetry_percent(right, left, formula=larger) == asymmetry_percent(
        left, right, formula=larger
    )


@given(sizes, sizes, st.floats(0.1, 10))
def test_units_do_not_matter(right: float, left: float, scale: float) -> None:
    for formula in AsymmetryFormula:
        assert asymmetry_percent(right, left, formula=formula) == pytest.approx(
            asymmetry_percent(scale * right, scale * left, formula=formula), abs=1e-9
        )


def test_worked_values_and_undefined_ones() -> None:
    assert asymmetry_percent(30.0, 10.0) == 100.0
    assert asymmetry_percent(30.0, 10.0, formula=AsymmetryFormula.LARGER) == pytest.approx(200 / 3)
    assert math.isnan(asymmetry_percent(0.0, 0.0))
    assert math.isnan(asymmetry_percent(math.nan, 1.0))
    assert math.isnan(asymmetry_percent(10.0, 0.0))
    assert math.isnan(asymmetry_percent(0.0, 10.0, formula=AsymmetryFormula.LARGER))
