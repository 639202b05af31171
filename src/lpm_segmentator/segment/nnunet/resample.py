"""The resizing that both nnU-Net versions use.

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
    """Return the size of an image after resampling, rounded half to even as nnU-Net does."""
    return tuple(
        int(np.round(old / new * n)) for n, old, new in zip(shape, spacing, target, strict=True)
    )


def separate_axis(first: Sequence[float], second: Sequence[float], rule: Resampling) -> int | None:
    """Return the axis that is resized on its own, if any.

    nnU-Net looks at the spacing before, then at the one after; an axis counts only where it alone
    has the largest spacing.

    Parameters
    ----------
    first, second
        Spacings in the order in which nnU-Net looks at them.
    rule
        With ``separate_z`` forced or not.
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
    """Return the matrix (target, size) that resizes one axis.

    Each unit vector goes through scipy's own zoom; its answers are the matrix's columns.
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
    """Return, for each position along a resized axis, the position it is copied from."""
    positions = size / target * (np.arange(target) + 0.5) - 0.5
    picked = ndimage.map_coordinates(
        np.arange(size, dtype=np.float64), positions[None], order=0, mode="nearest"
    )
    return picked.astype(np.intp)


def resize(
    image: FloatArray, shape: Sequence[int], rule: Resampling, axis: int | None
) -> FloatArray:
    """Resize one image, in float64, and return it in its own type.

    Parameters
    ----------
    image : ndarray, shape (a, b, c)
        One channel.
    shape
        The new size.
    rule
        Spline orders.
    axis
        Which axis is resized on its own (see `separate_axis`), or None.
    """
    if tuple(image.shape) == tuple(shape):
        return image
    out = image.astype(np.float64)
    together = [a for a in range(3) if a != axis]
    if any(image.shape[a] != shape[a] for a in together):
        # skimage clips each piece it resizes to that piece's range.
        low, high = (f(out, axis=tuple(together), keepdims=True) for f in (np.min, np.max))
        for a in together:
            out = _along(out, a, shape[a], rule.order)
        if rule.order > 1:
            np.clip(out, low, high, out=out)
    if axis is not None and image.shape[axis] != shape[axis]:
        # Here nnU-Net itself calls map_coordinates, which does not clip and rounds as it returns.
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
