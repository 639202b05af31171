"""Discs in an examination of several stacks: which slice of which stack shows a disc best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lpm_segmentator.core import Disc, Geometry
from lpm_segmentator.levels.types import DiscLocation, Levels, slice_at

__all__ = ["DiscSlice", "nearest_slices"]

#: radius of a lumbar disc, over which the distance of a slice is averaged
_DISC_RADIUS_MM = 18.0


@dataclass(frozen=True)
class DiscSlice:
    """The slice that lies nearest to a disc's plane.

    Attributes
    ----------
    disc : Disc
    stack : int
        Index of the stack.
    slice : int
        Along the slice axis of the stack.
    distance_mm : float
        Of the disc's centre from the middle of the slice.
    angle_deg : float
        Between the slice and the plane of the disc.
    """

    disc: Disc
    stack: int
    slice: int
    distance_mm: float
    angle_deg: float

    @property
    def deviation_mm(self) -> float:
        """Root mean square distance of the slice from the points of the disc.

        With the distance d of the centre, the angle θ and the radius r it is
        ``√(d² + r² sin²θ / 4)``, the mean of ``(d + x sin θ)²`` over a disc.
        """
        tilt = _DISC_RADIUS_MM * math.sin(math.radians(self.angle_deg)) / 2
        return math.hypot(self.distance_mm, tilt)


def nearest_slices(levels: Levels, stacks: Sequence[Geometry]) -> tuple[DiscSlice, ...]:
    """Return for each disc the slice that lies nearest to its plane, over all stacks.

    Parameters
    ----------
    levels : Levels
    stacks : sequence of Geometry
        They may overlap; each disc is measured once.

    Returns
    -------
    tuple of DiscSlice
        From head to foot; without the discs that no stack shows.
    """
    found = []
    for location in levels.discs:
        shown = [
            _in_stack(location, number, geometry, index)
            for number, geometry in enumerate(stacks)
            if (index := slice_at(geometry, location.centre_mm)) is not None
        ]
        if shown:
            found.append(min(shown, key=lambda one: one.deviation_mm))
    return tuple(found)


def _in_stack(location: DiscLocation, number: int, geometry: Geometry, index: int) -> DiscSlice:
    normal = geometry.normal(geometry.slice_axis)
    offset = np.asarray(location.centre_mm) - geometry.slice_centre_mm(index)
    cosine = min(1.0, abs(float(normal @ np.asarray(location.normal))))
    return DiscSlice(
        disc=location.disc,
        stack=number,
        slice=index,
        distance_mm=abs(float(normal @ offset)),
        angle_deg=math.degrees(math.acos(cosine)),
    )
