"""Levels that a person named or corrected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lpm_segmentator.core import Disc, Geometry, GeometryError, InputError
from lpm_segmentator.levels.types import DiscLocation, Levels, Vector, slice_at

__all__ = ["corrected_levels", "levels_from_slices"]


def levels_from_slices(geometry: Geometry, first: int, last: int) -> Levels:
    """Return L1-L2 and L5-S1 in the middle of two slices; what lies between is not made up.

    Parameters
    ----------
    geometry : Geometry
    first, last : int
        The two slices, both kept, in either order; which end is the head the affine tells.

    Raises
    ------
    GeometryError
        If a slice lies outside the image or both are the same.
    """
    axis = geometry.slice_axis
    count = geometry.shape[axis]
    outside = [index for index in (first, last) if not 0 <= index < count]
    if outside:
        raise GeometryError(
            f"slices {outside} lie outside the image, which has the slices 0 to {count - 1}",
            hint="Count from 0 along the slice axis for --from-slice and --to-slice",
        )
    if first == last:
        raise GeometryError(f"first and last slice are the same ({first})")
    height = {index: _middle(geometry, index)[2] for index in (first, last)}
    lower, upper = sorted(height, key=lambda index: height[index])
    return Levels((_in_slice(Disc.L1_L2, geometry, upper), _in_slice(Disc.L5_S1, geometry, lower)))


def corrected_levels(values: Mapping[str, Any], geometry: Geometry) -> Levels:
    """Read the levels of an image that a person may have corrected.

    Where the slice of a disc is not that of its middle, the slice was corrected: the middle moves
    into it. A new disc needs its name and slice alone.

    Parameters
    ----------
    values : mapping
        As `Levels.to_dict` gave it.
    geometry : Geometry
        Of the image that the slices count in.

    Raises
    ------
    InputError
        If entries are missing or make no sense.
    GeometryError
        If a slice lies outside the image.
    """
    entries = values.get("discs") if isinstance(values, Mapping) else None
    if not isinstance(entries, list) or not all(isinstance(e, Mapping) for e in entries):
        return Levels.from_dict(values)  # raises, saying what is missing
    return Levels.from_dict({**values, "discs": [_corrected(e, geometry) for e in entries]})


def _corrected(entry: Mapping[str, Any], geometry: Geometry) -> Mapping[str, Any]:
    index = entry.get("slice")
    if index is None:
        return entry
    count = geometry.shape[geometry.slice_axis]
    name = entry.get("name")
    if isinstance(index, bool) or not isinstance(index, int):
        raise InputError(f"the slice of {name} is {index!r}, not a whole number")
    if not 0 <= index < count:
        raise GeometryError(
            f"the slice of {name} is {index}, but the image has the slices 0 to {count - 1}"
        )
    if "center_mm" not in entry:
        named = Levels.from_dict(
            {"discs": [{"center_mm": [0, 0, 0], "normal": [0, 0, 1], "confidence": 1, **entry}]}
        )
        new = _in_slice(named.discs[0].disc, geometry, index)
        return {"center_mm": new.centre_mm, "normal": new.normal, "confidence": 1.0, **entry}
    (read,) = Levels.from_dict({"discs": [entry]}).discs
    if slice_at(geometry, read.centre_mm) == index:
        return entry
    voxel = geometry.world_to_voxel(read.centre_mm)
    voxel[geometry.slice_axis] = index
    return {**entry, "center_mm": geometry.voxel_to_world(voxel).tolist()}


def _middle(geometry: Geometry, index: int) -> Vector:
    voxel = (np.array(geometry.shape) - 1) / 2
    voxel[geometry.slice_axis] = index
    x, y, z = (float(v) for v in geometry.voxel_to_world(voxel))
    return x, y, z


def _in_slice(disc: Disc, geometry: Geometry, index: int) -> DiscLocation:
    """Return a disc in the middle of a slice, parallel to it."""
    a, b = (geometry.affine[:3, axis] for axis in geometry.in_plane_axes)
    normal = np.cross(a, b)
    normal *= (1.0 if normal[2] >= 0 else -1.0) / np.linalg.norm(normal)
    u, v, w = (float(v) for v in normal)
    return DiscLocation(disc, _middle(geometry, index), (u, v, w), 1.0)
