"""Where the discs lie: the values of this room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lpm_segmentator.core import Disc, Geometry, InputError

__all__ = ["DiscLocation", "Levels", "slice_at", "to_slices"]

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class DiscLocation:
    """A disc in the world.

    Parameters
    ----------
    disc : Disc
    centre_mm : tuple of float, length 3
        Middle of the disc, RAS+ millimetres.
    normal : tuple of float, length 3
        Unit normal of the disc's plane, towards the head.
    confidence : float
        0 to 1.
    """

    disc: Disc
    centre_mm: Vector
    normal: Vector
    confidence: float


@dataclass(frozen=True)
class Levels:
    """The discs that were found, from head to foot, and what is doubtful about them."""

    discs: tuple[DiscLocation, ...]
    warnings: tuple[str, ...] = ()

    def find(self, disc: Disc) -> DiscLocation | None:
        """Return a disc, or None where it was not found."""
        return next((found for found in self.discs if found.disc is disc), None)

    def to_dict(self, geometry: Geometry, *, case: str, image: str) -> dict[str, Any]:
        """Return what ``lpm levels`` writes; slices count along the slice axis of `geometry`.

        A disc outside the image has the slice None.
        """
        slices = to_slices(self, geometry)
        discs = [
            {
                "name": str(found.disc),
                "center_mm": [round(v, 3) for v in found.centre_mm],
                "normal": [round(v, 5) for v in found.normal],
                "slice": slices.get(found.disc),
                "confidence": round(found.confidence, 3),
            }
            for found in self.discs
        ]
        return {"case": case, "image": image, "discs": discs, "warnings": list(self.warnings)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Levels:
        """Read what `to_dict` gave, corrected by hand or not.

        Raises
        ------
        InputError
            If entries are missing or a disc has no such name.
        """
        try:
            discs = tuple(
                DiscLocation(
                    Disc(entry["name"]),
                    _vector(entry["center_mm"]),
                    _vector(entry["normal"]),
                    float(entry["confidence"]),
                )
                for entry in values["discs"]
            )
            return cls(discs, tuple(str(warning) for warning in values.get("warnings", ())))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"these are no levels as 'lpm levels' writes them ({error!r})",
                hint="Every disc needs name (L1-L2 … L5-S1), center_mm, normal and confidence",
            ) from error


def _vector(values: Any) -> Vector:
    x, y, z = (float(v) for v in values)
    return x, y, z


def slice_at(geometry: Geometry, point_mm: Vector) -> int | None:
    """Return the slice that holds a point, along the slice axis; None outside the stack.

    Oblique stacks need nothing more: the voxel of the point is what the affine says. The point
    may lie beside the image within the plane; half a slice beyond the outer centres still counts.
    """
    axis = geometry.slice_axis
    index = round(float(geometry.world_to_voxel(np.asarray(point_mm))[axis]))
    return index if 0 <= index < geometry.shape[axis] else None


def to_slices(levels: Levels, geometry: Geometry) -> dict[Disc, int]:
    """Return the slice of each disc that lies in an image, along its slice axis."""
    found = {level.disc: slice_at(geometry, level.centre_mm) for level in levels.discs}
    return {disc: index for disc, index in found.items() if index is not None}
