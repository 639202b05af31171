"""Regression lines between two methods: ordinary least squares, Deming, Passing-Bablok.

Ordinary least squares assumes a reference without error; otherwise its slope is too flat. Deming's
line allows for error in both methods; that of Passing & Bablok is robust and non-parametric.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

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
from lpm_segmentator.core.errors import AgreementError

# Passing-Bablok uses every pair of cases: 5,000 cases are 12.5 million slopes, 100 MB.
MAX_PASSING_BABLOK = 5_000

_FOR_LINE = 3  # units that a line with an interval needs
_ROUNDING = 1e-12  # a variance below this part of the total is a rounding error


@dataclass(frozen=True, slots=True)
class LineFit:
    """A line ``prediction = intercept + slope * reference``.

    Attributes
    ----------
    slope, intercept : Estimate
        With their intervals; the intercept in the measure's unit.
    method : str
        "ols", "deming" or "passing-bablok".
    interval : str
        Method of the intervals: "t", "jackknife", "subject jackknife", "ranks" or "none".
    slope_p : float
        Two-sided p-value against a slope of zero; ``nan`` where the method gives none.
    """

    slope: Estimate
    intercept: Estimate
    method: str
    interval: str
    slope_p: float = math.nan


def _undefined(reason: str, method: str) -> LineFit:
    nothing = Estimate.undefined(reason)
    return LineFit(nothing, nothing, method, "none")


def _no_line(x: FloatArray, y: FloatArray, *, constant_y_allowed: bool = False) -> str:
    """Return why there is no line, or ""."""
    if len(x) < _FOR_LINE:
        return "a line with an interval needs three cases"
    if is_constant(x):
        return "the reference is constant"
    if not constant_y_allowed and is_constant(y):
        return "the prediction is constant"
    return ""


def _moments(x: FloatArray, y: FloatArray, groups: IntArray) -> FloatArray:
    """Return n, Σx, Σy, Σx², Σy² and Σxy of each group; shape (g, 6)."""
    columns = (np.ones_like(x), x, y, x * x, y * y, x * y)
    return np.column_stack([np.bincount(groups, weights=c) for c in columns])


def _centred(sums: FloatArray) -> tuple[FloatArray, ...]:
    """Return the means of x and y, and S_xx, S_yy and S_xy, from the sums of `_moments`."""
    n, sx, sy, sxx, syy, sxy = np.moveaxis(sums, -1, 0)
    mx, my = sx / n, sy / n
    return mx, my, sxx - n * mx * mx, syy - n * my * my, sxy - n * mx * my


def _ols_line(sums: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return slope and intercept from the sums of `_moments`."""
    mx, my, sxx, _, sxy = _centred(sums)
    slope = sxy / sxx
    return slope, my - slope * mx


def _deming_line(ratio: float) -> Callable[[FloatArray], tuple[FloatArray, FloatArray]]:
    """Return a function like `_ols_line` for a ratio of error variances."""

    def line(sums: FloatArray) -> tuple[FloatArray, FloatArray]:
        mx, my, sxx, syy, sxy = _centred(sums)
        gap = syy - ratio * sxx
        root = np.sqrt(gap * gap + 4 * ratio * sxy * sxy)
        # Of the two equivalent forms the one without cancellation.
        with np.errstate(invalid="ignore", divide="ignore"):
            slope = np.where(gap >= 0, (gap + root) / (2 * sxy), 2 * ratio * sxy / (root - gap))
            return slope, my - slope * mx

    return line


def _jackknife(
    x: FloatArray,
    y: FloatArray,
    groups: IntArray,
    line: Callable[[FloatArray], tuple[FloatArray, FloatArray]],
    confidence: float,
) -> tuple[Estimate, Estimate, float]:
    """Fit a line with intervals by leaving out one unit at a time (Linnet 1990), from sums."""
    centre_x, centre_y = float(x.mean()), float(y.mean())
    sums = _moments(x - centre_x, y - centre_y, groups)
    total = sums.sum(axis=0)
    slope, intercept = (float(v) for v in line(total))
    g = len(sums)
    if not math.isfinite(slope):
        nothing = Estimate.undefined("reference and prediction are not correlated")
        return nothing, nothing, math.nan
    # The intercept belongs to centred columns: b0 = b0' + mean(y) - slope mean(x).
    value = intercept + centre_y - slope * centre_x
    if g < _FOR_LINE:
        reason = "the interval needs three subjects"
        return Estimate(slope, reason=reason), Estimate(value, reason=reason), math.nan
    left_out = _left_out(line, sums)
    if left_out is None:
        reason = "no interval: without one of the subjects the line is undefined"
        return Estimate(slope, reason=reason), Estimate(value, reason=reason), math.nan
    slopes, intercepts = left_out
    intercepts = intercepts + centre_y - slopes * centre_x
    t = float(stats.t.ppf(1 - (1 - confidence) / 2, g - 2))
    result = []
    errors = []
    for full, without in ((slope, slopes), (value, intercepts)):
        pseudo = g * full - (g - 1) * without
        error = float(pseudo.std(ddof=1)) / math.sqrt(g)
        errors.append(error)
        result.append(Estimate(full, full - t * error, full + t * error))
    if errors[0] == 0:
        return result[0], result[1], 1.0 if slope == 0 else 0.0
    return result[0], result[1], float(2 * stats.t.sf(abs(slope) / errors[0], g - 2))


