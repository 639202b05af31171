"""Overlap of two masks: counts, Dice, Jaccard."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core.errors import GeometryError
from lpm_segmentator.core.volume import LabelMap
from lpm_segmentator.measure.surface import BOTH_EMPTY

__all__ = ["Overlap", "dice", "jaccard", "joint_counts", "overlap"]

_NAN = float("nan")


@dataclass(frozen=True)
class Overlap:
    """Voxel counts of two masks.

    Attributes
    ----------
    reference, prediction : int
        Voxels of each mask.
    both : int
        Voxels that they share.
    """

    reference: int
    prediction: int
    both: int

    @property
    def reason(self) -> str:
        """Why Dice and Jaccard are undefined; empty if they are defined."""
        return "" if self.reference or self.prediction else BOTH_EMPTY


def dice(counts: Overlap) -> float:
    """Return ``2 |R ∩ P| / (|R| + |P|)``, 0–1 (Dice 1945); nan if both are empty."""
    total = counts.reference + counts.prediction
    return 2.0 * counts.both / total if total else _NAN


def jaccard(counts: Overlap) -> float:
    """Return ``|R ∩ P| / |R ∪ P|``, 0–1 (Jaccard 1912); nan if both are empty."""
    union = counts.reference + counts.prediction - counts.both
    return counts.both / union if union else _NAN


def overlap(reference: npt.NDArray[np.bool_], prediction: npt.NDArray[np.bool_]) -> Overlap:
    """Count two masks and the voxels they share.

    Parameters
    ----------
    reference, prediction : ndarray of bool
        Of the same shape.

    Raises
    ------
    GeometryError
        If their shapes differ.
    """
    if reference.shape != prediction.shape:
        raise GeometryError(
            f"reference and prediction have shapes {reference.shape} and {prediction.shape}"
        )
    count = np.count_nonzero
    return Overlap(
        int(count(reference)), int(count(prediction)), int(count(reference & prediction))
    )


def joint_counts(reference: LabelMap, prediction: LabelMap) -> npt.NDArray[np.int64]:
    """Count pairs of label values of two maps on one grid, slice by slice.

    Every overlap, of each label, level and slice, follows from this one table.

    Parameters
    ----------
    reference, prediction : LabelMap
        Of one scheme with n values.

    Returns
    -------
    ndarray of int, shape (n_slices, n + 1, n + 1)
        By slice, reference value and prediction value in the order of the scheme; index 0 is the
        background. Entry (0, 0) is 0: voxels that are background in both are not counted.
    """
    values = reference.scheme.values
    position = np.zeros(256, dtype=np.int64)
    position[list(values)] = np.arange(1, len(values) + 1)
    axis, n = reference.slice_axis, len(values) + 1
    where = np.nonzero(reference.array | prediction.array)
    cell = (where[axis] * n + position[reference.array[where]]) * n
    cell += position[prediction.array[where]]
    n_slices = reference.shape[axis]
    return np.bincount(cell, minlength=n_slices * n * n).reshape(n_slices, n, n)
