"""Which voxels a number is about: groups of structures and regions of slices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Literal

from lpm_segmentator.core.errors import GeometryError
from lpm_segmentator.core.labels import Disc, LabelScheme, Muscle, Side

__all__ = ["ALL_SLICES", "Group", "Region", "RegionKind", "SliceLevels", "groups_of"]

RegionKind = Literal["all", "span", "vertebra", "disc"]

#: Name of the region that is the whole stack.
ALL_SLICES = "all"

_BOTH = "both"


@dataclass(frozen=True)
class Group:
    """Structures that are measured together.

    Parameters
    ----------
    muscle : str
        ``"ES"``, ``"MF"`` or ``"ES+MF"``.
    side : str
        ``"R"``, ``"L"`` or ``"both"``.
    values : tuple of int
        Label values of the structures.
    """

    muscle: str
    side: str
    values: tuple[int, ...]

    @property
    def key(self) -> str:
        """Short unique name, e.g. ``"ES+MF_R"``."""
        return f"{self.muscle}_{self.side}"


def groups_of(scheme: LabelScheme) -> tuple[Group, ...]:
    """Return every muscle and their sum, right, left and both sides, as far as the scheme has them.

    Examples
    --------
    >>> from lpm_segmentator.core.labels import LPM_SCHEME
    >>> [group.key for group in groups_of(LPM_SCHEME)][:4]
    ['ES_R', 'ES_L', 'ES_both', 'MF_R']
    """
    muscles: list[tuple[str, tuple[Muscle, ...]]] = [(str(m), (m,)) for m in Muscle]
    muscles.append(("+".join(str(m) for m in Muscle), tuple(Muscle)))
    sides: list[tuple[str, tuple[Side, ...]]] = [(str(s), (s,)) for s in Side]
    sides.append((_BOTH, tuple(Side)))
    found = []
    for muscle, members in muscles:
        for side, where in sides:
            values = tuple(s.value for s in scheme if s.muscle in members and s.side in where)
            if len(values) == len(members) * len(where):
                found.append(Group(muscle, side, values))
    return tuple(found)


@dataclass(frozen=True)
class Region:
    """A named set of slices.

    Parameters
    ----------
    name : str
        ``"all"``, a disc (``"L4-L5"``), a vertebra (``"L4"``), or a span (``"L1-L2..L5-S1"``).
    kind : str
        What the name is.
    slices : tuple of int
        Indices along the slice axis, ascending.
    """

    name: str
    kind: RegionKind
    slices: tuple[int, ...]


@dataclass(frozen=True)
class SliceLevels:
    """Which slice shows the middle of which disc.

    Parameters
    ----------
    discs : mapping of Disc to int
        Index along the slice axis of the label map; any subset of the five discs, at most one
        slice each. The discs must follow each other, up or down the axis.
    n_slices : int
        Number of slices of the stack.

    Raises
    ------
    GeometryError
        If a slice lies outside the stack, or the discs are not in anatomical order.
    """

    discs: Mapping[Disc, int]
    n_slices: int

    def __post_init__(self) -> None:
        ordered = {disc: int(self.discs[disc]) for disc in Disc if disc in self.discs}
        object.__setattr__(self, "discs", MappingProxyType(ordered))
        outside = {str(d): s for d, s in ordered.items() if not 0 <= s < self.n_slices}
        if outside:
            raise GeometryError(
                f"disc slices {outside} lie outside the stack of {self.n_slices} slices",
                hint="Count slices from 0 along the slice axis of the measured image",
            )
        slices = list(ordered.values())
        steps = [b - a for a, b in pairwise(slices)]
        if not (all(s > 0 for s in steps) or all(s < 0 for s in steps)):
            text = ", ".join(f"{d}: {s}" for d, s in ordered.items())
            raise GeometryError(f"disc slices are not in anatomical order ({text})")

    def regions(self) -> tuple[Region, ...]:
        """Return the whole stack, the span, the vertebrae and the discs.

        A vertebra reaches from the disc below it (that slice included) to the disc above it (that
        slice excluded), so that vertebrae do not share slices. The span reaches from the first
        to the last disc with both slices included. A vertebra that lacks one of its discs is left
        out.
        """
        found = [Region(ALL_SLICES, "all", tuple(range(self.n_slices)))]
        discs = list(self.discs.items())
        if len(discs) > 1:
            (top, first), (bottom, last) = discs[0], discs[-1]
            found.append(Region(f"{top}..{bottom}", "span", _between(last, first, closed=True)))
        for (upper, start), (lower, stop) in pairwise(discs):
            if upper.below == lower.above:
                found.append(Region(upper.below, "vertebra", _between(stop, start, closed=False)))
        found += [Region(str(disc), "disc", (index,)) for disc, index in discs]
        return tuple(found)

    def level_of(self, index: int) -> str:
        """Return the disc or vertebra that a slice belongs to; empty outside the span."""
        by_kind = {"disc": "", "vertebra": ""}
        for region in self.regions():
            if region.kind in by_kind and index in region.slices:
                by_kind[region.kind] = region.name
        return by_kind["disc"] or by_kind["vertebra"]


def _between(low: int, high: int, *, closed: bool) -> tuple[int, ...]:
    """Return the slices from ``low`` towards ``high``, ascending; ``high`` only if closed."""
    step = 1 if high >= low else -1
    return tuple(sorted(range(low, high + (step if closed else 0), step)))
