"""The resampling that both nnU-Net versions use.

nnU-Net calls ``skimage.transform.resize(..., mode="edge", anti_aliasing=False)``, which is
``scipy.ndimage.zoom(..., mode="nearest", grid_mode=True)`` followed by a clip to the input's range.
Spline interpolation on a regular grid is linear and separable: it is one matrix per axis. Taking
these matrices from scipy itself gives scipy's numbers at the speed of a matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, cast

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lpm_segmentator.segment.nnunet.spec import Resampling

__all__ = ["axis_matrix", "nearest_indices", "new_shape", "resize", "separate_axis"]

FloatArray = npt.NDArray[np.floating]
_ANISOTROPY = 3.0  # nnU-Net's RESAMPLING_SEPARATE_Z_ANISO_THRESHOLD


def new_shape(
    shape: Sequence[int], spacing: Sequence[float], target: Sequence[float]
) -> tuple[int, ...]:
    """Return the size of an image after resampling, rounded half to even as in nnU-Net.

    Parameters
    ----------
    shape : sequence of int
    spacing, target : sequence of float
        Spacing before and after, in mm.

    Returns
    -------
    tuple of int
    """
    return tuple(
        int(np.round(old / new * n)) for n, old, new in zip(shape, spacing, target, strict=True)
    )


def separate_axis(first: Sequence[float], second: Sequence[float], rule: Resampling) -> int | None:
    """Return the axis that is resampled separately, if any.

    nnU-Net considers the spacing before, then the one after; an axis counts only if it alone has
    the largest spacing.

    Parameters
    ----------
    first, second : sequence of float
        Spacings in the order in which nnU-Net considers them.
    rule : Resampling
        With ``separate_z`` forced or not.

    Returns
    -------
    int or None
    """
    if rule.separate_z is False:
        return None
    candidates = [first] if rule.separate_z else [first, second]
    for spacing in candidates:
        values = np.asarray(spacing, dtype=np.float64)
        if rule.separate_z or values.max() / values.min() > _ANISOTROPY:
            coarsest = np.flatnonzero(values.max() / values == 1)
            return int(coarsest[0]) if len(coarsest) == 1 else None
    return None


@lru_cache(maxsize=32)
def axis_matrix(size: int, target: int, order: int) -> npt.NDArray[np.float64]:
    """Return the matrix that resamples one axis.

    Its columns are the unit vectors after scipy's own zoom.

    Parameters
    ----------
    size, target : int
        Size of the axis before and after.
    order : int
        Spline order.

    Returns
    -------
    ndarray of float64, shape (target, size)
    """
    if order == 0:
        matrix = np.zeros((target, size))
        matrix[np.arange(target), nearest_indices(size, target)] = 1
        return matrix
    unit = np.eye(size)
    zoomed: npt.NDArray[np.float64] = ndimage.zoom(
        unit,
        (target / size, 1),
        output=np.float64,
        order=cast("Literal[0, 1, 2, 3, 4, 5]", order),
        mode="nearest",
        grid_mode=True,
    )
    zoomed.flags.writeable = False
    return zoomed


def nearest_indices(size: int, target: int) -> npt.NDArray[np.intp]:
    """Return, for each position along a resampled axis, the position it is copied from.

    Parameters
    ----------
    size, target : int
        Size of the axis before and after.

    Returns
    -------
    ndarray of int, shape (target,)
    """
    positions = size / target * (np.arange(target) + 0.5) - 0.5
    nearest = ndimage.map_coordinates(
        np.arange(size, dtype=np.float64), positions[None], order=0, mode="nearest"
    )
    return nearest.astype(np.intp)


def resize(
    image: FloatArray, shape: Sequence[int], rule: Resampling, axis: int | None
) -> FloatArray:
    """Resample one channel, in float64, and return it in its own type.

    Parameters
    ----------
    image : ndarray of float, shape (a, b, c)
    shape : sequence of int
        The new size.
    rule : Resampling
        Spline orders.
    axis : int or None
        The axis that is resampled separately, see `separate_axis`.

    Returns
    -------
    ndarray of float, shape `shape`
    """
    if tuple(image.shape) == tuple(shape):
        return image
    out = image.astype(np.float64)
    together = [a for a in range(3) if a != axis]
    if any(image.shape[a] != shape[a] for a in together):
        # skimage clips each array that it resizes to the range of its input.
        low, high = (f(out, axis=tuple(together), keepdims=True) for f in (np.min, np.max))
        for a in together:
            out = _along(out, a, shape[a], rule.order)
        if rule.order > 1:
            np.clip(out, low, high, out=out)
    if axis is not None and image.shape[axis] != shape[axis]:
        # Here nnU-Net calls map_coordinates, which does not clip and rounds its result.
        out = out.astype(image.dtype).astype(np.float64)
        out = _along(out, axis, shape[axis], rule.order_z)
    return out.astype(image.dtype)


def _along(
    array: npt.NDArray[np.float64], axis: int, size: int, order: int
) -> npt.NDArray[np.float64]:
    if array.shape[axis] == size:
        return array
    if order == 0:
        return array.take(nearest_indices(array.shape[axis], size), axis=axis)
    moved = np.tensordot(axis_matrix(array.shape[axis], size, order), array, axes=(1, axis))
    return np.ascontiguousarray(np.moveaxis(moved, 0, axis))
