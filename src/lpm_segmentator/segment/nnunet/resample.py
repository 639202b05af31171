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

__all__ = ["axis_matrix", "nearest_indices", "new_shape", "resize", "resize_mask", "separate_axis"]

FloatArray = npt.NDArray[np.floating]
BoolArray = npt.NDArray[np.bool_]
SplineOrder = Literal[0, 1, 2, 3, 4, 5]
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
        order=cast("SplineOrder", order),
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
    nearest = ndimage.map_coordinates(
        np.arange(size, dtype=np.float64), _positions(size, target)[None], order=0, mode="nearest"
    )
    return nearest.astype(np.intp)


def _positions(size: int, target: int) -> npt.NDArray[np.float64]:
    """Return the position before resampling of each position after it."""
    return np.asarray(size / target * (np.arange(target) + 0.5) - 0.5, dtype=np.float64)


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


def resize_mask(
    mask: BoolArray, shape: Sequence[int], rule: Resampling, axis: int | None
) -> BoolArray:
    """Resample the region that is used for normalisation, as nnU-Net v1 resamples its labels.

    Version 1 keeps two labels, outside and inside. It resizes each as a mask of its own and writes
    them in this order where they reach 0.5. Between two voxels both are exactly 0.5 or miss it by
    a rounding error, so the result depends on how the sum is computed: here scipy's own zoom is
    called, as in v1, and not its matrices as in `resize`.

    Parameters
    ----------
    mask : ndarray of bool, shape (a, b, c)
    shape : sequence of int
        The new size.
    rule : Resampling
        Spline orders for labels.
    axis : int or None
        The axis that is resampled separately, see `separate_axis`.

    Returns
    -------
    ndarray of bool, shape `shape`

    Notes
    -----
    ``resample_data_or_seg`` of nnU-Net 1.7.1 with ``resize_segmentation`` of batchgenerators since
    0.25.4 (October 2026), which decides ties by the nearest neighbour. Earlier versions count them
    as inside.
    """
    if tuple(mask.shape) == tuple(shape):
        return mask
    if axis is None:
        return _zoomed_mask(mask, shape, rule.order)
    plane = [n for a, n in enumerate(shape) if a != axis]
    planes = [_zoomed_mask(part, plane, rule.order) for part in np.moveaxis(mask, axis, 0)]
    size, target = mask.shape[axis], shape[axis]
    out = np.stack(planes)
    if rule.order_z == 0:
        out = out[nearest_indices(size, target)]
    elif size != target:
        # v1 calls map_coordinates and rounds half to even: a tie belongs to neither label.
        places = np.meshgrid(_positions(size, target), np.arange(size), indexing="ij")
        weights = ndimage.map_coordinates(
            np.eye(size), places, order=cast("SplineOrder", rule.order_z), mode="nearest"
        )
        inside, outside = (np.tensordot(weights, m.astype(float), axes=1) for m in (out, ~out))
        out = (inside > 0.5) | ~(outside > 0.5)
    return np.ascontiguousarray(np.moveaxis(out, 0, axis))


def _zoomed_mask(mask: BoolArray, shape: Sequence[int], order: int) -> BoolArray:
    """Return a mask of another shape; halfway between both labels the nearest voxel counts."""
    inside, outside = (_zoomed(part, shape, order) for part in (mask, ~mask))
    nearest = _zoomed(mask, shape, 0) > 0.5
    zoomed: BoolArray = (inside > outside) | ((inside == outside) & nearest)
    return zoomed


def _zoomed(mask: BoolArray, shape: Sequence[int], order: int) -> npt.NDArray[np.float64]:
    zoomed: npt.NDArray[np.float64] = ndimage.zoom(
        mask.astype(np.float64),
        tuple(n / m for n, m in zip(shape, mask.shape, strict=True)),
        order=cast("SplineOrder", order),
        mode="nearest",
        grid_mode=True,
    )
    return zoomed
