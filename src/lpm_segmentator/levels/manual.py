"""Levels that a user named or corrected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lpm_segmentator.core import Disc, Geometry, GeometryError, InputError, Remedy
from lpm_segmentator.levels.types import DiscLocation, Levels, Vector, slice_at

__all__ = ["corrected_levels", "levels_from_anchors"]


def levels_from_anchors(geometry: Geometry, anchors: Sequence[tuple[Disc, int]]) -> Levels:
    """Return discs in the middle of slices that a user named; no other disc is inferred.

    Parameters
    ----------
    geometry : Geometry
        Of the image that the slices count in, from 0 along its slice axis.
    anchors : sequence of tuple of Disc and int
        Each disc at most once.

    Raises
    ------
    GeometryError
        If a slice lies outside the image.
    InputError
        If a disc is named twice.
    """
    count = geometry.shape[geometry.slice_axis]
    outside = [index for _, index in anchors if not 0 <= index < count]
    if outside:
        raise GeometryError(
            f"slices {outside} lie outside the image, which has the slices 0 to {count - 1}",
            hint="Count slices from 0 along the slice axis",
            remedy=Remedy.ANCHOR,
        )
    by_disc = dict(anchors)
    if len(by_disc) < len(anchors):
        raise InputError("a disc is named twice", hint="Name each disc once", remedy=Remedy.ANCHOR)
    ordered = (disc for disc in Disc if disc in by_disc)
    return Levels(tuple(_in_slice(disc, geometry, by_disc[disc]) for disc in ordered))


def corrected_levels(values: Mapping[str, Any], geometry: Geometry) -> Levels:
    """Read the levels of an image that a user may have corrected.

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
        return {
            "center_mm": new.centre_mm,
            "normal": new.normal,
            "confidence": 1.0,
            **entry,
            "source": "user",
        }
    (read,) = Levels.from_dict({"discs": [entry]}).discs
    if slice_at(geometry, read.centre_mm) == index:
        return entry
    voxel = geometry.world_to_voxel(read.centre_mm)
    voxel[geometry.slice_axis] = index
    return {**entry, "center_mm": geometry.voxel_to_world(voxel).tolist(), "source": "user"}


def _middle(geometry: Geometry, index: int) -> Vector:
    x, y, z = (float(v) for v in geometry.slice_centre_mm(index))
    return x, y, z


def _in_slice(disc: Disc, geometry: Geometry, index: int) -> DiscLocation:
    """Return a disc in the middle of a slice, parallel to it."""
    normal = geometry.normal(geometry.slice_axis)
    if normal[2] < 0:
        normal = -normal
    u, v, w = (float(v) for v in normal)
    return DiscLocation(disc, _middle(geometry, index), (u, v, w), 1.0, "user")
