"""A number with its interval, or the reason why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lpm_segmentator.agreement.errors import AgreementError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A statistic and its confidence interval.

    Attributes
    ----------
    value, low, high : float
        Point estimate and interval, in the unit of the statistic; ``nan`` where undefined.
    reason : str
        Why the value or its interval is undefined; empty where both are defined.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    reason: str = ""

    @classmethod
    def undefined(cls, reason: str) -> Estimate:
        """Give the estimate that has no value, with the reason for it."""
        return cls(math.nan, math.nan, math.nan, reason)

    @property
    def defined(self) -> bool:
        """Whether there is a value."""
        return not math.isnan(self.value)


def check_confidence(confidence: float) -> None:
    """Refuse a confidence level outside (0, 1)."""
    if not 0 < confidence < 1:
        raise AgreementError(
            f"the confidence level is {confidence:g}", hint="Give one between 0 and 1, as 0.95"
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
            hint="Drop these rows first, or use compare_table, which drops, counts and names them",
        )
    return x, y


def is_constant(values: FloatArray) -> bool:
    """Whether all values are one value, up to rounding."""
    if values.size == 0:
        return True
    spread = float(np.ptp(values))
    return spread <= 1e-12 * float(np.max(np.abs(values)))


def group_codes(subjects: ArrayLike | None, n: int) -> IntArray | None:
    """Turn subject names into codes 0…g-1, or None where no subject repeats.

    Parameters
    ----------
    subjects : array_like, shape (n,), optional
        One name a case.
    n : int
        Number of cases.

    Returns
    -------
    ndarray of int64, shape (n,), or None
        None where ``subjects`` is None or all differ: the cases are then independent.
    """
    if subjects is None:
        return None
    names = np.asarray(subjects)
    if names.shape != (n,):
        raise AgreementError(
            f"{n} cases come with subjects of shape {names.shape}", hint="Give one subject a case"
        )
    unique, codes = np.unique(names.astype(str), return_inverse=True)
    return None if unique.size == n else codes.astype(np.int64)


def group_means(values: FloatArray, groups: IntArray) -> FloatArray:
    """Mean of each group, shape (g,)."""
    counts = np.bincount(groups)
    return np.asarray(np.bincount(groups, weights=values) / counts, dtype=np.float64)
