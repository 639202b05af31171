"""Water and fat of one scan, brought onto one grid."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from lpm_segmentator.core.errors import PairingError
from lpm_segmentator.core.geometry import Geometry
from lpm_segmentator.core.volume import DixonPair, Volume
from lpm_segmentator.io.nifti import read_image

__all__ = [
    "ORIGIN_FLAG",
    "DixonImage",
    "differ_by_lost_origin",
    "has_lost_origin",
    "pair_volumes",
    "read_dixon",
    "repair_origin",
]

logger = logging.getLogger(__name__)

ORIGIN_FLAG = "--accept-origin-mismatch"

_SPACING_RTOL = 1e-3  # headers of one scan round 1.0185186 mm to 1.0185
_NO_ORIGIN_MM = 1e-3


@dataclass(frozen=True, eq=False)
class DixonImage:
    """A Dixon pair and the header of the file whose grid it lies on.

    Parameters
    ----------
    pair : DixonPair
    header : object
        To be handed to `write_label_map` as `like`.
    notes : tuple of str
        What is doubtful about either header, and what was repaired.
    """

    pair: DixonPair
    header: Any
    notes: tuple[str, ...] = ()


def read_dixon(
    water: str | os.PathLike[str],
    fat: str | os.PathLike[str],
    *,
    accept_origin_mismatch: bool = False,
) -> DixonImage:
    """Read the two files of a Dixon scan.

    Parameters
    ----------
    water, fat : path-like
    accept_origin_mismatch : bool
        See `pair_volumes`.

    Raises
    ------
    FileFormatError, GeometryError
        As `read_image`.
    PairingError
        As `pair_volumes`.
    """
    images = read_image(water), read_image(fat)
    volumes = images[0].volume, images[1].volume
    try:
        pair = pair_volumes(*volumes, accept_origin_mismatch=accept_origin_mismatch)
    except PairingError as error:
        raise PairingError(error.what, where=f"{water} and {fat}", hint=error.hint) from error
    from_fat = pair.geometry == volumes[1].geometry
    notes = [
        f"{contrast} image: {note}"
        for contrast, image in zip(("water", "fat"), images, strict=True)
        for note in image.notes
    ]
    for contrast, volume in zip(("water", "fat"), volumes, strict=True):
        if volume.geometry.describe_difference(pair.geometry) is not None:
            notes.append(f"the {contrast} image had lost its origin and was laid on the other one")
    return DixonImage(pair, images[1 if from_fat else 0].header, tuple(notes))


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
    hint = "Export both from the same scan, or resample one to the other"
    if _same_but_for_origin(water.geometry, fat.geometry):
        hint = f"If both come from the same scan and one lost its origin, add {ORIGIN_FLAG}"
    raise PairingError(
        f"the water and fat images do not lie on the same grid: {difference}", hint=hint
    )


def repair_origin(water: Volume, fat: Volume) -> DixonPair:
    """Put both images on the grid of the one that still has an origin.

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
            hint=f"{ORIGIN_FLAG} cannot help; export both again or resample one to the other",
        )
    stated = [v for v in (water, fat) if not has_lost_origin(v.geometry)]
    if len(stated) != 1:
        difference = water.geometry.describe_difference(fat.geometry)
        if difference is None:
            return DixonPair(water, fat)
        which = (
            "each have an origin of their own, so that neither is known to be lost"
            if stated
            else "have both lost their origin and were cropped differently"
        )
        raise PairingError(
            f"the water and fat images {which}: {difference}",
            hint=f"{ORIGIN_FLAG} trusts the one image whose origin is not (0, 0, 0); "
            "export both again, or crop both again from the whole images with one --slices table",
        )
    affine = stated[0].affine
    lost = "fat" if stated[0] is water else "water"
    logger.warning("the %s image has lost its origin; the other image's is used for both", lost)
    return DixonPair(water.with_grid(water.array, affine), fat.with_grid(fat.array, affine))


def differ_by_lost_origin(first: Geometry, second: Geometry) -> bool:
    """Return whether two grids are one but for an origin that one of them, and one only, has lost.

    Where both have an origin of their own they may be two crops of one scan, whose voxels are not
    the same places.
    """
    return has_lost_origin(first) != has_lost_origin(second) and _same_but_for_origin(first, second)


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
