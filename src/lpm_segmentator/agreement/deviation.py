"""Size of the differences and strength of association: MAE, RMSE, CV, correlations."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from lpm_segmentator.agreement.bootstrap import percentile_interval, resample_means
from lpm_segmentator.agreement.estimate import (
    Estimate,
    check_confidence,
    group_codes,
    is_constant,
    paired_arrays,
)

# Cases needed for the interval of a mean, for a correlation and for its interval.
_FOR_MEAN, _FOR_CORRELATION, _FOR_INTERVAL = 2, 3, 4


def absolute_errors(
    reference: ArrayLike,
    prediction: ArrayLike,
    *,
    subjects: ArrayLike | None = None,
    confidence: float = 0.95,
    n_resamples: int = 10_000,
    seed: int = 0,
) -> tuple[Estimate, Estimate]:
    """Compute the mean absolute and the root mean square difference.

    The intervals are percentiles of a bootstrap of cases, or of subjects where these repeat.

    Parameters
    ----------
    reference, prediction : array_like, shape (n,)
        Paired values in one unit.
    subjects : array_like, shape (n,), optional
        The subject of each case, where subjects have several.
    confidence : float
        Level of the intervals.
    n_resamples, seed : int
        Of the bootstrap.

    Returns
    -------
    tuple of Estimate
        MAE and RMSE, in the measure's unit.

    Raises
    ------
    AgreementError
        If the values are not pairs of finite numbers, or the level lies outside (0, 1).
    """
    check_confidence(confidence)
    x, y = paired_arrays(reference, prediction)
    if len(x) == 0:
        nothing = Estimate.undefined("there are no cases")
        return nothing, nothing
    d = y - x
    mae, rmse = float(np.abs(d).mean()), math.sqrt(float(np.mean(d * d)))
    groups = group_codes(subjects, len(d))
    if len(d) < _FOR_MEAN or (groups is not None and groups.max() == 0):
        why = "the interval needs two independent cases"
        return Estimate(mae, reason=why), Estimate(rmse, reason=why)
    means = resample_means(
        np.column_stack([np.abs(d), d * d]), n_resamples=n_resamples, seed=seed, groups=groups
    )
    low, high = percentile_interval(means[:, 0], confidence)
    square_low, square_high = percentile_interval(means[:, 1], confidence)
    return (
        Estimate.with_interval(mae, low, high),
        Estimate.with_interval(rmse, math.sqrt(square_low), math.sqrt(square_high)),
    )


def within_subject_cv(reference: ArrayLike, prediction: ArrayLike) -> Estimate:
    """Compute the within-subject coefficient of variation.

    The root mean square over the pairs of ``(d² / 2) / m²`` with the pair's difference d and
    mean m (Bland's root mean square method; Hyslop & White 2009, Clin Biochem Rev).

    Parameters
    ----------
    reference, prediction : array_like, shape (n,)
        Paired values in one unit.

    Returns
    -------
    Estimate
        In per cent, without an interval. Undefined if the mean of a pair is not positive.
    """
    x, y = paired_arrays(reference, prediction)
    if len(x) == 0:
        return Estimate.undefined("there are no cases")
    mean = (x + y) / 2
    if bool((mean <= 0).any()):
        return Estimate.undefined("the mean of a pair is not positive")
    return Estimate(100 * math.sqrt(float(np.mean(((y - x) / mean) ** 2) / 2)))


def _correlation_interval(
    r: float, n: int, confidence: float, variance: float, *, repeated: bool
) -> Estimate:
    """Return a correlation with its interval by Fisher's z."""
    if repeated:
        return Estimate(r, reason="no interval: the cases of a subject are not independent")
    if n < _FOR_INTERVAL:
        return Estimate(r, reason="the interval needs four cases")
    if abs(r) >= 1:
        return Estimate(r, r, r)
    reach = float(stats.norm.ppf(0.5 + confidence / 2)) * math.sqrt(variance / (n - 3))
    return Estimate(r, math.tanh(math.atanh(r) - reach), math.tanh(math.atanh(r) + reach))


def correlations(
    reference: ArrayLike,
    prediction: ArrayLike,
    *,
    subjects: ArrayLike | None = None,
    confidence: float = 0.95,
) -> tuple[Estimate, Estimate]:
    """Compute Pearson's and Spearman's correlation.

    The intervals are by Fisher's z, for Spearman with the variance of Bonett & Wright (2000,
    Psychometrika 65:23-28), ``(1 + r²/2)/(n - 3)``; none where subjects repeat.

    Parameters
    ----------
    reference, prediction : array_like, shape (n,)
        Paired values in one unit.
    subjects : array_like, shape (n,), optional
        The subject of each case, where subjects have several.
    confidence : float
        Level of the intervals.

    Returns
    -------
    tuple of Estimate
        Pearson's and Spearman's. A high correlation does not imply agreement.

    Raises
    ------
    AgreementError
        If the values are not pairs of finite numbers, or the level lies outside (0, 1).
    """
    check_confidence(confidence)
    x, y = paired_arrays(reference, prediction)
    why = ""
    if len(x) < _FOR_CORRELATION:
        why = "a correlation needs three cases"
    elif is_constant(x) or is_constant(y):
        why = "a column is constant"
    if why:
        return Estimate.undefined(why), Estimate.undefined(why)
    repeated = group_codes(subjects, len(x)) is not None
    r = float(np.clip(np.corrcoef(x, y)[0, 1], -1, 1))
    rho = float(stats.spearmanr(x, y).statistic)
    return (
        _correlation_interval(r, len(x), confidence, 1.0, repeated=repeated),
        _correlation_interval(rho, len(x), confidence, 1 + rho * rho / 2, repeated=repeated),
    )
