"""Bootstrap of means, over cases or over subjects, in bounded memory."""

from __future__ import annotations

import numpy as np

from lpm_segmentator.agreement.estimate import FloatArray, IntArray
from lpm_segmentator.core.errors import AgreementError

# A chunk holds at most this many (resample, unit) counts: memory stays bounded whatever the
# number of resamples, and what fits in the processor's cache is counted twice as fast.
_CHUNK = 130_000


def resample_means(
    columns: FloatArray,
    *,
    n_resamples: int,
    seed: int,
    groups: IntArray | None = None,
) -> FloatArray:
    """Bootstrap means of columns that are resampled together.

    A resample draws as many units as there are, with replacement. A unit is a case, or, where
    ``groups`` is given, a subject with all its cases (the cluster bootstrap: Davison & Hinkley
    1997, section 3.8). The mean is over the drawn cases.

    Parameters
    ----------
    columns : ndarray of float64, shape (n, k)
        One row per case.
    n_resamples : int
        Number of resamples, at least 1.
    seed : int
        Seed of numpy's PCG64 generator; the draws do not depend on the memory available.
    groups : ndarray of int64, shape (n,), optional
        Number of each case's subject, from 0.

    Returns
    -------
    ndarray of float64, shape (n_resamples, k)
        In the units of the columns.

    Raises
    ------
    AgreementError
        If there is less than one resample.
    """
    if n_resamples < 1:
        raise AgreementError(
            f"the number of bootstrap resamples is {n_resamples}", hint="Give at least 1"
        )
    sums = np.column_stack([columns, np.ones(len(columns))])
    if groups is not None:
        sums = np.column_stack([np.bincount(groups, weights=c) for c in sums.T])
    units = len(sums)
    rng = np.random.default_rng(seed)
    rows_per_chunk = max(1, _CHUNK // units)
    means = np.empty((n_resamples, columns.shape[1]))
    for start in range(0, n_resamples, rows_per_chunk):
        stop = min(start + rows_per_chunk, n_resamples)
        drawn = rng.integers(0, units, size=(stop - start, units))
        drawn += units * np.arange(stop - start)[:, None]
        # How often each unit was drawn; times the sums this is the sum over the resample.
        counts = np.bincount(drawn.ravel(), minlength=(stop - start) * units)
        totals = counts.reshape(stop - start, units).astype(np.float64) @ sums
        means[start:stop] = totals[:, :-1] / totals[:, -1:]
    return means


def percentile_interval(values: FloatArray, confidence: float) -> tuple[float, float]:
    """Return the equal-tailed percentile interval of bootstrap values.

    Parameters
    ----------
    values : ndarray of float64, shape (n_resamples,)
    confidence : float

    Returns
    -------
    tuple of float
        Lower and upper bound, in the unit of the values.
    """
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
