"""Discs from a map of vertebrae: the disc lies between two bodies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core import Disc, Geometry, GeometryError, LabelError, Remedy
from lpm_segmentator.levels.types import DiscLocation, Levels, Vector

__all__ = ["NUMBERINGS", "Plane", "disc_planes", "levels_from_vertebrae", "numbering_of"]

FloatArray = npt.NDArray[np.float64]

#: from head to foot; only neighbours make a disc
ORDER = ("T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5", "S1")

#: numbers of the vertebrae in the label maps of other tools
NUMBERINGS: Mapping[str, Mapping[str, int]] = {
    "levels": {f"L{n}": n for n in range(1, 6)} | {"S1": 6, "T10": 10, "T11": 11, "T12": 12},
    # its task "total" of version 2, where every vertebra has a number of its own
    "totalsegmentator": {"S1": 26}
    | {f"L{n}": 32 - n for n in range(1, 6)}
    | {"T12": 32, "T11": 33, "T10": 34},
    # its task "vertebrae_mr"; the sacrum is one label there and in TotalSpineSeg, of which S1 is a
    # small part, so that L5-S1 is placed by L5
    "totalsegmentator-mr": {f"L{n}": 7 - n for n in range(1, 6)} | {"T12": 7, "T11": 8, "T10": 9},
    "totalspineseg": {f"L{n}": 40 + n for n in range(1, 6)} | {"T10": 30, "T11": 31, "T12": 32},
    "spineps": {f"L{n}": 19 + n for n in range(1, 6)} | {"T10": 17, "T11": 18, "T12": 19, "S1": 26},
}

_COLUMN_MM = 4.0
_FEWEST_COLUMNS = 3  # of a plane
_RADIUS_MM = 16.0
_OPENING_MM = 6.0
#: half the height of a disc below L5 where it is not known otherwise
_HALF_DISC_MM = 5.0
#: least share of the step between neighbours along the body axis, even at the sacrum
_SLANTED = 0.25


@dataclass(frozen=True)
class Plane:
    """A plane between or at the ends of vertebral bodies; the normal points to the head."""

    centre_mm: FloatArray
    normal: FloatArray


def numbering_of(values: npt.NDArray[np.integer]) -> str:
    """Return the numbering of a map of vertebrae, by the values that it holds.

    Raises
    ------
    LabelError
        If no numbering or more than one fits. Small values count as those of the training labels;
        the MR task of TotalSegmentator, which uses the same values, must be named.
    """
    present = {int(v) for v in np.unique(values)} - {0}
    fits = [
        name
        for name, numbers in NUMBERINGS.items()
        if {numbers["L4"], numbers["L5"], numbers["L3"]} <= present
    ]
    if "levels" in fits and present <= set(NUMBERINGS["levels"].values()):
        return "levels"
    fits = [name for name in fits if name not in {"levels", "totalsegmentator-mr"}]
    if len(fits) != 1:
        raise LabelError(
            f"it is not clear how the vertebrae are numbered (values {sorted(present)[:20]})",
            hint=f"State the numbering, one of {', '.join(NUMBERINGS)}",
            remedy=Remedy.NUMBERING,
        )
    return fits[0]


def levels_from_vertebrae(
    array: npt.NDArray[np.integer],
    geometry: Geometry,
    numbering: str | None = None,
    *,
    bodies_only: bool = False,
) -> Levels:
    """Return the discs between the vertebrae of a label map.

    Parameters
    ----------
    array : ndarray of int, shape (i, j, k)
    geometry : Geometry
    numbering : str, optional
        A key of `NUMBERINGS`; derived from the values if not given.
    bodies_only : bool
        Whether the labels leave out the posterior elements; otherwise these are removed first.

    Raises
    ------
    LabelError
        If there are no two lumbar neighbours.
    GeometryError
        As `disc_planes`.
    """
    numbers = NUMBERINGS[numbering or numbering_of(array)]
    planes = disc_planes(array, geometry, numbers, opening_mm=0 if bodies_only else _OPENING_MM)
    discs = tuple(
        DiscLocation(
            disc, _triple(planes[str(disc)]), _normal(planes[str(disc)]), 1.0, "other tool"
        )
        for disc in Disc
        if str(disc) in planes
    )
    if not discs:
        raise LabelError(
            "the map holds no two neighbouring lumbar vertebrae",
            hint="Check the numbering of the map, or state it",
            remedy=Remedy.NUMBERING,
        )
    if discs[0].centre_mm[2] < discs[-1].centre_mm[2]:
        raise LabelError(
            "the vertebrae of the map run from foot to head against their numbers",
            hint="It has another numbering; state which",
            remedy=Remedy.NUMBERING,
        )
    warnings: list[str] = []
    if "L5-S1" in planes and not (array == numbers.get("S1", -1)).any():
        warnings.append("S1 is not labelled: L5-S1 was placed by the lower endplate of L5")
    return Levels(discs, tuple(warnings))


def _triple(plane: Plane) -> Vector:
    x, y, z = (float(v) for v in plane.centre_mm)
    return x, y, z


def _normal(plane: Plane) -> Vector:
    x, y, z = (float(v) for v in plane.normal)
    return x, y, z


def disc_planes(
    array: npt.NDArray[np.integer],
    geometry: Geometry,
    numbers: Mapping[str, int],
    *,
    opening_mm: float = 0.0,
) -> dict[str, Plane]:
    """Return the plane of every disc between labelled neighbours, by its name (``"T12-L1"``).

    The plane is fitted to the midpoints between the facing endplates. L5-S1 without S1 is half a
    disc below the lower endplate of L5. ``"top"`` is the upper endplate of the highest vertebra.

    Raises
    ------
    GeometryError
        If the vertebrae follow each other across the body and not along it.
    """
    bodies = {}
    for name in ORDER:
        mask = array == numbers.get(name, -1)
        if opening_mm and mask.any():
            mask = _opened(mask, geometry, opening_mm)
        if mask.sum() * geometry.voxel_volume_ml > 2.0:
            bodies[name] = geometry.voxel_to_world(np.argwhere(mask))
    _check_line(bodies)
    planes: dict[str, Plane] = {}
    for upper, lower in pairwise(ORDER):
        if upper in bodies and lower in bodies:
            found = _between(bodies[upper], bodies[lower])
            if found is not None:
                planes[f"{upper}-{lower}"] = found
    if "L5" in bodies and "L4" in bodies and "L5-S1" not in planes:
        planes["L5-S1"] = _below(bodies["L4"], bodies["L5"])
    highest = [name for name in ORDER if name in bodies][:2]
    if len(highest) == 2:
        planes["top"] = _above(bodies[highest[0]], bodies[highest[1]])
    return planes


def _check_line(bodies: Mapping[str, FloatArray]) -> None:
    centres = [points.mean(axis=0) for points in bodies.values()]
    for upper, lower in pairwise(centres):
        step = np.abs(upper - lower)
        if step[2] <= _SLANTED * np.linalg.norm(step):
            across = ("right to left", "front to back")[int(step[1] > step[0])]
            raise GeometryError(
                f"the vertebrae of the map follow each other from {across}, not from head to foot",
                hint="The header of the map is wrong, or its labels mean something else: export "
                "it again with the affine of its image, and check the numbering",
                remedy=Remedy.NUMBERING,
            )


def _opened(
    mask: npt.NDArray[np.bool_], geometry: Geometry, radius_mm: float
) -> npt.NDArray[np.bool_]:
    """Return the part of a vertebra where a ball fits: the body without arch and processes."""
    from scipy import ndimage

    (box,) = ndimage.find_objects(mask.astype(np.uint8))
    inner = np.pad(mask[box], 1)
    spacing = geometry.spacing_mm
    core = ndimage.distance_transform_edt(inner, sampling=spacing) > radius_mm
    opened = mask.copy()
    if core.any():
        near = ndimage.distance_transform_edt(~core, sampling=spacing) <= radius_mm
        opened[box] = (near & inner)[1:-1, 1:-1, 1:-1]
    return opened


def _basis(axis: FloatArray) -> FloatArray:
    """Return rows: the axis, and two directions across it."""
    side = np.cross(axis, (0.0, 1.0, 0.0))
    side /= np.linalg.norm(side)
    return np.stack([axis, side, np.cross(axis, side)])


def _surface(
    points: FloatArray, origin: FloatArray, basis: FloatArray, sign: int
) -> dict[tuple[int, int], float]:
    """Return, for each column along the axis, the outermost coordinate of a body's points."""
    local = (points - origin) @ basis.T
    keys = np.rint(local[:, 1:] / _COLUMN_MM).astype(int)
    near = np.hypot(*(keys.T * _COLUMN_MM)) <= _RADIUS_MM
    outer: dict[tuple[int, int], float] = {}
    for (a, b), height in zip(keys[near], sign * local[near, 0], strict=True):
        key = (int(a), int(b))
        outer[key] = max(outer.get(key, -np.inf), float(height))
    return {key: sign * value for key, value in outer.items()}


