"""The outline of the body in a slice."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lpm_segmentator.core.boxes import bounding_box
from lpm_segmentator.core.volume import LabelMap, Volume

__all__ = ["body_box", "plane", "spread"]

#: Share of the slice's highest signal below which a voxel counts as air.
_BODY_SHARE = 0.12


def plane(image: Volume | LabelMap, index: int) -> npt.NDArray[Any]:
    """Return one slice as an array of three axes, the slice axis of length 1."""
    part: list[slice] = [slice(None)] * 3
    part[image.slice_axis] = slice(index, index + 1)
    array: npt.NDArray[Any] = image.array[tuple(part)]
    return array


def spread(slices: npt.ArrayLike, most: int = 7) -> list[int]:
    """Return some of the slices, evenly spread: enough for the body, which varies slowly."""
    listed = np.asarray(slices)
    if not listed.size:
        return []
    chosen = np.unique(np.linspace(0, len(listed) - 1, most).round().astype(int))
    return [int(n) for n in listed[chosen]]


def body_box(array: npt.NDArray[Any]) -> tuple[slice, ...] | None:
    """Return the box of the body in a slice: of the largest connected part that is no air.

    Parameters
    ----------
    array : ndarray, shape of one slice
        Intensities.

    Returns
    -------
    tuple of slice or None
        One range an axis; None where there is no signal.
    """
    values = np.where(np.isfinite(array), array, 0)
    threshold = _BODY_SHARE * float(np.percentile(values, 99))
    if threshold <= 0:
        return None
    # Opening separates the body from noise and from arms that touch it in few voxels.
    bright = ndimage.binary_opening(np.squeeze(values > threshold))
    parts, count = ndimage.label(bright)
    if not count:
        return None
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return bounding_box((parts == sizes.argmax()).reshape(array.shape))
