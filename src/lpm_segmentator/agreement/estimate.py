"""A number with its confidence interval, or the reason why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lpm_segmentator.core.errors import AgreementError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_ROUNDING = 1e-9  # part of its size by which rounding may move a bound past the estimate


@dataclass(frozen=True, slots=True)
class Estimate:
    """A statistic and its confidence interval.

    Attributes
    ----------
    value, low, high : float
        Point estimate and interval, in the unit of the statistic; ``nan`` where undefined. A
        defined interval contains the value.
    reason : str
        Why the value or its interval is undefined; empty where both are defined.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    reason: str = ""

    @classmethod
    def undefined(cls, reason: str) -> Estimate:
        """Return an estimate without a value.

        Parameters
        ----------
        reason : str
            Why it is undefined.
        """
        return cls(math.nan, math.nan, math.nan, reason)

    @classmethod
    def with_interval(cls, value: float, low: float, high: float) -> Estimate:
        """Return an estimate whose interval may be unusable.

        An approximate or resampled interval that is not finite, or that excludes the value, is
        replaced by nan and the reason.

        Parameters
        ----------
        value, low, high : float
        """
        slack = _ROUNDING * max(abs(value), abs(low), abs(high))
        if not (math.isfinite(low) and math.isfinite(high)):
            return cls(value, reason="the interval is undefined for these data")
        if not low - slack <= value <= high + slack:
            return cls(value, reason="the method's interval excludes the estimate")
        return cls(value, min(low, value), max(high, value))

    @property
    def defined(self) -> bool:
        """Whether there is a value."""
        return not math.isnan(self.value)


def check_confidence(confidence: float) -> None:
    """Refuse a confidence level outside (0, 1).

    Parameters
    ----------
    confidence : float

    Raises
    ------
    AgreementError
        If it lies outside.
    """
    if not 0 < confidence < 1:
        raise AgreementError(
            f"the confidence level is {confidence:g}", hint="Give one between 0 and 1, such as 0.95"
        )


def paired_arrays(reference: ArrayLike, prediction: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Check and convert two paired columns.

    Parameters
    ----------
    reference, prediction : array_like, shape (n,)
        Finite values, in the same order and unit.

    Returns
    -------
    tuple of ndarray
        Both as float64, shape ``(n,)``.

    Raises
    ------
    AgreementError
        If the shapes differ, or a value is not finite.
    """
    x = np.asarray(reference, dtype=np.float64)
    y = np.asarray(prediction, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise AgreementError(
            f"reference and prediction have shapes {x.shape} and {y.shape}",
            hint="Give two columns of the same length",
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise AgreementError(
            "reference or prediction holds values that are not finite",
            hint="Remove these cases first, or use compare_table, which leaves them out and lists "
            "them",
        )
    return x, y


def is_constant(values: FloatArray) -> bool:
    """Return whether all values are equal, up to rounding.

    Parameters
    ----------
    values : ndarray of float64
    """
    if values.size == 0:
        return True
    spread = float(np.ptp(values))
    return spread <= 1e-12 * float(np.max(np.abs(values)))


def group_codes(subjects: ArrayLike | None, n: int) -> IntArray | None:
    """Return the number of each case's subject, from 0 to g - 1.

    Parameters
    ----------
    subjects : array_like of str, shape (n,), optional
        The subject of each case.
    n : int
        Number of cases.

    Returns
    -------
    ndarray of int64, shape (n,), or None
        None if ``subjects`` is None or all differ: the cases are then independent.

    Raises
    ------
    AgreementError
        If there is not one subject per case.
    """
    if subjects is None:
        return None
    names = np.asarray(subjects)
    if names.shape != (n,):
        raise AgreementError(
            f"there are {n} cases, but subjects of shape {names.shape}",
            hint="Give one subject per case",
        )
    unique, codes = np.unique(names.astype(str), return_inverse=True)
    return None if unique.size == n else codes.astype(np.int64)


def group_means(values: FloatArray, groups: IntArray) -> FloatArray:
    """Return the mean of each group.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
    groups : ndarray of int64, shape (n,)
        From 0 to g - 1.

    Returns
    -------
    ndarray of float64, shape (g,)
    """
    counts = np.bincount(groups)
    return np.asarray(np.bincount(groups, weights=values) / counts, dtype=np.float64)
