"""The equivalence test against the published method's own figures, and its laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lpm_segmentator.agreement import holm, normality_p, tost_paired
from lpm_segmentator.core import AgreementError


@pytest.mark.parametrize(
    ("label", "p", "method"),
    [
        (1, 0.2114, "parametric"),
        (2, 0.0077, "bootstrap"),
        (3, 0.0180, "bootstrap"),
        (4, 0.1123, "parametric"),
    ],
)
def test_normality_and_branch_of_the_published_notebook(volumes, label, p, method):
    result = tost_paired(volumes[f"volume{label}_gd"], volumes[f"volume{label}_ai"])
    assert round(result.normality_p, 4) == p
    assert result.method == method
    assert result.equivalent is True


@pytest.mark.parametrize(
    ("label", "t_lower", "t_upper"), [(1, 54.9682, -49.3495), (4, 59.6704, -59.8977)]
)
def test_t_values_of_the_published_notebook(volumes, label, t_lower, t_upper):
    result = tost_paired(volumes[f"volume{label}_gd"], volumes[f"volume{label}_ai"])
    assert round(result.t_lower, 4) == t_lower
    assert round(result.t_upper, 4) == t_upper


@pytest.mark.parametrize(
    ("label", "p_lower", "p_upper"),
    [
        (1, 1.7947726238160356e-168, 1.0820824269529206e-154),
        (4, 3.6588085208191613e-179, 1.159942182481739e-179),
    ],
)
def test_p_values_of_statsmodels(volumes, label, p_lower, p_upper):
    # statsmodels 0.15.0, ttost_paired(ai, gd, -0.05 * gd.mean(), 0.05 * gd.mean())
    result = tost_paired(volumes[f"volume{label}_gd"], volumes[f"volume{label}_ai"])
    assert result.p_lower == pytest.approx(p_lower, rel=1e-6)
    assert result.p_upper == pytest.approx(p_upper, rel=1e-6)


def _pair(shift: float, n: int = 40, sd: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    x = rng.normal(100, 15, n)
    noise = rng.normal(0, sd, n)
    return x, x + shift + noise - noise.mean()


@given(st.floats(-12, 12), st.floats(0.5, 10))
def test_equivalent_is_the_ninety_per_cent_interval_inside_the_margin(shift, margin):
    x, y = _pair(shift)
    result = tost_paired(x, y, margin=margin, method="parametric")
    assert result.equivalent == (-margin < result.low and result.high < margin)


@given(st.floats(-12, 12))
def test_swapping_the_columns_mirrors_the_test(shift):
    x, y = _pair(shift)
    a, b = tost_paired(x, y, margin=5), tost_paired(y, x, margin=5)
    assert b.mean_difference == pytest.approx(-a.mean_difference)
    assert (b.p_lower, b.p_upper) == pytest.approx((a.p_upper, a.p_lower))


def test_bootstrap_and_t_test_agree_on_normal_differences():
    x, y = _pair(1.2)
    t = tost_paired(x, y, margin=2, method="parametric")
    b = tost_paired(x, y, margin=2, method="bootstrap", n_resamples=20_000)
    assert b.p == pytest.approx(t.p, abs=0.01)
    assert (b.low, b.high) == pytest.approx((t.low, t.high), abs=0.08)


def test_not_equivalent_when_the_difference_is_beyond_the_margin():
    x, y = _pair(6.0)
    for method in ("parametric", "bootstrap"):
        result = tost_paired(x, y, margin_percent=5, method=method, n_resamples=500)
        assert result.equivalent is False
        assert result.p > 0.5


def test_the_seed_decides_the_resamples():
    x, y = _pair(1.5)
    runs = [
        tost_paired(x, y, margin=2, method="bootstrap", n_resamples=300, seed=seed)
        for seed in (3, 3, 4)
    ]
    assert runs[0] == runs[1]
    assert runs[0].low != runs[2].low


def test_a_bootstrap_p_value_is_never_zero():
    x, y = _pair(0.0)
    result = tost_paired(x, y, margin=50, method="bootstrap", n_resamples=999)
    assert result.p == pytest.approx(1 / 1000)


def test_repeated_cases_count_once_a_subject():
    x, y = _pair(0.5)
    once = tost_paired(x, y, margin=5)
    who = np.repeat(np.arange(len(x)), 3)
    thrice = tost_paired(np.repeat(x, 3), np.repeat(y, 3), margin=5, subjects=who)
    assert thrice.n == once.n
    assert thrice.p == pytest.approx(once.p)


def test_margin_in_per_cent_is_of_the_reference_mean():
    x, y = _pair(0.0)
    result = tost_paired(x, y, margin_percent=3)
    assert result.margin == pytest.approx(0.03 * x.mean())
    assert tost_paired(x, y, margin=2).margin_percent == pytest.approx(200 / x.mean())


@pytest.mark.parametrize(
    ("x", "y", "word"),
    [
        ([1.0], [1.1], "two independent cases"),
        ([1.0, 2.0, 3.0], [1.5, 2.5, 3.5], "all differences are equal"),
        ([-1.0, -2.0, -3.0], [-1.1, -2.3, -3.0], "not positive"),
    ],
)
def test_no_test_gives_a_reason_and_no_verdict(x, y, word):
    result = tost_paired(x, y)
    assert math.isnan(result.p)
    assert result.equivalent is None
    assert word in result.reason


@pytest.mark.parametrize(
    "wrong", [{"margin_percent": 0}, {"margin": -1}, {"alpha": 0.7}, {"method": "wilcoxon"}]
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(AgreementError):
        tost_paired([1.0, 2.0], [1.0, 2.1], **wrong)


def test_normality_is_the_exact_one_sample_test():
    d = np.random.default_rng(0).exponential(size=50)
    z = (d - d.mean()) / d.std(ddof=1)
    assert normality_p(d) == pytest.approx(stats.kstest(z, "norm").pvalue)
    assert math.isnan(normality_p([1.0, 2.0]))


def test_holm_of_a_worked_example():
    # R 4: p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm")
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]).tolist() == pytest.approx(
        [0.05, 0.08, 0.09, 0.09, 0.09]
    )


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_laws(p):
    adjusted = holm(p)
    assert (adjusted >= np.array(p) - 1e-15).all()
    assert (adjusted <= np.minimum(1, len(p) * np.array(p)) + 1e-12).all()
    order = np.argsort(p)
    assert (np.diff(adjusted[order]) >= 0).all()


def test_holm_does_not_count_tests_that_were_not_made():
    adjusted = holm([0.01, math.nan, 0.03])
    assert adjusted[[0, 2]].tolist() == pytest.approx([0.02, 0.03])
    assert math.isnan(adjusted[1])
