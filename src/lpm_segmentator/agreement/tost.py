"""Equivalence of paired measurements: two one-sided tests (TOST).

The null hypothesis is that the mean difference lies outside ±margin; a small p-value shows
equivalence (Schuirmann 1987, J Pharmacokinet Biopharm 15:657-680). The choice of the test follows
the published method of the segmentation: a Kolmogorov-Smirnov test of the standardised
differences at 0.05 chooses between the t test and a bootstrap of the mean difference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from lpm_segmentator.agreement.bootstrap import percentile_interval, resample_means
from lpm_segmentator.agreement.estimate import (
    FloatArray,
    group_codes,
    group_means,
    is_constant,
    paired_arrays,
)
from lpm_segmentator.core.errors import AgreementError

TostMethod = Literal["auto", "parametric", "bootstrap"]

# Level of the normality test that chooses the method, as in the published method.
NORMALITY_LEVEL = 0.05
_FOR_TEST, _FOR_NORMALITY = 2, 3
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class TostResult:
    """Outcome of an equivalence test.

    Attributes
    ----------
    n : int
        Number of independent units: cases, or subjects if these repeat.
    mean_difference : float
        Mean of prediction - reference over the units.
    margin : float
        Half-width of the equivalence region, in the measure's unit.
    margin_percent : float
        The same in per cent of the reference mean.
    low, high : float
        The 1 - 2 alpha interval of the mean difference, in the measure's unit; within ±margin
        means equivalent.
    p_lower, p_upper : float
        p-values against a difference ≤ -margin and ≥ +margin.
    p : float
        The larger of the two: the p-value of the equivalence test.
    equivalent : bool or None
        Whether p < alpha; None if no test was possible.
    method : str
        "parametric", "bootstrap" or "none".
    normality_p : float
        p-value of the Kolmogorov-Smirnov test that chose the method.
    t_lower, t_upper, df : float
        Of the t test; ``nan`` for the bootstrap.
    alpha : float
        Level of the test.
    n_resamples, seed : int
        Of the bootstrap; 0 if there was none.
    p_holm : float
        p after Holm's correction over all tests of a comparison; ``nan`` for a single test.
    equivalent_holm : bool or None
        Whether p_holm < alpha.
    reason : str
        Why there is no test; empty otherwise.
    """

    n: int
    mean_difference: float
    margin: float
    margin_percent: float
    low: float = math.nan
    high: float = math.nan
    p_lower: float = math.nan
    p_upper: float = math.nan
    p: float = math.nan
    equivalent: bool | None = None
    method: str = "none"
    normality_p: float = math.nan
    t_lower: float = math.nan
    t_upper: float = math.nan
    df: float = math.nan
    alpha: float = 0.05
    n_resamples: int = 0
    seed: int = 0
    p_holm: float = math.nan
    equivalent_holm: bool | None = None
    reason: str = ""

    def with_holm(self, p_holm: float) -> TostResult:
        """Return the result with a p-value corrected for the other tests.

        Parameters
        ----------
        p_holm : float
        """
        equivalent = None if math.isnan(p_holm) else bool(p_holm < self.alpha)
        return replace(self, p_holm=p_holm, equivalent_holm=equivalent)


def normality_p(differences: ArrayLike) -> float:
    """Compute the Kolmogorov-Smirnov test of standardised differences against N(0, 1).

    The differences are standardised by their own mean and standard deviation (n - 1), as in the
    published method. With estimated parameters the test is conservative (Lilliefors 1967): it
    keeps the t test more often than its nominal level states.

    Parameters
    ----------
    differences : array_like, shape (n,)

    Returns
    -------
    float
        The p-value; ``nan`` for fewer than three values, or for equal values.
    """
    d = np.asarray(differences, dtype=np.float64)
    if d.size < _FOR_NORMALITY or is_constant_difference(d):
        return math.nan
    z = (d - d.mean()) / d.std(ddof=1)
    return float(stats.ks_1samp(z, stats.norm.cdf).pvalue)


def is_constant_difference(d: FloatArray, scale: float = 0.0) -> bool:
    """Return whether differences vary by no more than rounding.

    Parameters
    ----------
    d : ndarray of float64, shape (n,)
    scale : float
        Size of the numbers whose differences they are; 0 takes that of the differences.
    """
    return bool(np.ptp(d) <= 1e-12 * scale) if scale else is_constant(d)


def tost_paired(  # noqa: PLR0913 - each keyword is a choice of the test
    reference: ArrayLike,
    prediction: ArrayLike,
    *,
    margin_percent: float = 5.0,
    margin: float | None = None,
    subjects: ArrayLike | None = None,
    method: TostMethod = "auto",
    alpha: float = 0.05,
    n_resamples: int = 10_000,
    seed: int = 0,
) -> TostResult:
    """Test whether the means of prediction and reference are equivalent.

    Parameters
    ----------
    reference, prediction : array_like, shape (n,)
        Paired finite values of one unit.
    margin_percent : float
        Equivalence margin in per cent of the reference mean.
    margin : float, optional
        The margin in the measure's unit; overrides ``margin_percent``.
    subjects : array_like, shape (n,), optional
        The subject of each case. If subjects repeat, the mean difference of a subject is one unit
        (summary measures: Matthews et al. 1990, BMJ 300:230-235).
    method : {"auto", "parametric", "bootstrap"}
        "auto" takes the t test if the normality p-value is at least 0.05, else the bootstrap.
    alpha : float
        Level of each one-sided test.
    n_resamples, seed : int
        Of the bootstrap.

    Returns
    -------
    TostResult

    Raises
    ------
    AgreementError
        If the margin is not positive, alpha lies outside (0, 0.5) or the method is unknown.
    """
    _check_settings(margin_percent, margin, method, alpha)
    x, y = paired_arrays(reference, prediction)
    scale = float(np.max(np.abs(np.concatenate([x, y])), initial=0.0))
    groups = group_codes(subjects, len(x))
    if groups is not None:
        x, y = group_means(x, groups), group_means(y, groups)
    d = y - x
    half, percent = _margin(x, margin_percent, margin)
    mean = float(d.mean()) if len(d) else math.nan
    start = TostResult(len(d), mean, margin=half, margin_percent=percent, alpha=alpha)
    reason = _no_test(d, half, scale)
    if reason:
        return replace(start, reason=reason)
    start = replace(start, normality_p=normality_p(d))
    if method == "bootstrap" or (method == "auto" and start.normality_p < NORMALITY_LEVEL):
        return _bootstrap_tost(d, start, n_resamples, seed)
    return _t_tost(d, start)


def _check_settings(margin_percent: float, margin: float | None, method: str, alpha: float) -> None:
    given = margin_percent if margin is None else margin
    if not (math.isfinite(given) and given > 0):
        raise AgreementError(
            f"the equivalence margin is {given:g}",
            hint="Give a positive margin, such as 5 (per cent)",
        )
    if method not in ("auto", "parametric", "bootstrap"):
        raise AgreementError(
            f"there is no TOST method {method!r}", hint="Use auto, parametric or bootstrap"
        )
    if not 0 < alpha < _HALF:
        raise AgreementError(
            f"alpha is {alpha:g}", hint="Give a level between 0 and 0.5, such as 0.05"
        )


def _margin(x: FloatArray, margin_percent: float, margin: float | None) -> tuple[float, float]:
    """Return the margin in the measure's unit and in per cent of the reference mean."""
    mean = float(x.mean()) if len(x) else math.nan
    if margin is not None:
        return margin, 100 * margin / mean if mean > 0 else math.nan
    return (mean * margin_percent / 100 if mean > 0 else math.nan), margin_percent