def _fit(columns: Mapping[tuple[int, int], float], origin: FloatArray, basis: FloatArray) -> Plane:
    """Fit a plane to heights over columns, leaving out what is far off a first fit."""
    if len(columns) < _FEWEST_COLUMNS:
        raise GeometryError(
            "a vertebra of the map shows no endplate",
            hint="The voxels are too large, or the spacing in the header is wrong",
        )
    keys = np.array(list(columns), dtype=float) * _COLUMN_MM
    heights = np.array(list(columns.values()))
    design = np.column_stack([np.ones(len(keys)), keys])
    kept = np.ones(len(keys), dtype=bool)
    for _ in range(3):
        solution = np.linalg.lstsq(design[kept], heights[kept], rcond=None)[0]
        off = np.abs(heights - design @ solution)
        kept = off <= max(2.0, 2.5 * float(np.median(off)))
    middle = keys.mean(axis=0)
    local = np.array([solution[0] + solution[1:] @ middle, *middle])
    normal = np.array([1.0, -solution[1], -solution[2]]) @ basis
    return Plane(origin + local @ basis, _upward(normal))


def _upward(normal: FloatArray) -> FloatArray:
    unit: FloatArray = normal / np.linalg.norm(normal)
    return -unit if unit[2] < 0 else unit


