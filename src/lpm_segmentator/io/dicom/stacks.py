"""From single slices to stacks: parallel, evenly spaced slices of one kind, and where they lie.

Everything follows from ImageOrientationPatient and ImagePositionPatient (PS3.3 C.7.6.2): with ``r``
and ``c`` the directions of rows and columns, ``Δc`` and ``Δr`` the distances between columns and
rows, and ``p`` the position of the first voxel, the voxel in column i and row j lies at
``p + r Δc i + c Δr j`` in LPS. Instance numbers decide nothing.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from lpm_segmentator.core.geometry import FloatArray, Geometry
from lpm_segmentator.io.dicom.header import Frame, SeriesTags

__all__ = ["Stack", "stacks_of"]

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
#: directions that differ by less are parallel: 0.06 degrees
_PARALLEL = 1e-3
#: slices nearer than this lie at one place, in mm
_SAME_PLACE_MM = 0.01
#: share of the step by which a slice may lie off an evenly spaced grid
_UNEVEN = 0.05
#: a gap of more than this many steps ends a stack
_GAP = 1.5
#: gaps of up to so many whole steps are slices that are missing, larger ones part two stacks
_MISSING_STEPS = 3
#: how far slices may be shifted against each other within their planes, in mm
_SHEAR_MM = 0.2


@dataclass(frozen=True, eq=False)
class Stack:
    """Slices of one series that form an image.

    Attributes
    ----------
    frames : tuple of Frame
        From foot to head, from left to right or from back to front; at least one.
    problem : str
        Why they form no image; empty if they do.
    """

    frames: tuple[Frame, ...]
    problem: str = ""

    @property
    def tags(self) -> SeriesTags:
        """What the header of the first slice says; only some entries may differ between slices."""
        return self.frames[0].tags

    @cached_property
    def geometry(self) -> Geometry | None:
        """Grid of the image in RAS+ mm; None if there is a `problem`.

        The rows are stored in reverse, so that the second axis runs to the front or the head as in
        files of dcm2niix.
        """
        if self.problem:
            return None
        tags, rows = self.tags, self.tags.rows
        row, column = _directions(tags)
        between_rows, between_columns = tags.pixel_spacing_mm or (1.0, 1.0)
        first = _position(self.frames[0])
        affine = np.eye(4)
        affine[:3, 0] = row * between_columns
        affine[:3, 1] = -column * between_rows
        affine[:3, 2] = self._step()
        affine[:3, 3] = first + column * between_rows * (rows - 1)
        return Geometry((tags.columns, rows, len(self.frames)), _LPS_TO_RAS @ affine)

    def _step(self) -> FloatArray:
        """Return the vector from one slice to the next, in LPS."""
        if len(self.frames) > 1:
            step: FloatArray = _position(self.frames[-1]) - _position(self.frames[0])
            step /= len(self.frames) - 1
            return step
        thickness = self.tags.thickness_mm
        return _normal(self.tags) * _sign(self.tags) * (thickness if thickness > 0 else 1.0)


def stacks_of(frames: Iterable[Frame]) -> list[Stack]:
    """Sort the slices of one series into stacks.

    Slices of another size, direction, image type or echo are another stack. Several images at one
    place are parted by acquisition or time point. What forms no image has a `problem`.
    """
    groups: list[list[Frame]] = []
    for frame in frames:
        for group in groups:
            if _alike(group[0], frame):
                group.append(frame)
                break
        else:
            groups.append([frame])
    stacks = [stack for group in groups for stack in _of_one_kind(group)]
    return sorted(stacks, key=_first_instance)


def _first_instance(stack: Stack) -> tuple[int, str]:
    numbers = [f.instance for f in stack.frames if f.instance is not None]
    return min(numbers, default=0), stack.frames[0].sop


def _alike(one: Frame, other: Frame) -> bool:
    """Whether two slices may belong to one stack, their places left aside."""
    a, b = one.tags, other.tags
    if a is b:
        return True
    same = (a.rows, a.columns, a.samples, a.image_type, a.pixel_spacing_mm, a.echo) == (
        b.rows, b.columns, b.samples, b.image_type, b.pixel_spacing_mm, b.echo)  # fmt: skip
    return same and _close(a.te_ms, b.te_ms) and _parallel(a.orientation, b.orientation)


def _close(one: float, other: float) -> bool:
    return abs(one - other) < 0.01 or (math.isnan(one) and math.isnan(other))


def _parallel(one: Sequence[float] | None, other: Sequence[float] | None) -> bool:
    if one is None or other is None:
        return one is other
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) < _PARALLEL


def _of_one_kind(frames: list[Frame]) -> list[Stack]:
    if problem := _unusable(frames):
        return [Stack(tuple(frames), problem)]
    ordered = _ordered(frames)
    parts = _without_repetition(ordered)
    if parts is None:
        most = max(len(group) for group in _by_place(ordered))
        return [
            Stack(
                tuple(ordered),
                f"there are up to {most} images at one place, and nothing in the headers "
                "distinguishes them",
            )
        ]
    return [stack for part in parts for stack in _evenly_spaced(part)]


def _unusable(frames: Sequence[Frame]) -> str:
    """Return why slices cannot be placed; empty if they can."""
    tags = frames[0].tags
    checks = {
        "it holds no image": not tags.rows or not tags.columns,
        "its images are in colour (a screenshot or a map)": tags.samples > 1,
        "its slices are packed into mosaics: export it as an enhanced or unpacked series": (
            "MOSAIC" in tags.image_type
        ),
        "the headers state no direction or pixel spacing": (
            tags.orientation is None or min(tags.pixel_spacing_mm or (0.0,)) <= 0
        ),
        "the headers of some slices state no place": any(f.position_mm is None for f in frames),
    }
    problem = next((text for text, is_so in checks.items() if is_so), "")
    if not problem and not _is_rectangular(tags):
        problem = "the directions of rows and columns are not perpendicular: the header is damaged"
    return problem


def _is_rectangular(tags: SeriesTags) -> bool:
    row, column = _directions(tags)
    lengths = (float(np.linalg.norm(row)), float(np.linalg.norm(column)))
    return abs(float(row @ column)) < 1e-3 and max(abs(n - 1) for n in lengths) < 1e-2


def _directions(tags: SeriesTags) -> tuple[FloatArray, FloatArray]:
    direction = np.array(tags.orientation, dtype=np.float64)
    return direction[:3], direction[3:]


def _normal(tags: SeriesTags) -> FloatArray:
    normal: FloatArray = np.cross(*_directions(tags))
    return normal / np.linalg.norm(normal)


def _sign(tags: SeriesTags) -> float:
    """Return 1 if the normal points to the head, the right or the front, otherwise -1."""
    normal = _normal(tags)
    axis = int(np.abs(normal).argmax())
    # LPS: towards the head the third coordinate grows; to the right and the front they fall.
    return float(np.sign(normal[axis])) * (1.0 if axis == 2 else -1.0)


def _position(frame: Frame) -> FloatArray:
    return np.array(frame.position_mm, dtype=np.float64)


def _depths(frames: Sequence[Frame]) -> FloatArray:
    """Return how far each slice lies along the normal, in mm."""
    positions = np.array([frame.position_mm for frame in frames], dtype=np.float64)
    depths: FloatArray = positions @ _normal(frames[0].tags)
    return depths


def _ordered(frames: Sequence[Frame]) -> list[Frame]:
    """Return slices from foot to head, from left to right, or from back to front."""
    order = np.argsort(_depths(frames) * _sign(frames[0].tags), kind="stable")
    return [frames[i] for i in order]


def _by_place(ordered: Sequence[Frame]) -> list[list[Frame]]:
    depths = _depths(ordered)
    groups = [[ordered[0]]]
    for (before, after), frame in zip(pairwise(depths), ordered[1:], strict=True):
        if abs(after - before) < _SAME_PLACE_MM:
            groups[-1].append(frame)
        else:
            groups.append([frame])
    return groups


def _without_repetition(ordered: Sequence[Frame]) -> list[list[Frame]] | None:
    """Part images at equal places; None if nothing in the headers parts them."""
    if all(len(group) == 1 for group in _by_place(ordered)):
        return [list(ordered)]
    keys: tuple[Callable[[Frame], Hashable], ...] = (
        lambda frame: frame.tags.acquisition,
        lambda frame: frame.tags.temporal,
        lambda frame: (frame.tags.acquisition, frame.tags.temporal),
    )
    for key in keys:
        parts: defaultdict[Hashable, list[Frame]] = defaultdict(list)
        for frame in ordered:
            parts[key(frame)].append(frame)
        if all(len(group) == 1 for part in parts.values() for group in _by_place(part)):
            return list(parts.values())
    return None


def _evenly_spaced(ordered: list[Frame]) -> list[Stack]:
    """Part slices where there is a gap, and check what remains."""
    if len(ordered) < 3:
        return [_checked(ordered)]
    steps = np.abs(np.diff(_depths(ordered)))
    step = float(np.median(steps))
    gaps = np.flatnonzero(steps > _GAP * step)
    whole = np.rint(steps[gaps] / step)
    is_whole = np.abs(steps[gaps] / step - whole) < _UNEVEN
    # Between stacks instance numbers go on; where slices were lost they jump with the places.
    jumps = _jumps(ordered)[gaps]
    is_missing = is_whole & ((whole <= _MISSING_STEPS) | (jumps == whole))
    if is_missing.any():
        missing = int((whole[is_missing] - 1).sum())
        problem = f"{missing} of {len(ordered) + missing} slices are missing: export it again"
        return [Stack(tuple(ordered), problem)]
    cuts = [0, *(int(gap) + 1 for gap in gaps), len(ordered)]
    return [_checked(ordered[start:stop]) for start, stop in pairwise(cuts)]


def _jumps(ordered: Sequence[Frame]) -> FloatArray:
    """Return the steps of instance numbers in the direction in which they grow; nan if unknown."""
    numbers = [math.nan if f.instance is None else float(f.instance) for f in ordered]
    steps = np.diff(np.array(numbers))
    direction = float(np.median(steps))
    jumps: FloatArray = steps * direction if abs(direction) == 1 else np.full(len(steps), math.nan)
    return jumps


def _checked(ordered: Sequence[Frame]) -> Stack:
    """Return a stack; unevenly spaced or sheared slices are its problem."""
    stack = Stack(tuple(ordered))
    positions = np.array([frame.position_mm for frame in ordered], dtype=np.float64)
    normal = _normal(stack.tags)
    depths = positions @ normal
    if len(ordered) > 2:
        even = np.linspace(depths[0], depths[-1], len(ordered))
        step = abs(depths[-1] - depths[0]) / (len(ordered) - 1)
        if (off := float(np.abs(depths - even).max())) > _UNEVEN * step:
            steps = np.abs(np.diff(depths))
            return replace(
                stack,
                problem=f"the slices are unevenly spaced, {steps.min():.2f} to {steps.max():.2f} "
                f"mm apart (up to {off:.2f} mm off)",
            )
    within = positions - np.outer(depths, normal)
    shift = float(np.linalg.norm(within - within[0], axis=1).max())
    if shift > _SHEAR_MM:
        angle = np.degrees(np.arctan2(shift, abs(depths[-1] - depths[0])))
        return replace(
            stack,
            problem=f"the slices are shifted against each other by {shift:.1f} mm, as by a tilted "
            f"gantry ({angle:.1f} degrees)",
        )
    return stack
