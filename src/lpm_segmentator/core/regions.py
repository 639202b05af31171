"""Regions of a stack: which slices a number describes, named by the levels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Literal

from lpm_segmentator.core.errors import GeometryError
from lpm_segmentator.core.labels import Disc

__all__ = ["ALL_SLICES", "Region", "RegionKind", "SliceLevels", "single_slice", "whole_stack"]

RegionKind = Literal["all", "span", "vertebra", "disc", "slice"]

#: Name of the region that is the whole stack.
ALL_SLICES = "all"


@dataclass(frozen=True)
class Region:
    """A named set of slices.

    Parameters
    ----------
    name : str
        ``"all"``, a disc (``"L4-L5"``), a vertebra (``"L4"``), or a span (``"L1-L2..L5-S1"``).
    kind : str
        What the name is; ``"slice"`` for the index of a single slice.
    slices : tuple of int
        Indices along the slice axis, ascending.
    """

    name: str
    kind: RegionKind
    slices: tuple[int, ...]

    @property
    def is_slice(self) -> bool:
        """Whether the region is one slice by definition: it has an area, but no volume."""
        return self.kind in ("disc", "slice")


def whole_stack(n_slices: int) -> Region:
    """Return the region of all slices."""
    return Region(ALL_SLICES, "all", tuple(range(n_slices)))


def single_slice(index: int) -> Region:
    """Return the region of one slice, named by its index."""
    return Region(str(index), "slice", (index,))


@dataclass(frozen=True)
class SliceLevels:
    """The slice that shows the middle of each known disc.

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
            raise GeometryError(
                f"disc slices are not in anatomical order ({text})",
                hint="From L1-L2 to L5-S1 the slice numbers must all increase or all decrease",
            )

    def check_stack(self, n_slices: int) -> None:
        """Raise a `GeometryError` if the levels are of a stack of another number of slices."""
        if self.n_slices != n_slices:
            raise GeometryError(
                f"the levels are of a stack of {self.n_slices} slices, the label map has "
                f"{n_slices}",
                hint="Use the levels of the measured image",
            )

    def regions(self) -> tuple[Region, ...]:
        """Return the whole stack, the span, the vertebrae and the discs.

        A vertebra extends from the disc below it (that slice included) to the disc above it (that
        slice excluded), so that vertebrae do not share slices. The span extends from the first
        to the last disc, both slices included. A vertebra that lacks one of its discs is left out.
        """
        regions = [whole_stack(self.n_slices)]
        discs = list(self.discs.items())
        if len(discs) > 1:
            (top, first), (bottom, last) = discs[0], discs[-1]
            regions.append(Region(f"{top}..{bottom}", "span", _between(last, first, closed=True)))
        for (upper, start), (lower, stop) in pairwise(discs):
            if upper.below == lower.above:
                regions.append(Region(upper.below, "vertebra", _between(stop, start, closed=False)))
        regions += [Region(str(disc), "disc", (index,)) for disc, index in discs]
        return tuple(regions)

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