def _left_out(
    line: Callable[[FloatArray], tuple[FloatArray, FloatArray]], sums: FloatArray
) -> tuple[FloatArray, FloatArray] | None:
    """Return slopes and intercepts without each unit, or None if one of them is undefined.

    A line is undefined if all the other units have the same reference: its variance, computed
    from the sums, is then a rounding error.
    """
    total = sums.sum(axis=0)
    without = total - sums
    if (_centred(without)[2] <= _ROUNDING * _centred(total)[2]).any():
        return None
    slopes, intercepts = line(without)
    return (slopes, intercepts) if np.isfinite(slopes).all() else None


def ols(
    reference: ArrayLike,
    prediction: ArrayLike,
    *,
    subjects: ArrayLike | None = None,
    confidence: float = 0.95,
) -> LineFit:
    """Fit ordinary least squares of the prediction on the reference.

    Parameters
    ----------
    reference, prediction : array_like, shape (n,)
        Paired finite values.
    subjects : array_like, shape (n,), optional
        If subjects repeat, the intervals come from leaving out one subject at a time;
        otherwise from the t distribution with n - 2 degrees of freedom.
    confidence : float
        Level of the intervals.

    Returns
    -------
    LineFit
        Undefined, with the reason, for fewer than three cases or a constant reference.

    Raises
    ------
    AgreementError
        If the values are not pairs of finite numbers, or the level lies outside (0, 1).
    """
    check_confidence(confidence)
    x, y = paired_arrays(reference, prediction)
    reason = _no_line(x, y, constant_y_allowed=True)
    if reason:
        return _undefined(reason, "ols")
    groups = group_codes(subjects, len(x))
    if groups is not None:
        slope, intercept, p = _jackknife(x, y, groups, _ols_line, confidence)
        return LineFit(slope, intercept, "ols", "subject jackknife", p)
    fit = stats.linregress(x, y)
    t = float(stats.t.ppf(1 - (1 - confidence) / 2, len(x) - 2))
    b, a = float(fit.slope), float(fit.intercept)
    db, da = t * float(fit.stderr), t * float(fit.intercept_stderr)
    return LineFit(
        Estimate(b, b - db, b + db),
        Estimate(a, a - da, a + da),
        "ols",
        "t",
        float(fit.pvalue),
    )


def deming(
    reference: ArrayLike,
    prediction: ArrayLike,
    *,
    error_ratio: float = 1.0,
    subjects: ArrayLike | None = None,
    confidence: float = 0.95,
) -> LineFit:
    """Fit Deming's line, which allows for error in both methods.

    ``slope = (S_yy - δ S_xx + sqrt((S_yy - δ S_xx)² + 4 δ S_xy²)) / (2 S_xy)`` with
    δ = ``error_ratio`` (Deming 1943; Linnet 1990, Stat Med 9:1463-1473). Swapping the columns
    and inverting δ gives the inverse slope. Intervals by jackknife with n - 2 degrees of
    freedom, over subjects where these repeat.

    Parameters
    ----------
    error_ratio : float
        Variance of the prediction's error over that of the reference's; 1 is orthogonal
        regression.
    reference, prediction, subjects, confidence
        As for `ols`.

    Returns
    -------
    LineFit
        Undefined, with the reason, for fewer than three cases or a constant column.

    Raises
    ------
    AgreementError
        As `ols`, or if the ratio is not positive.
    """
    check_confidence(confidence)
    if not (math.isfinite(error_ratio) and error_ratio > 0):
        raise AgreementError(
            f"the ratio of error variances is {error_ratio:g}",
            hint="Give a positive ratio, such as 1",
        )
    x, y = paired_arrays(reference, prediction)
    reason = _no_line(x, y)
    if reason:
        return _undefined(reason, "deming")
    groups = group_codes(subjects, len(x))
    units = np.arange(len(x)) if groups is None else groups
    slope, intercept, _ = _jackknife(x, y, units, _deming_line(error_ratio), confidence)
    how = "jackknife" if groups is None else "subject jackknife"
    return LineFit(slope, intercept, "deming", how)


