"""What one voxel more or less of outline changes: the mask eroded, as given, and dilated.

Two readers rarely agree on a muscle's border to better than a voxel. The mask is eroded and dilated
by one voxel within each slice and measured again; the smallest and largest of the three values are
the interval. It is a sensitivity, not a confidence interval.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lpm_segmentator.core.boxes import bounding_box
from lpm_segmentator.core.geometry import Geometry
from lpm_segmentator.core.volume import DixonPair
from lpm_segmentator.measure.sums import SliceSums, sums_of_mask

__all__ = ["OutlineVariants", "outline_variants"]

BoolArray = npt.NDArray[np.bool_]


class OutlineVariants(NamedTuple):
    """Sums of a mask one voxel smaller, as given, and one voxel larger."""

    eroded: SliceSums
    given: SliceSums
    dilated: SliceSums


def outline_variants(
    mask: BoolArray, geometry: Geometry, pair: DixonPair | None = None
) -> OutlineVariants:
    """Erode and dilate a mask by one voxel within each slice and sum the three.

    Neighbours are the four that share an edge. Nothing is eroded at the image's border: a muscle
    that reaches the border of the field of view has no outline there.

    Parameters
    ----------
    mask : ndarray of bool, shape (i, j, k)
    geometry : Geometry
        The mask's grid.
    pair : DixonPair, optional
        Images on the same grid, for the sums of signal.
    """
    cross = _in_plane_cross(geometry.slice_axis)
    window = bounding_box(mask, margin=1)
    eroded, dilated = np.zeros_like(mask), np.zeros_like(mask)
    if window is not None:
        part = mask[window]
        # The window has a margin of background except where the mask touches the image's border.
        eroded[window] = ndimage.binary_erosion(part, cross, border_value=1)
        dilated[window] = ndimage.binary_dilation(part, cross)
    return OutlineVariants(
        *(sums_of_mask(m, geometry, pair) for m in (eroded, mask, dilated)),
    )


def _in_plane_cross(axis: int) -> BoolArray:
    cross = ndimage.generate_binary_structure(3, 1)
    index: list[slice | int] = [slice(None)] * 3
    for outer in (0, 2):
        index[axis] = outer
        cross[tuple(index)] = False
    return np.asarray(cross, dtype=np.bool_)
