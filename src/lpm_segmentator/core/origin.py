"""Grids that are one but for an origin that a conversion has lost."""

from __future__ import annotations

import numpy as np

from lpm_segmentator.core.errors import PairingError, Remedy
from lpm_segmentator.core.geometry import Geometry
from lpm_segmentator.core.volume import DixonPair, LabelMap, Volume

__all__ = [
    "differ_by_lost_origin",
    "has_lost_origin",
    "is_moved_in_plane",
    "pair_volumes",
    "repair_origin",
    "with_origin_of",
]

_SPACING_RTOL = 1e-3  # headers of one scan round 1.0185186 mm to 1.0185
_NO_ORIGIN_MM = 1e-3
_MOVED_VOXELS = 0.02


def pair_volumes(water: Volume, fat: Volume, *, accept_origin_mismatch: bool = False) -> DixonPair:
    """Pair two images; lost origins are repaired on request only.

    Raises
    ------
    PairingError
        If the grids differ, unless they differ by a lost origin and `accept_origin_mismatch`.
    """
    difference = water.geometry.describe_difference(fat.geometry)
    if difference is None:
        return DixonPair(water, fat)
    if accept_origin_mismatch:
        return repair_origin(water, fat)
    what = f"the water and fat images lie on different grids: {difference}"
    if _same_but_for_origin(water.geometry, fat.geometry):
        raise PairingError(
            what,
            hint="If both come from the same scan and one lost its origin in a conversion, pass "
            f"{Remedy.ACCEPT_ORIGIN_MISMATCH}",
            remedy=Remedy.ACCEPT_ORIGIN_MISMATCH,
        )
    raise PairingError(what, hint="Export both from the same scan, or resample one to the other")


def repair_origin(water: Volume, fat: Volume) -> DixonPair:
    """Place both images on the grid of the one that still has an origin.

    Only for images of one scan of which one came out of a conversion with the origin (0, 0, 0),
    and perhaps a spacing rounded by up to 0.1 %; it may have been cropped since. No voxel is
    interpolated.

    Raises
    ------
    PairingError
        If more than that differs, or the two origins differ and neither or both are lost.
    """
    if not _same_but_for_origin(water.geometry, fat.geometry):
        raise PairingError(
            "the water and fat images differ by more than their origin: "
            f"{water.geometry.describe_difference(fat.geometry)}",
            hint="Export both again, or resample one to the other",
        )
    with_origin = [v for v in (water, fat) if not has_lost_origin(v.geometry)]
    if len(with_origin) != 1:
        difference = water.geometry.describe_difference(fat.geometry)
        if difference is None:
            return DixonPair(water, fat)
        which = (
            "have different origins, neither of which is known to be lost"
            if with_origin
            else "have both lost their origin and were cropped differently"
        )
        raise PairingError(
            f"the water and fat images {which}: {difference}",
            hint="Export both again, or crop both again from the whole images with one slice table",
        )
    affine = with_origin[0].affine
    return DixonPair(water.with_grid(water.array, affine), fat.with_grid(fat.array, affine))


def with_origin_of(labels: LabelMap, geometry: Geometry) -> LabelMap:
    """Return the label map on a grid if the two differ by nothing but a lost origin."""
    if labels.geometry.describe_difference(geometry) is None:
        return labels
    if differ_by_lost_origin(labels.geometry, geometry):
        return labels.with_grid(labels.array, geometry.affine)
    return labels


def differ_by_lost_origin(first: Geometry, second: Geometry) -> bool:
    """Return whether two grids are one but for an origin that exactly one of them has lost.

    Where both have an origin of their own they may be two crops of one scan, whose voxels are not
    the same places.
    """
    return has_lost_origin(first) != has_lost_origin(second) and _same_but_for_origin(first, second)


def is_moved_in_plane(first: Geometry, second: Geometry) -> bool:
    """Return whether two grids are one but for an origin that differs within the slices.

    Crops of one scan may differ so along the slice axis only; within the slices a crop has another
    shape, so that one of the origins is likely to be wrong.
    """
    if not _same_but_for_origin(first, second):
        return False
    moved = np.abs(first.world_to_voxel(second.origin_mm))
    moved[first.slice_axis] = 0
    return bool(moved.max() > _MOVED_VOXELS)


def has_lost_origin(grid: Geometry) -> bool:
    """Return whether the origin is (0, 0, 0), or a whole number of slices from it (a crop)."""
    step = grid.affine[:3, grid.slice_axis]
    slices = max(0, round(float(grid.origin_mm @ step / (step @ step))))
    return bool(np.abs(grid.origin_mm - slices * step).max() <= _NO_ORIGIN_MM)


def _same_but_for_origin(first: Geometry, second: Geometry) -> bool:
    """Return whether shapes, directions and (nearly) spacings agree."""
    steps = first.affine[:3, :3], second.affine[:3, :3]
    shortest = min(first.spacing_mm)
    return first.shape == second.shape and np.allclose(
        *steps, rtol=_SPACING_RTOL, atol=_SPACING_RTOL * shortest
    )