def passing_bablok(
    reference: ArrayLike,
    prediction: ArrayLike,
    *,
    subjects: ArrayLike | None = None,
    confidence: float = 0.95,
) -> LineFit:
    """Fit Passing and Bablok's line: the shifted median of all slopes between two cases.

    Slopes of -1 are left out and the median is shifted by the number of slopes below -1; the
    interval is by ranks (Passing & Bablok 1983, J Clin Chem Clin Biochem 21:709-720). The
    intercept is the median of ``y - slope x``.

    Parameters
    ----------
    reference, prediction, confidence
        As for `ols`.
    subjects : array_like, shape (n,), optional
        If subjects repeat, the interval is undefined: the ranks assume independence.

    Returns
    -------
    LineFit
        Undefined, with the reason, if the two are not positively correlated or there are more
        than ``MAX_PASSING_BABLOK`` cases.

    Raises
    ------
    AgreementError
        As `ols`.
    """
    check_confidence(confidence)
    x, y = paired_arrays(reference, prediction)
    reason = _no_line(x, y)
    if not reason and len(x) > MAX_PASSING_BABLOK:
        reason = f"Passing-Bablok is limited to {MAX_PASSING_BABLOK} cases; use Deming's line"
    if not reason and float(np.corrcoef(x, y)[0, 1]) <= 0:
        reason = "Passing-Bablok needs positively correlated columns"
    if reason:
        return _undefined(reason, "passing-bablok")
    slopes = _pairwise_slopes(x, y)
    shift = int(np.sum(slopes < -1))
    count = len(slopes)
    middle = [(count - 1) // 2 + shift, count // 2 + shift]
    if middle[1] >= count:
        return _undefined("too few slopes between the cases", "passing-bablok")
    bounds = _rank_bounds(len(x), count, shift, confidence)
    ranks = middle + [b for b in bounds if b is not None]
    slopes = np.partition(slopes, sorted(set(ranks)))
    slope = float(slopes[middle].mean())
    if group_codes(subjects, len(x)) is not None:
        why = "no interval: the cases of a subject are not independent"
        intercept = float(np.median(y - slope * x))
        return LineFit(
            Estimate(slope, reason=why), Estimate(intercept, reason=why), "passing-bablok", "none"
        )
    low, high = (math.nan if b is None else float(slopes[b]) for b in bounds)
    return _passing_bablok_fit(x, y, slope, low, high)


def _passing_bablok_fit(
    x: FloatArray, y: FloatArray, slope: float, low: float, high: float
) -> LineFit:
    """Add the intercept and its interval to the slope and its interval."""
    why = "" if math.isfinite(low) and math.isfinite(high) else "too few cases for an interval"
    if why:
        low = high = math.nan
    return LineFit(
        Estimate(slope, low, high, why),
        Estimate(
            float(np.median(y - slope * x)),
            float(np.median(y - high * x)),
            float(np.median(y - low * x)),
            why,
        ),
        "passing-bablok",
        "none" if why else "ranks",
    )


def _pairwise_slopes(x: FloatArray, y: FloatArray) -> FloatArray:
    """Return the slopes between all pairs of cases that count."""
    i, j = np.triu_indices(len(x), k=1)
    dx, dy = x[j] - x[i], y[j] - y[i]
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = dy / dx
    # Excluded by the method: 0/0 (a repeated point) and -1 (perpendicular to the identity).
    return np.asarray(slopes[~np.isnan(slopes) & (slopes != -1)], dtype=np.float64)


def _rank_bounds(
    n: int, count: int, shift: int, confidence: float
) -> tuple[int | None, int | None]:
    """Return the ranks of the bounds of the slope, counted from 0; None where out of range."""
    z = float(stats.norm.ppf(1 - (1 - confidence) / 2))
    reach = z * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    first = round((count - reach) / 2)
    low, high = first + shift - 1, count - first + shift
    return (low if 0 <= low < count else None), (high if 0 <= high < count else None)
