"""Bland-Altman analysis: bias, limits of agreement, their intervals, proportional bias.

The difference is always prediction - reference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from lpm_segmentator.agreement.estimate import (
    Estimate,
    FloatArray,
    IntArray,
    check_confidence,
    group_codes,
    is_constant,
    paired_arrays,
)
from lpm_segmentator.agreement.regression import ols

# Units a spread, a slope with its test, and a rank correlation with its test need.
_FOR_SPREAD, _FOR_SLOPE, _FOR_RANKS = 2, 3, 4


@dataclass(frozen=True, slots=True)
class BlandAltmanResult:
    """Bias and limits of agreement of prediction - reference.

    Attributes
    ----------
    bias, lower, upper : Estimate
        Mean difference and the two limits, in the measure's unit.
    sd : float
        Standard deviation of the differences (total, where subjects repeat).
    between_sd, within_sd : float
        Its parts between and within subjects; ``nan`` where none repeats.
    proportional : Estimate
        Slope of the difference on the mean of both; 0 means that the bias does not grow.
    proportional_p, proportional_p_holm : float
        Its p-value, and that after Holm's correction over all tests of a comparison.
    spread_rho, spread_p : float
        Spearman's correlation of the difference's distance from the bias with the mean: where
        positive, the limits are too wide for small and too narrow for large values.
    method : str
        "independent" (exact intervals) or "repeated" (Bland & Altman 2007).
    limits : float
        Share of differences the limits are to hold.
    n, n_subjects : int
        Cases and independent units.
    """

    bias: Estimate
    lower: Estimate
    upper: Estimate
    sd: float
    between_sd: float
    within_sd: float
    proportional: Estimate
    proportional_p: float
    spread_rho: float
    spread_p: float
    method: str
    limits: float
    n: int
    n_subjects: int
    proportional_p_holm: float = math.nan

    def with_holm(self, p_holm: float) -> BlandAltmanResult:
        """Give the result with the proportional-bias p-value corrected for the other tests."""
        return replace(self, proportional_p_holm=p_holm)


def bland_altman(
    reference: ArrayLike,
    prediction: ArrayLike,
    *,
    subjects: ArrayLike | None = None,
    limits: float = 0.95,
    confidence: float = 0.95,
) -> BlandAltmanResult:
    """Bias and limits of agreement with their intervals.

    Independent cases: ``bias ± z s`` (Bland & Altman 1986). The bias has its t interval, the
    limits have exact ones from the non-central t distribution (Carkeet 2015, Optom Vis Sci
    92:e71-e80), to which those of Bland & Altman (1999) are an approximation.

    Repeated cases of a subject, whose true value may vary from case to case: the variance of a
    difference is that between plus that within subjects, from a one-way analysis of variance
    (Bland & Altman 2007, J Biopharm Stat 17:571-582, section 3):
    ``s² = (MSB - MSW) / m + MSW`` with ``m = ((Σm_i)² - Σm_i²) / ((g - 1) Σm_i)``. The limits'
    intervals are those of Zou (2013, Stat Methods Med Res 22:630-642) with this m.

    Parameters
    ----------
    reference, prediction : array_like, shape (n,)
        Paired finite values.
    subjects : array_like, shape (n,), optional
        Who each case belongs to.
    limits : float
        Share of differences that the limits are to hold.
    confidence : float
        Level of the intervals.
    """
    check_confidence(confidence)
    check_confidence(limits)
    x, y = paired_arrays(reference, prediction)
    d, centre = y - x, (x + y) / 2
    groups = group_codes(subjects, len(d))
    z = float(stats.norm.ppf(0.5 + limits / 2))
    parts = (
        _independent(d, z, confidence) if groups is None else _repeated(d, groups, z, confidence)
    )
    slope, slope_p = _proportional(centre, d, subjects if groups is not None else None, confidence)
    rho, rho_p = _spread(centre, d)
    return BlandAltmanResult(
        bias=parts.bias,
        lower=parts.lower,
        upper=parts.upper,
        sd=parts.sd,
        between_sd=parts.between_sd,
        within_sd=parts.within_sd,
        proportional=slope,
        proportional_p=slope_p,
        spread_rho=rho,
        spread_p=rho_p,
        method="independent" if groups is None else "repeated",
        limits=limits,
        n=len(d),
        n_subjects=len(d) if groups is None else int(groups.max()) + 1,
    )


@dataclass(frozen=True, slots=True)
class _Limits:
    bias: Estimate
    lower: Estimate
    upper: Estimate
    sd: float
    between_sd: float = math.nan
    within_sd: float = math.nan


def _no_spread(d: FloatArray, reason: str) -> _Limits:
    bias = float(d.mean()) if len(d) else math.nan
    nothing = Estimate.undefined(reason)
    return _Limits(Estimate(bias, reason=reason), nothing, nothing, math.nan)


def _independent(d: FloatArray, z: float, confidence: float) -> _Limits:
    n = len(d)
    if n < _FOR_SPREAD:
        return _no_spread(d, "limits of agreement need two cases")
    bias, sd = float(d.mean()), float(d.std(ddof=1))
    tail = (1 - confidence) / 2
    reach = float(stats.t.ppf(1 - tail, n - 1)) * sd / math.sqrt(n)
    # (limit - mean) √n / s of normal samples is non-central t with parameter z √n.
    shift, unit = z * math.sqrt(n), sd / math.sqrt(n)
    near = float(stats.nct.ppf(tail, n - 1, shift)) * unit
    far = float(stats.nct.ppf(1 - tail, n - 1, shift)) * unit
    return _Limits(
        Estimate(bias, bias - reach, bias + reach),
        Estimate(bias - z * sd, bias - far, bias - near),
        Estimate(bias + z * sd, bias + near, bias + far),
        sd,
    )


def _repeated(d: FloatArray, groups: IntArray, z: float, confidence: float) -> _Limits:
    counts = np.bincount(groups).astype(np.float64)
    n, g = len(d), len(counts)
    if g < _FOR_SPREAD:
        return _no_spread(d, "limits of agreement need two subjects")
    bias = float(d.mean())
    means = np.bincount(groups, weights=d) / counts
    ms_between = float(np.sum(counts * (means - bias) ** 2)) / (g - 1)
    ms_within = float(np.sum((d - means[groups]) ** 2)) / (n - g)
    m = (n**2 - float(np.sum(counts**2))) / ((g - 1) * n)
    between = max((ms_between - ms_within) / m, 0.0)
    # Written so that it cannot be negative: the sum of two mean squares with positive weights.
    first, second = ms_between / m, (1 - 1 / m) * ms_within
    sd = math.sqrt(first + second)
    tail = (1 - confidence) / 2
    error = math.sqrt(between * float(np.sum(counts**2)) / n**2 + ms_within / n)
    reach = float(stats.t.ppf(1 - tail, g - 1)) * error
    outer, inner = mover_reach((first, g - 1), (second, n - g), error, z=z, tail=tail)
    return _Limits(
        Estimate(bias, bias - reach, bias + reach),
        Estimate(bias - z * sd, bias - z * sd - outer, bias - z * sd + inner),
        Estimate(bias + z * sd, bias + z * sd - inner, bias + z * sd + outer),
        sd,
        math.sqrt(between),
        math.sqrt(ms_within),
    )


def mover_reach(
    first: tuple[float, int], second: tuple[float, int], error: float, *, z: float, tail: float
) -> tuple[float, float]:
    """Reach of a limit's interval away from and towards the bias (Zou 2013, eqs. 5-7)."""
    total = first[0] + second[0]
    down = up = 0.0
    for value, df in (first, second):
        down += (value * (1 - df / float(stats.chi2.ppf(1 - tail, df)))) ** 2
        up += (value * (df / float(stats.chi2.ppf(tail, df)) - 1)) ** 2
    low, high = max(total - math.sqrt(down), 0.0), total + math.sqrt(up)
    q = float(stats.norm.ppf(1 - tail)) * error
    outer = math.hypot(q, z * (math.sqrt(high) - math.sqrt(total)))
    inner = math.hypot(q, z * (math.sqrt(total) - math.sqrt(low)))
    return outer, inner


def _proportional(
    centre: FloatArray, d: FloatArray, subjects: ArrayLike | None, confidence: float
) -> tuple[Estimate, float]:
    """Slope of the difference on the mean (Bland & Altman 1999, section 3.2)."""
    if len(d) < _FOR_SLOPE:
        return Estimate.undefined("a proportional-bias test needs three cases"), math.nan
    if np.ptp(d) <= 1e-12 * float(np.max(np.abs(centre), initial=0.0)):
        return Estimate.undefined("all differences are equal"), math.nan
    fit = ols(centre, d, subjects=subjects, confidence=confidence)
    return fit.slope, fit.slope_p


def _spread(centre: FloatArray, d: FloatArray) -> tuple[float, float]:
    away = np.abs(d - d.mean()) if len(d) else d
    if len(d) < _FOR_RANKS or is_constant(away) or is_constant(centre):
        return math.nan, math.nan
    result = stats.spearmanr(centre, away)
    return float(result.statistic), float(result.pvalue)
