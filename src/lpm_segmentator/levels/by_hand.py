"""Levels that a person named: a first and a last slice."""

from __future__ import annotations

import numpy as np

from lpm_segmentator.core import Disc, Geometry, GeometryError
from lpm_segmentator.levels.types import DiscLocation, Levels

__all__ = ["levels_from_slices"]


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
            f"slices {outside} lie outside the image, which has the slices 0 to {count - 1}"
        )
    if first == last:
        raise GeometryError(f"first and last slice are the same ({first})")
    points = {index: _middle(geometry, axis, index) for index in (first, last)}
    lower, upper = sorted(points, key=lambda index: float(points[index][2]))
    return Levels(
        tuple(
            _location(disc, points[index], geometry)
            for disc, index in ((Disc.L1_L2, upper), (Disc.L5_S1, lower))
        )
    )


def _middle(
    geometry: Geometry, axis: int, index: int
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    voxel = (np.array(geometry.shape) - 1) / 2
    voxel[axis] = index
    point: np.ndarray[tuple[int], np.dtype[np.float64]] = geometry.voxel_to_world(voxel)
    return point


def _location(
    disc: Disc, point: np.ndarray[tuple[int], np.dtype[np.float64]], geometry: Geometry
) -> DiscLocation:
    a, b = (geometry.affine[:3, axis] for axis in geometry.in_plane_axes)
    normal = np.cross(a, b)
    normal *= (1.0 if normal[2] >= 0 else -1.0) / np.linalg.norm(normal)
    x, y, z = (float(v) for v in point)
    u, v, w = (float(v) for v in normal)
    return DiscLocation(disc, (x, y, z), (u, v, w), 1.0)
