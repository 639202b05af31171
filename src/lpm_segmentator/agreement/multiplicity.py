"""Correction for multiple tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lpm_segmentator.agreement.estimate import FloatArray


def holm(p_values: ArrayLike) -> FloatArray:
    """Adjust p-values by Holm's step-down method.

    The i-th smallest of m becomes ``max over j ≤ i of min(1, (m - j + 1) p_(j))``, which keeps
    the probability of any false rejection below the level, however the tests depend on each
    other (Holm 1979, Scand J Stat 6:65-70).

    Parameters
    ----------
    p_values : array_like, shape (m,)
        ``nan`` marks a test that could not be performed: it stays ``nan`` and does not count.

    Returns
    -------
    ndarray of float64, shape (m,)

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    factors = np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(factors * p[order]))
    return adjusted
