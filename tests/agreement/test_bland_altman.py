"""Limits of agreement against published examples, and their laws."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lpm_segmentator.agreement import bland_altman
from lpm_segmentator.agreement.bland_altman import mover_reach

# Bland & Altman (2007), J Biopharm Stat 17:571-582, table 1: cardiac output by radionuclide
# ventriculography (RV) and impedance cardiography (IC), 60 pairs of 12 subjects.
_COUNTS = (5, 4, 6, 5, 6, 4, 4, 6, 3, 5, 6, 6)
_RV = """7.83 7.42 7.89 7.12 7.88 6.16 7.26 6.71 6.54 4.75 5.24 4.86 4.78 6.05 5.42 4.21 3.61 3.72
3.87 3.92 3.13 2.98 2.85 3.17 3.09 3.12 5.92 6.42 5.92 6.27 7.13 6.62 6.58 6.93 4.54 4.81 5.11 5.29
5.39 5.57 4.48 4.92 3.97 4.22 4.65 4.74 4.44 4.50 6.78 6.07 6.52 6.42 6.41 5.76 5.06 4.72 4.90 4.80
4.90 5.10"""
_IC = """6.57 5.62 6.90 6.57 6.35 4.06 4.29 4.26 4.09 4.71 5.50 5.08 5.02 6.01 5.67 4.14 4.20 4.61
4.68 5.04 3.03 2.86 2.77 2.46 2.32 2.43 5.90 5.81 5.70 5.76 5.09 4.63 4.61 5.09 4.72 4.61 4.36 4.20
4.36 4.20 3.17 3.12 2.96 4.35 4.62 3.16 3.53 3.53 7.20 6.09 7.00 7.10 7.40 6.80 4.50 4.20 3.80 3.80
4.20 4.50"""
SUBJECT = np.repeat(np.arange(12), _COUNTS)
RV, IC = (np.array(text.split(), dtype=float) for text in (_RV, _IC))

COLUMNS = hnp.arrays(np.float64, (2, 12), elements=st.floats(1, 1000))


def test_repeated_measures_of_bland_and_altman_2007():
    # The room's difference is prediction - reference; theirs is RV - IC.
    result = bland_altman(IC, RV, subjects=SUBJECT)
    assert result.method == "repeated"
    assert (result.n, result.n_subjects) == (60, 12)
    assert result.bias.value == pytest.approx(0.6021667, abs=1e-7)
    assert result.within_sd**2 == pytest.approx(0.170714026, abs=1e-7)
    assert result.sd**2 == pytest.approx(0.98133606, abs=1e-6)
    # They multiply by 1.96.
    assert result.lower.value == pytest.approx(-1.3394565, abs=1e-4)
    assert result.upper.value == pytest.approx(2.5437899, abs=1e-4)


def test_ignoring_the_subjects_gives_the_narrower_limits_they_warn_of():
    result = bland_altman(IC, RV)
    assert result.sd == pytest.approx(0.9610571, abs=1e-6)
    assert result.lower.value == pytest.approx(-1.2815052, abs=1e-4)
    assert result.upper.value == pytest.approx(2.4858386, abs=1e-4)


def test_intervals_of_zou_2013():
    # His example is the first four subjects: limits -2.14 and 3.59 with the intervals
    # (-9.83, -0.33) and (1.77, 11.27), from subject means and the harmonic mean of the counts.
    first = SUBJECT < 4
    d, who = (RV - IC)[first], SUBJECT[first]
    counts = np.bincount(who)
    means = np.bincount(who, weights=d) / counts
    between, harmonic = means.var(ddof=1), 4 / np.sum(1 / counts)
    within = (1 - 1 / harmonic) * np.sum((d - means[who]) ** 2) / (len(d) - 4)
    outer, inner = mover_reach(
        (between, 3), (within, len(d) - 4), math.sqrt(between / 4), z=1.959964, tail=0.025
    )
    reach = 1.959964 * math.sqrt(between + within)
    lower, upper = means.mean() - reach, means.mean() + reach
    bounds = [lower - outer, lower, lower + inner, upper - inner, upper, upper + outer]
    assert bounds == pytest.approx([-9.83, -2.14, -0.33, 1.77, 3.59, 11.27], abs=0.011)


def test_the_limits_intervals_are_near_zou_s_where_counts_differ_little():
    # With 4 to 6 cases a subject Bland and Altman's divisor is near Zou's harmonic mean.
    first = SUBJECT < 4
    result = bland_altman(IC[first], RV[first], subjects=SUBJECT[first])
    bounds = [result.lower.value, result.lower.low, result.upper.value, result.upper.high]
    assert bounds == pytest.approx([-2.14, -9.83, 3.59, 11.27], rel=0.08)


def test_balanced_repeats_give_zou_s_variance():
    rng = np.random.default_rng(2)
    who = np.repeat(np.arange(9), 4)
    d = rng.normal(0, 2, 9)[who] + rng.normal(0, 1, 36)
    result = bland_altman(np.full(36, 50.0), 50 + d, subjects=who)
    means = d.reshape(9, 4).mean(axis=1)
    within = d.reshape(9, 4).var(axis=1, ddof=1).mean()
    assert result.sd**2 == pytest.approx(means.var(ddof=1) + (1 - 1 / 4) * within)


@pytest.mark.parametrize(("n", "factor"), [(10, 2.911), (20, 2.396), (30, 2.220)])
def test_exact_limit_bound_is_the_tolerance_factor(n, factor):
    # One-sided normal tolerance factors for 95 % content with 95 % confidence (Natrella 1963,
    # table A-7) are the outer bounds of 90 % limits with 90 % intervals.
    d = np.random.default_rng(n).normal(3, 2, n)
    result = bland_altman(
        np.linspace(40, 60, n), np.linspace(40, 60, n) + d, limits=0.9, confidence=0.9
    )
    assert round((result.upper.high - result.bias.value) / result.sd, 3) == factor
    assert round((result.bias.value - result.lower.low) / result.sd, 3) == factor


def test_exact_limits_hold_what_they_promise():
    rng = np.random.default_rng(11)
    hits = 0
    for _ in range(400):
        d = rng.normal(0, 1, 12)
        upper = bland_altman(np.arange(12.0), np.arange(12.0) + d).upper
        hits += upper.low <= 1.959963984540054 <= upper.high
    assert hits / 400 == pytest.approx(0.95, abs=0.03)


@given(COLUMNS)
def test_swapping_the_columns_turns_the_sign(columns):
    x, y = columns
    assume(np.ptp(y - x) > 1e-3)
    a, b = bland_altman(x, y), bland_altman(y, x)
    assert b.bias.value == pytest.approx(-a.bias.value, abs=1e-9)
    assert (b.lower.value, b.upper.value) == pytest.approx((-a.upper.value, -a.lower.value))
    assert (b.lower.low, b.lower.high) == pytest.approx((-a.upper.high, -a.upper.low))


@given(COLUMNS, st.floats(0.1, 10))
def test_a_common_scale_scales_everything(columns, factor):
    x, y = columns
    assume(np.ptp(y - x) > 1e-3)
    a, b = bland_altman(x, y), bland_altman(x * factor, y * factor)
    assert b.upper.high == pytest.approx(a.upper.high * factor)
    assert b.sd == pytest.approx(a.sd * factor)


@pytest.mark.parametrize(
    ("label", "bias", "sd", "slope", "p"),
    [
        (1, 0.6754397280966769, 4.374153073100941, 0.00529674, 0.02657498),
        (4, -0.02467709969788434, 3.950953376325469, -0.0030742, 0.15253616),
    ],
)
def test_published_volumes_as_statsmodels_gives_them(  # noqa: PLR0917
    shared_data, label, bias, sd, slope, p
):
    # statsmodels 0.15.0: OLS of the difference on the mean.
    table = pd.read_csv(shared_data / "agreement" / "MRI_volume_internal_test331.csv")
    result = bland_altman(table[f"volume{label}_gd"], table[f"volume{label}_ai"])
    assert result.bias.value == pytest.approx(bias, abs=1e-9)
    assert result.sd == pytest.approx(sd)
    assert result.proportional.value == pytest.approx(slope, abs=1e-7)
    assert result.proportional_p == pytest.approx(p, abs=1e-7)


def test_proportional_bias_is_found_and_its_absence_too():
    rng = np.random.default_rng(3)
    x = rng.uniform(50, 400, 200)
    grows = bland_altman(x, 1.05 * x + rng.normal(0, 2, 200))
    flat = bland_altman(x, x + rng.normal(0, 2, 200))
    assert grows.proportional.low > 0
    assert grows.proportional_p < 1e-6
    assert flat.proportional_p > 0.01


def test_spread_that_grows_is_found():
    rng = np.random.default_rng(4)
    x = rng.uniform(50, 400, 300)
    result = bland_altman(x, x * (1 + rng.normal(0, 0.03, 300)))
    assert result.spread_rho > 0.2
    assert result.spread_p < 0.001


def test_fewer_than_ten_cases_have_no_limits():
    x = np.linspace(50, 90, 10)
    d = np.array([0.4, -0.2, 0.1, 0.9, -0.5, 0.3, 0.0, -0.8, 0.6, 0.2])
    assert bland_altman(x, x + d).upper.defined
    few = bland_altman(x[1:], x[1:] + d[1:])
    assert few.upper.reason == few.lower.reason == "limits of agreement need 10 cases"
    assert math.isnan(few.upper.value)
    assert few.bias.low < few.bias.value < few.bias.high
    assert few.sd == pytest.approx(d[1:].std(ddof=1))


@pytest.mark.parametrize("subjects", [None, ["a", "a", "a"]])
def test_too_little_gives_reasons(subjects):
    x = [1.0] if subjects is None else [1.0, 2.0, 3.0]
    result = bland_altman(x, [v + 0.5 + 0.1 * i for i, v in enumerate(x)], subjects=subjects)
    assert math.isnan(result.upper.value)
    assert result.upper.reason
    assert not math.isnan(result.bias.value)
