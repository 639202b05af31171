"""The axes in which nnU-Net's image readers pass an image to the model.

The plans of version 2 name the reader. Most pass the axes as they are stored; the two below turn
them so that they grow to right, anterior and superior, and turn the mask back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["DEFAULT_READER", "READERS", "Turn", "is_turning", "turn_of"]

ScalarT = TypeVar("ScalarT", bound=np.generic)
_AXES = 3

DEFAULT_READER = "SimpleITKIO"
"""The reader of version 1, and of version 2 for NIfTI files."""


@dataclass(frozen=True)
class Turn:
    """A permutation and reversal of array axes; no voxel is interpolated.

    Attributes
    ----------
    order : tuple of int
        For each axis of the turned array, the stored axis that it comes from.
    flips : tuple of bool
        Whether each axis of the turned array runs against the stored axis.
    """

    order: tuple[int, ...] = (0, 1, 2)
    flips: tuple[bool, ...] = (False, False, False)

    def apply(self, array: npt.NDArray[ScalarT]) -> npt.NDArray[ScalarT]:
        """Return a view of a stored array with its axes turned."""
        return self._flipped(np.transpose(array, self.order))

    def undo(self, array: npt.NDArray[ScalarT]) -> npt.NDArray[ScalarT]:
        """Return a view of a turned array with its axes as stored."""
        return np.transpose(self._flipped(array), np.argsort(self.order))

    def _flipped(self, array: npt.NDArray[ScalarT]) -> npt.NDArray[ScalarT]:
        return array[tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)]


def turn_of(reader: str, affine: npt.NDArray[np.float64]) -> Turn:
    """Return how a reader turns an image.

    Parameters
    ----------
    reader : str
        One of `READERS`.
    affine : ndarray of float64, shape (4, 4)
        Voxel to world, RAS+ millimetres.

    Returns
    -------
    Turn
    """
    closest = READERS[reader]
    if closest is None:
        return Turn()
    rows, signs = closest(affine)
    # Entry r is the stored axis that runs along the world's axis r.
    order = tuple(list(rows).index(row) for row in range(_AXES))
    return Turn(order, tuple(signs[axis] < 0 for axis in order))


def is_turning(reader: str) -> bool:
    """Return whether a reader passes every image in one orientation."""
    return READERS[reader] is not None


def _closest_of_nibabel(affine: npt.NDArray[Any]) -> tuple[Sequence[int], Sequence[int]]:
    """Return the world axis that each array axis runs along, and 1 or -1, as nibabel does."""
    from nibabel import orientations

    find: Any = orientations.io_orientation
    rows, signs = find(affine).T.astype(int).tolist()
    return rows, signs


def _closest_of_itk(affine: npt.NDArray[Any]) -> tuple[Sequence[int], Sequence[int]]:
    """Return the same as ITK does: by the largest direction cosine, then the largest remaining."""
    columns = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    remaining = np.abs(columns)
    rows, signs = [0] * _AXES, [0] * _AXES
    for _ in range(_AXES):
        # of equal cosines, ITK takes the last
        row, axis = np.argwhere(remaining == remaining.max())[-1]
        rows[axis], signs[axis] = int(row), int(np.sign(columns[row, axis]))
        remaining[row], remaining[:, axis] = -1, -1
    return rows, signs


_Closest = Callable[[npt.NDArray[Any]], tuple[Sequence[int], Sequence[int]]]

READERS: Mapping[str, _Closest | None] = MappingProxyType(
    {
        DEFAULT_READER: None,
        "SimpleITKIOWithReorient": _closest_of_itk,
        "NibabelIO": None,
        "NibabelIOWithReorient": _closest_of_nibabel,
    }
)
"""The readers that are supported, and how they find the closest axes; None where none is turned."""
