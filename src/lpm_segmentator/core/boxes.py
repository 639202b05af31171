"""Boxes of voxels: where a mask lies in an array."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["bounding_box"]


def bounding_box(mask: npt.NDArray[np.generic], margin: int = 0) -> tuple[slice, ...] | None:
    """Return the smallest box that holds all voxels that are not 0.

    Parameters
    ----------
    mask : ndarray
        Of any number of axes.
    margin : int
        Voxels kept around the mask on each side, as far as the array reaches.

    Returns
    -------
    tuple of slice or None
        One half-open range an axis; None if every voxel is 0.

    Examples
    --------
    >>> bounding_box(np.array([[0, 0, 0], [0, 1, 0], [0, 1, 0]]))
    (slice(1, 3, None), slice(1, 2, None))
    """
    box = []
    for axis in range(mask.ndim):
        others = tuple(a for a in range(mask.ndim) if a != axis)
        occupied = np.flatnonzero(mask.any(axis=others))
        if not occupied.size:
            return None
        first, last = int(occupied[0]), int(occupied[-1])
        box.append(slice(max(0, first - margin), min(mask.shape[axis], last + 1 + margin)))
    return tuple(box)
