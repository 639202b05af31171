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

#: fewest cases for limits of agreement; with fewer their intervals are too wide to be of use
MIN_CASES_FOR_LIMITS = 10

# Cases needed for a standard deviation, a slope with its test, and a rank correlation.
_FOR_SPREAD, _FOR_SLOPE, _FOR_RANKS = 2, 3, 4
_TOO_FEW = f"limits of agreement need {MIN_CASES_FOR_LIMITS} cases"


@dataclass(frozen=True, slots=True)
class BlandAltmanResult:
    """Bias and limits of agreement of prediction - reference.

    Attributes
    ----------
    bias, lower, upper : Estimate
        Mean difference and the two limits, in the measure's unit.
    sd : float
        Standard deviation of the differences, in the measure's unit; the total one where subjects
        repeat.
    between_sd, within_sd : float
        Its parts between and within subjects; ``nan`` where no subject repeats.
    proportional : Estimate
        Slope of the difference on the mean of both; 0 means that the bias does not depend on size.
    proportional_p, proportional_p_holm : float
        Its p-value, uncorrected and after Holm's correction over all tests of a comparison.
    spread_rho, spread_p : float
        Spearman's correlation of the absolute deviation from the bias with the mean, and its
        p-value. If it is positive, the limits are too wide for small and too narrow for large
        values.
    method : str
        "independent" (exact intervals) or "repeated" (Bland & Altman 2007).
    limits : float
        Share of differences expected within the limits.
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
        """Return the result with a corrected p-value of the proportional bias.

        Parameters
        ----------
        p_holm : float
        """
        return replace(self, proportional_p_holm=p_holm)


def bland_altman(
    reference: ArrayLike,
    prediction: ArrayLike,
    *,
    subjects: ArrayLike | None = None,
    limits: float = 0.95,
    confidence: float = 0.95,
) -> BlandAltmanResult:
    """Compute bias and limits of agreement with their intervals.

    Independent cases: ``bias ± z s`` (Bland & Altman 1986, Lancet 327:307-310) with exact
    intervals. Repeated cases of a subject, whose true value may vary from case to case: the
    variance is the sum of those between and within subjects (Bland & Altman 2007).

    Parameters
    ----------
    reference, prediction : array_like, shape (n,)
        Paired finite values of one unit.
    subjects : array_like of str, shape (n,), optional
        The subject of each case.
    limits : float
        Share of differences expected within the limits.
    confidence : float
        Level of the intervals.

    Returns
    -------
    BlandAltmanResult
        Without limits, with the reason, for fewer than ``MIN_CASES_FOR_LIMITS`` cases.

    Raises
    ------
    AgreementError
        If the values are not pairs of finite numbers, or a level lies outside (0, 1).
    """
    check_confidence(confidence)
    check_confidence(limits)
    x, y = paired_arrays(reference, prediction)
    d, centre = y - x, (x + y) / 2
    groups = group_codes(subjects, len(d))
    parts = _limits(d, groups, limits, confidence)
    slope, slope_p = _proportional(centre, d, subjects if groups is not None else None, confidence)
    rho, rho_p = _spread_trend(centre, d)
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
    """Bias, limits and standard deviations, see `BlandAltmanResult`."""

    bias: Estimate
    lower: Estimate
    upper: Estimate
    sd: float
    between_sd: float = math.nan
    within_sd: float = math.nan


def _limits(d: FloatArray, groups: IntArray | None, limits: float, confidence: float) -> _Limits:
    """Compute bias and limits, or give the reason why there are none."""
    z = float(stats.norm.ppf(0.5 + limits / 2))
    parts = (
        _independent(d, z, confidence) if groups is None else _repeated(d, groups, z, confidence)
    )
    if len(d) < MIN_CASES_FOR_LIMITS:
        nothing = Estimate.undefined(_TOO_FEW)
        return replace(parts, lower=nothing, upper=nothing)
    return parts


def _no_spread(d: FloatArray, reason: str) -> _Limits:
    bias = float(d.mean()) if len(d) else math.nan
    nothing = Estimate.undefined(reason)
    return _Limits(Estimate(bias, reason=reason), nothing, nothing, math.nan)


def _independent(d: FloatArray, z: float, confidence: float) -> _Limits:
    """Compute limits of independent cases.

    The bias has a t interval, the limits have exact ones from the non-central t distribution
    (Carkeet 2015, Optom Vis Sci 92:e71-e80), which those of Bland & Altman (1999) approximate.
    """
    n = len(d)
    if n < _FOR_SPREAD:
        return _no_spread(d, "the interval of the bias needs two cases")
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
    """Compute limits of repeated cases.

    The variance is from a one-way analysis of variance (Bland & Altman 2007, J Biopharm Stat
    17:571-582, section 3): ``s² = (MSB - MSW) / m + MSW`` with
    ``m = ((Σm_i)² - Σm_i²) / ((g - 1) Σm_i)``. The intervals of the limits are those of Zou (2013,
    Stat Methods Med Res 22:630-642) with this m.
    """
    counts = np.bincount(groups).astype(np.float64)
    n, g = len(d), len(counts)
    if g < _FOR_SPREAD:
        return _no_spread(d, "limits of agreement and the interval of the bias need two subjects")
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
    """Compute how far the interval of a limit reaches (Zou 2013, eqs. 5-7).

    Parameters
    ----------
    first, second : tuple of (float, int)
        The two parts of the variance of a difference, and their degrees of freedom.
    error : float
        Standard error of the bias, in the measure's unit.
    z : float
        Quantile of the limits.
    tail : float
        Half of 1 - confidence.

    Returns
    -------
    tuple of float
        Reach away from and towards the bias, in the measure's unit.
    """
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
    """Fit the slope of the difference on the mean (Bland & Altman 1999, section 3.2)."""
    if len(d) < _FOR_SLOPE:
        return Estimate.undefined("a proportional-bias test needs three cases"), math.nan
    if np.ptp(d) <= 1e-12 * float(np.max(np.abs(centre), initial=0.0)):
        return Estimate.undefined("all differences are equal"), math.nan
    fit = ols(centre, d, subjects=subjects, confidence=confidence)
    return fit.slope, fit.slope_p


def _spread_trend(centre: FloatArray, d: FloatArray) -> tuple[float, float]:
    """Correlate the absolute deviation from the bias with the mean: rho and its p-value."""
    away = np.abs(d - d.mean()) if len(d) else d
    if len(d) < _FOR_RANKS or is_constant(away) or is_constant(centre):
        return math.nan, math.nan
    result = stats.spearmanr(centre, away)
    return float(result.statistic), float(result.pvalue)
