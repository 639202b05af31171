"""Where the discs lie: the values of this room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from lpm_segmentator.core import Disc, Geometry, InputError

__all__ = ["GUESS", "DiscLocation", "LevelSource", "Levels", "slice_at", "slice_range", "to_slices"]

#: names that are a guess give their discs no more confidence than this
GUESS = 0.5

Vector = tuple[float, float, float]

LevelSource = Literal["model", "user", "table", "other tool"]
"""Who named and placed a disc."""


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
    source : LevelSource
        Who named and placed the disc.
    """

    disc: Disc
    centre_mm: Vector
    normal: Vector
    confidence: float
    source: LevelSource = "model"


@dataclass(frozen=True)
class Levels:
    """The discs that were found, from head to foot, and warnings about them."""

    discs: tuple[DiscLocation, ...]
    warnings: tuple[str, ...] = ()

    @property
    def named_surely(self) -> bool:
        """Whether the count of the discs is known; if not, every name is a guess."""
        return max((found.confidence for found in self.discs), default=0.0) > GUESS

    def find(self, disc: Disc) -> DiscLocation | None:
        """Return a disc, or None where it was not found."""
        return next((found for found in self.discs if found.disc is disc), None)

    def to_dict(self, geometry: Geometry, *, case: str, image: str) -> dict[str, Any]:
        """Return what ``lpm levels`` writes; slices count along the slice axis of `geometry`.

        A disc outside the image has the slice None. ``grid`` is the image's shape and affine, so
        that a manually corrected slice keeps its meaning.
        """
        slices = to_slices(self, geometry)
        discs = [
            {
                "name": str(found.disc),
                "center_mm": [round(v, 3) for v in found.centre_mm],
                "normal": [round(v, 5) for v in found.normal],
                "slice": slices.get(found.disc),
                "confidence": round(found.confidence, 3),
                "source": found.source,
            }
            for found in self.discs
        ]
        grid = {"shape": list(geometry.shape), "affine": geometry.affine.tolist()}
        return {
            "case": case,
            "image": image,
            "grid": grid,
            "discs": discs,
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Levels:
        """Read what `to_dict` gave.

        Raises
        ------
        InputError
            If entries are missing, a disc has an unknown name, or a name is used twice.
        """
        try:
            discs = tuple(
                DiscLocation(
                    Disc(entry["name"]),
                    _vector(entry["center_mm"]),
                    _vector(entry["normal"]),
                    float(entry["confidence"]),
                    _source(entry.get("source", "model")),
                )
                for entry in values["discs"]
            )
            warnings = tuple(str(warning) for warning in values.get("warnings", ()))
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise InputError(
                f"these are not levels as 'lpm levels' writes them ({error!r})",
                hint="Every disc needs name (L1-L2 … L5-S1), center_mm, normal and confidence; of "
                "the image's own discs, name and slice are enough",
            ) from error
        if len({found.disc for found in discs}) < len(discs):
            raise InputError("a disc is named twice", hint="Give each disc one entry")
        return cls(discs, warnings)


def _source(value: Any) -> LevelSource:
    if value not in get_args(LevelSource):
        raise ValueError(f"{value!r} is no source of levels")
    source: LevelSource = value
    return source


def _vector(values: Any) -> Vector:
    x, y, z = (float(v) for v in values)
    if not np.isfinite([x, y, z]).all():
        raise ValueError(f"{values} is no place")
    return x, y, z


def slice_at(geometry: Geometry, point_mm: Vector) -> int | None:
    """Return the slice that holds a point, along the slice axis; None outside the stack.

    The voxel of the point follows from the affine, in oblique stacks too. The point
    may lie beside the image within the plane; half a slice beyond the outer centres still counts.
    """
    axis = geometry.slice_axis
    index = round(float(geometry.world_to_voxel(np.asarray(point_mm))[axis]))
    return index if 0 <= index < geometry.shape[axis] else None


def to_slices(levels: Levels, geometry: Geometry) -> dict[Disc, int]:
    """Return the slice of each disc that lies in an image, along its slice axis."""
    found = {level.disc: slice_at(geometry, level.centre_mm) for level in levels.discs}
    return {disc: index for disc, index in found.items() if index is not None}


def slice_range(levels: Levels, geometry: Geometry) -> tuple[int, int] | None:
    """Return the slices from L1-L2 to L5-S1, as far as an image shows them.

    Returns
    -------
    tuple of int or None
        Half-open range along the slice axis that holds the slices of both discs, cut at the ends
        of the image. None where one of the two is not known or all of the image lies outside.
    """
    ends = [levels.find(disc) for disc in (Disc.L1_L2, Disc.L5_S1)]
    axis = geometry.slice_axis
    at = [round(float(geometry.world_to_voxel(e.centre_mm)[axis])) for e in ends if e is not None]
    if len(at) < len(ends):
        return None
    start, stop = max(0, min(at)), min(geometry.shape[axis], max(at) + 1)
    return (start, stop) if start < stop else None
