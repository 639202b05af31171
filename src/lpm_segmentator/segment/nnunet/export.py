"""Class scores on the network's grid → labels on the image's grid.

nnU-Net resamples all class scores to full size and takes the largest. Here both are done slice by
slice, which gives the same labels with less memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lpm_segmentator.segment.nnunet.preprocess import Prepared
from lpm_segmentator.segment.nnunet.resample import axis_matrix, nearest_indices, separate_axis
from lpm_segmentator.segment.nnunet.spec import ModelSpec, Postprocessing

__all__ = ["labels_on_image", "postprocess"]

Scores = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.uint8]


def labels_on_image(scores: Scores, prepared: Prepared, spec: ModelSpec) -> Labels:
    """Return the winning class of each voxel of the image.

    Parameters
    ----------
    scores : ndarray of float, shape (classes, a, b, c)
        On the grid of ``prepared.data``.
    prepared : Prepared
        The place of that grid in the image.
    spec : ModelSpec

    Returns
    -------
    ndarray of uint8, shape (z, y, x)
        In ITK's axis order, background outside the box.
    """
    axis = _separate_axis(prepared, spec)
    rule = spec.output_resampling
    shape = prepared.box_shape
    if scores.shape[1:] == shape:
        labels = scores.argmax(axis=0).astype(np.uint8)
    elif axis is not None and rule.order_z == 0:
        labels = _winners_by_slice(scores, shape, rule.order, axis)
    else:
        orders = [rule.order_z if a == axis else rule.order for a in range(3)]
        labels = _winners(scores, shape, orders)
    full = np.zeros(prepared.full_shape, dtype=np.uint8)
    full[prepared.box] = labels
    return np.ascontiguousarray(np.transpose(full, np.argsort(spec.transpose_forward)))


def _separate_axis(prepared: Prepared, spec: ModelSpec) -> int | None:
    own, target = prepared.spacing_mm, prepared.target_spacing_mm
    rule = spec.output_resampling
    if spec.generation == 2:
        return separate_axis(target, own, rule)
    # v1 resamples in the image's axis order, but reads the target spacing in the network's.
    forward = spec.transpose_forward
    untransposed = tuple(own[forward.index(a)] for a in range(3))
    axis = separate_axis(untransposed, target, rule)
    return None if axis is None else forward.index(axis)


def _winners_by_slice(scores: Scores, shape: Sequence[int], order: int, axis: int) -> Labels:
    """Resample in plane, slice by slice; then copy each slice to where it is the nearest one."""
    moved = np.moveaxis(scores, axis + 1, 1)
    rows, columns = (shape[a] for a in range(3) if a != axis)
    winners = np.empty((moved.shape[1], rows, columns), dtype=np.uint8)
    for i in range(moved.shape[1]):
        resized = _resized_plane(moved[:, i].astype(np.float32), (rows, columns), order)
        winners[i] = resized.astype(scores.dtype, copy=False).argmax(axis=0)
    winners = winners[nearest_indices(moved.shape[1], shape[axis])]
    return np.moveaxis(winners, 0, axis)


def _resized_plane(
    plane: npt.NDArray[np.float32], size: tuple[int, int], order: int
) -> npt.NDArray[np.float32]:
    """Resample scores ``(classes, rows, columns)``."""
    out = plane
    for axis in (1, 2):
        if out.shape[axis] == size[axis - 1]:
            continue
        matrix = axis_matrix(out.shape[axis], size[axis - 1], order).astype(np.float32)
        out = matrix @ out if axis == 1 else out @ matrix.T
    if order > 1:
        low, high = plane.min(axis=(1, 2), keepdims=True), plane.max(axis=(1, 2), keepdims=True)
        out = np.clip(out, low, high)
    return out


def _winners(scores: Scores, shape: Sequence[int], orders: Sequence[int]) -> Labels:
    """Resample all three axes, one slice of the result after the other."""
    first = axis_matrix(scores.shape[1], shape[0], orders[0]).astype(np.float32)
    winners = np.empty(tuple(shape), dtype=np.uint8)
    ranges = scores.min(axis=(1, 2, 3)), scores.max(axis=(1, 2, 3))
    low, high = (np.asarray(r, dtype=np.float32)[:, None, None] for r in ranges)
    for i, weights in enumerate(first):
        used = np.flatnonzero(weights)
        mixed = np.tensordot(weights[used], scores[:, used].astype(np.float32), axes=(0, 1))
        for axis in (1, 2):
            if mixed.shape[axis] != shape[axis]:
                matrix = axis_matrix(mixed.shape[axis], shape[axis], orders[axis])
                matrix = matrix.astype(np.float32)
                mixed = matrix @ mixed if axis == 1 else mixed @ matrix.T
        if max(orders) > 1:
            np.clip(mixed, low, high, out=mixed)
        winners[i] = mixed.astype(scores.dtype, copy=False).argmax(axis=0)
    return winners


def postprocess(labels: Labels, rule: Postprocessing, voxel_mm3: float) -> Labels:
    """Remove small objects as nnU-Net v1's ``postprocessing.json`` states.

    Parameters
    ----------
    labels : ndarray of uint8
        Not changed.
    rule : Postprocessing
    voxel_mm3 : float
        Volume of one voxel.

    Returns
    -------
    ndarray of uint8
        Of the same shape.
    """
    out = labels.copy()
    for group, minimum in zip(rule.groups, rule.minimum_size, strict=True):
        components, count = ndimage.label(np.isin(out, group))
        sizes = np.bincount(components.ravel(), minlength=count + 1) * voxel_mm3
        sizes[0] = 0
        if not count:
            continue
        remove = sizes != sizes.max()
        if minimum is not None:
            remove &= sizes < minimum
        remove[0] = False
        out[remove[components]] = 0
    return out