def _between(upper: FloatArray, lower: FloatArray) -> Plane | None:
    top, bottom = upper.mean(axis=0), lower.mean(axis=0)
    axis = (bottom - top) / np.linalg.norm(bottom - top)
    origin, basis = (top + bottom) / 2, _basis(axis)
    above = _surface(upper, origin, basis, 1)
    below = _surface(lower, origin, basis, -1)
    gaps = {key: (above[key] + below[key]) / 2 for key in above.keys() & below.keys()}
    return _fit(gaps, origin, basis) if len(gaps) >= 6 else None


def _end(body: FloatArray, neighbour: FloatArray) -> Plane:
    """Return the endplate of a body on the side away from its neighbour."""
    centre = body.mean(axis=0)
    axis = centre - neighbour.mean(axis=0)
    axis /= np.linalg.norm(axis)
    # In a curved spine an endplate is steeper than the line of the centres, so the columns are
    # computed again along the normal that was found.
    for _ in range(2):
        basis = _basis(axis)
        plane = _fit(_surface(body, centre, basis, 1), centre, basis)
        axis = plane.normal if plane.normal @ axis > 0 else -plane.normal
    return plane


def _above(body: FloatArray, below: FloatArray) -> Plane:
    return _end(body, below)


def _below(above: FloatArray, body: FloatArray) -> Plane:
    plane = _end(body, above)
    return Plane(plane.centre_mm - _HALF_DISC_MM * plane.normal, plane.normal)
