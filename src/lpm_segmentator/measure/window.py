"""Restricts images to the surroundings of the muscles, a hundredth of a typical stack."""

from __future__ import annotations

from typing import TypeVar

from lpm_segmentator.core.boxes import bounding_box
from lpm_segmentator.core.geometry import Geometry
from lpm_segmentator.core.volume import DixonPair, LabelMap, Volume

__all__ = ["Window", "cut", "cut_pair", "foreground_window"]

Window = tuple[slice, slice, slice]
Gridded = TypeVar("Gridded", Volume, LabelMap)

#: Voxels kept around the foreground, enough for a dilation and its neighbours.
_MARGIN = 2


def foreground_window(*maps: LabelMap, margin: int = _MARGIN) -> Window:
    """Return the window around the foreground of label maps on one grid, with all slices.

    All slices are kept so that slice numbers and the ends of the stack stay what they are. Without
    any foreground, the window is the whole grid.
    """
    shape, axis = maps[0].shape, maps[0].slice_axis
    everything = [slice(0, n) for n in shape]
    boxes = [box for m in maps if (box := bounding_box(m.array, margin)) is not None]
    for a in range(3):
        if boxes and a != axis:
            everything[a] = slice(min(b[a].start for b in boxes), max(b[a].stop for b in boxes))
    i, j, k = everything
    return (i, j, k)


def cut(image: Gridded, window: Window) -> Gridded:
    """Return the part of an image in a window, at its place in the world, without a copy."""
    grid: Geometry = image.geometry.shifted(
        [s.start for s in window], [s.stop - s.start for s in window]
    )
    return image.with_grid(image.array[window], grid.affine)


def cut_pair(pair: DixonPair | None, window: Window) -> DixonPair | None:
    """Return the part of a pair in a window."""
    return pair and DixonPair(cut(pair.water, window), cut(pair.fat, window))