def _no_test(d: FloatArray, half: float, scale: float) -> str:
    """Return why no test is possible, or ""."""
    if len(d) < _FOR_TEST:
        return "an equivalence test needs two independent cases"
    if math.isnan(half):
        return "the reference mean is not positive, so a margin in per cent of it is undefined"
    if is_constant_difference(d, scale):
        place = "inside" if abs(float(d.mean())) < half else "outside"
        return f"all differences are equal, so no test is possible; they lie {place} the margin"
    return ""


def _t_tost(d: FloatArray, start: TostResult) -> TostResult:
    """Perform the two t tests."""
    n, df = len(d), len(d) - 1
    error = float(d.std(ddof=1)) / math.sqrt(n)
    t_lower = (start.mean_difference + start.margin) / error
    t_upper = (start.mean_difference - start.margin) / error
    p_lower, p_upper = float(stats.t.sf(t_lower, df)), float(stats.t.cdf(t_upper, df))
    reach = float(stats.t.ppf(1 - start.alpha, df)) * error
    p = max(p_lower, p_upper)
    return replace(
        start,
        low=start.mean_difference - reach,
        high=start.mean_difference + reach,
        p_lower=p_lower,
        p_upper=p_upper,
        p=p,
        equivalent=p < start.alpha,
        method="parametric",
        t_lower=t_lower,
        t_upper=t_upper,
        df=float(df),
    )


def _bootstrap_tost(d: FloatArray, start: TostResult, n_resamples: int, seed: int) -> TostResult:
    """Compute the share of resampled means beyond each margin, with one added to both counts.

    With the added one (Davison & Hinkley 1997, eq. 4.11) the smallest p-value of B resamples is
    1/(B+1): 0 would claim more than B resamples can show.
    """
    means = resample_means(d[:, None], n_resamples=n_resamples, seed=seed)[:, 0]
    p_lower = (float(np.sum(means <= -start.margin)) + 1) / (n_resamples + 1)
    p_upper = (float(np.sum(means >= start.margin)) + 1) / (n_resamples + 1)
    low, high = percentile_interval(means, 1 - 2 * start.alpha)
    p = max(p_lower, p_upper)
    return replace(
        start,
        low=low,
        high=high,
        p_lower=p_lower,
        p_upper=p_upper,
        p=p,
        equivalent=p < start.alpha,
        method="bootstrap",
        n_resamples=n_resamples,
        seed=seed,
    )
