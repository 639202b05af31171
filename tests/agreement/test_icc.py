"""Intraclass correlation against published tables, and its laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lpm_segmentator.agreement import (
    Estimate,
    IccResult,
    MeanSquares,
    icc,
    icc_from_mean_squares,
    koo_li_band,
    mean_squares,
)
from lpm_segmentator.core import AgreementError

# Shrout & Fleiss (1979), Psychol Bull 86:420-428, table 2: 6 targets by 4 judges.
SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
)

# Weir (2005), J Strength Cond Res 19:231-240, data set A: 8 subjects by 2 trials.
WEIR_A = np.array(
    [
        [146, 140],
        [148, 152],
        [170, 152],
        [90, 99],
        [157, 145],
        [156, 153],
        [176, 167],
        [205, 218],
    ]
)

FORMS = ("one_way", "agreement", "consistency")

TABLES = hnp.arrays(
    np.float64, st.tuples(st.integers(4, 20), st.integers(2, 4)), elements=st.floats(-100, 100)
)


def test_mean_squares_of_shrout_and_fleiss():
    ms = mean_squares(SHROUT_FLEISS)
    # Their table 3: BMS 11.24, WMS 6.26, JMS 32.49, EMS 1.02.
    squares = (ms.rows, ms.within, ms.columns, ms.residual)
    assert [round(v, 2) for v in squares] == [11.24, 6.26, 32.49, 1.02]


def test_values_of_shrout_and_fleiss():
    result = icc(SHROUT_FLEISS)
    # Their table 4.
    assert round(result.one_way.value, 2) == 0.17
    assert round(result.agreement.value, 2) == 0.29
    assert round(result.consistency.value, 2) == 0.71


def test_intervals_of_shrout_and_fleiss_as_other_software_gives_them():
    result = icc(SHROUT_FLEISS)
    # pingouin 0.7.0 (intraclass_corr), which follows R's psych::ICC.
    for estimate, value, low, high in (
        (result.one_way, 0.1657417684, -0.13, 0.72),
        (result.agreement, 0.2897637795, 0.02, 0.76),
        (result.consistency, 0.7148407148, 0.34, 0.95),
    ):
        assert estimate.value == pytest.approx(value, abs=1e-9)
        assert (round(estimate.low, 2), round(estimate.high, 2)) == (low, high)
    assert result.band == "poor"
    assert result.interval == "F"


def test_mean_squares_and_consistency_of_weir():
    ms = mean_squares(WEIR_A)
    # R's aov on his data: 2099, 30.2 and 57.1.
    squares = (ms.rows, ms.columns, ms.residual)
    assert squares == pytest.approx((2099, 30.2, 57.1), abs=0.6)
    result = icc(WEIR_A)
    # (2099 - 57.1) / (2099 + 57.1), and with 2 (30.2 - 57.1) / 8 more below: 0.95 both.
    assert round(result.consistency.value, 2) == 0.95
    assert round(result.agreement.value, 2) == 0.95


@given(TABLES, st.floats(0.01, 100), st.floats(-50, 50))
def test_scale_and_shift_of_the_whole_table_change_nothing(x, factor, shift):
    assume(min(np.ptp(c) for c in x.T) > 1)
    assume(np.ptp(x.mean(axis=1)) > 1e-3 and mean_squares(x).residual > 1e-3)
    plain, changed = icc(x), icc(x * factor + shift)
    for form in FORMS:
        a, b = getattr(plain, form), getattr(changed, form)
        expected = pytest.approx((a.value, a.low, a.high), abs=1e-6, nan_ok=True)
        assert (b.value, b.low, b.high) == expected


@given(TABLES, st.floats(-50, 50))
def test_a_shift_of_one_rater_leaves_consistency_alone(x, shift):
    assume(min(np.ptp(c) for c in x.T) > 1 and mean_squares(x).residual > 1e-3)
    moved = x.copy()
    moved[:, 0] += shift
    assert icc(moved).consistency.value == pytest.approx(icc(x).consistency.value, abs=1e-8)


def _estimates(result: IccResult) -> list[Estimate]:
    return [getattr(result, form) for form in FORMS]


def _contains_or_says_why(e: Estimate) -> bool:
    bounds = (e.low, e.high)
    if e.defined and not any(map(math.isnan, bounds)):
        return e.low <= e.value <= e.high
    return all(map(math.isnan, bounds)) and bool(e.reason)


# Few whole numbers often give equal means of cases or raters; opposed columns an ICC near -1.
SMALL_TABLES = st.tuples(st.integers(2, 6), st.integers(2, 3)).flatmap(
    lambda shape: hnp.arrays(np.float64, shape, elements=st.integers(0, 5).map(float))
)
OPPOSED_TABLES = hnp.arrays(np.float64, (2, 8), elements=st.floats(-1, 1)).map(
    lambda columns: np.column_stack([columns[0], 0.05 * columns[1] - columns[0]])
)


@given(st.one_of(SMALL_TABLES, OPPOSED_TABLES, TABLES), st.sampled_from([0.5, 0.95, 0.999]))
def test_an_interval_contains_the_value_or_is_undefined_with_the_reason(x, confidence):
    for estimate in _estimates(icc(x, confidence=confidence)):
        assert _contains_or_says_why(estimate), estimate


@settings(max_examples=20)
@given(st.one_of(SMALL_TABLES, OPPOSED_TABLES), st.data())
def test_so_does_an_interval_of_repeated_subjects(x, data):
    assume(x.shape[1] == 2)
    who = data.draw(st.lists(st.integers(0, 3), min_size=len(x), max_size=len(x)))
    for estimate in _estimates(icc(x, subjects=who, n_resamples=50)):
        assert _contains_or_says_why(estimate), estimate


MEAN_SQUARES = st.builds(
    MeanSquares,
    **dict.fromkeys(("rows", "columns", "residual", "within"), st.floats(0, 1e6)),
    n=st.integers(2, 30),
    k=st.integers(2, 4),
)


@given(MEAN_SQUARES)
def test_no_mean_squares_break_it(ms):
    for estimate in _estimates(icc_from_mean_squares(ms)):
        assert _contains_or_says_why(estimate), estimate


def test_an_icc_far_below_zero_has_no_approximate_interval():
    # The formula gives the bounds -0.587 and -0.586 here, with 0.004 degrees of freedom.
    estimate = icc([[3.0, 7.0], [7.0, 4.0], [2.0, 9.0], [3.0, 9.0]]).agreement
    assert estimate.value == pytest.approx(-0.5566, abs=1e-4)
    assert math.isnan(estimate.low)
    assert math.isnan(estimate.high)
    assert "too far below 0" in estimate.reason


@pytest.mark.parametrize(
    "x",
    [
        [[0.0, 1.0], [1.0, 0.0]],
        [[3.0, 3.0], [4.0, 2.0], [2.0, 4.0], [3.0, 3.0]],
        [[0.0, 1e-5], [1e6, 1e6 - 1e-5]],
    ],
    ids=["equal means of cases and raters", "no weight", "an ICC that rounds to 1"],
)
def test_degenerate_tables_divide_by_no_zero(x):
    assert all(_contains_or_says_why(e) for e in _estimates(icc(x)))


@given(TABLES)
def test_the_order_of_raters_does_not_matter(x):
    assume(min(np.ptp(c) for c in x.T) > 1 and mean_squares(x).residual > 1e-3)
    result, swapped = icc(x), icc(x[:, ::-1])
    assert swapped.agreement.value == pytest.approx(result.agreement.value, abs=1e-9)


def test_equal_columns_agree_exactly_and_say_so():
    x = np.array([1.0, 2.5, 3.1, 4.7])
    result = icc(np.column_stack([x, x]))
    assert (result.agreement.value, result.agreement.low, result.agreement.high) == (1, 1, 1)
    assert "no width" in result.agreement.reason
    assert result.band == "excellent"


def test_a_constant_shift_is_consistent_but_not_in_agreement():
    x = np.array([1.0, 2.0, 3.0, 4.0])
    result = icc(np.column_stack([x, x + 1]))
    assert result.consistency.value == 1
    assert 0 < result.agreement.value < 1


@pytest.mark.parametrize(
    "x", [[[1.0, 2.0]], [[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]]], ids=["one case", "constant column"]
)
def test_undefined_has_a_reason_and_no_number(x):
    result = icc(x)
    assert math.isnan(result.agreement.value)
    assert result.agreement.reason
    assert result.band == ""


def test_repeated_subjects_widen_the_interval_not_the_value():
    rng = np.random.default_rng(5)
    truth = np.repeat(rng.normal(100, 20, 40), 5)
    error = np.repeat(rng.normal(0, 5, 40), 5)
    x = np.column_stack([truth, truth + error + rng.normal(0, 0.5, 200)])
    who = np.repeat(np.arange(40), 5)
    naive, clustered = icc(x), icc(x, subjects=who, n_resamples=2000)
    assert clustered.agreement.value == naive.agreement.value
    assert clustered.interval == "subject bootstrap"
    naive_width = naive.agreement.high - naive.agreement.low
    assert clustered.agreement.high - clustered.agreement.low > 1.3 * naive_width


@pytest.mark.parametrize(
    ("bound", "word"),
    [
        (0.49, "poor"),
        (0.5, "moderate"),
        (0.74, "moderate"),
        (0.75, "good"),
        (0.9, "excellent"),
        (math.nan, ""),
    ],
)
def test_koo_and_li_bands(bound, word):
    assert koo_li_band(bound) == word


def test_a_gap_in_the_table_is_refused():
    with pytest.raises(AgreementError, match="without gaps"):
        mean_squares([[1.0, 2.0], [math.nan, 3.0]])
