"""Locate the lumbar discs in an image, with the certainty of their names."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from lpm_segmentator.core import Disc, Geometry, GeometryError, InputError, Remedy, Volume
from lpm_segmentator.levels.chain import (
    SPACING_LIMITS_MM,
    Chain,
    Node,
    Points,
    find_chain,
    offset_probabilities,
)
from lpm_segmentator.levels.model import LevelModel
from lpm_segmentator.levels.planes import is_sagittal, normalise, sagittal_planes
from lpm_segmentator.levels.refine import refine_chain
from lpm_segmentator.levels.types import GUESS, DiscLocation, Levels

__all__ = ["Anchor", "find_levels"]

logger = logging.getLogger(__name__)

_SHORTEST_MM = 60.0
_FEWEST_DISCS = 2
#: least median of the scores of a spine's discs; in the labelled volumes and crops 0.40
_CLEAR = 0.37
#: a disc of a lower score may be its neighbour, whatever the names are; two of the 53 labelled
#: volumes have one such disc, correctly placed
_FAINT = 0.27
#: below this a name is uncertain, and a warning asks for an anchor
SURE = 0.85
#: closer to the edge of the image, the lowest disc may be that above an incomplete L5
_LEAST_BELOW_MM = 18.0
#: a disc within half its height of the edge is cut and resembles another
_CUT_MM = 5.0
#: a disc below L5-S1 of this score, and of this probability of being L5-S1 itself, is a well-formed
#: one: of 335 slices and volumes of two held-out folds 3 % have it without another warning
_FORMED, _ALIKE = 0.45, 0.3
_DISCS = tuple(Disc)
_SACRUM = len(_DISCS) - 1


@dataclass(frozen=True)
class Anchor:
    """What a user states: this disc lies in this slice of this image."""

    disc: Disc
    slice_index: int
    geometry: Geometry


def find_levels(volume: Volume, model: LevelModel, *, anchor: Anchor | None = None) -> Levels:
    """Locate the discs L1-L2 … L5-S1.

    Parameters
    ----------
    volume : Volume
        A sagittal series, or a contiguous axial stack.
    model : LevelModel
    anchor : Anchor, optional
        Settles the count where the image does not.

    Raises
    ------
    GeometryError
        For a coronal image, too short a stack, or an anchor where no disc is.
    InputError
        If no chain of discs is detected.
    """
    _check_geometry(volume.geometry)
    planes = sagittal_planes(volume)
    normal = np.stack([normalise(plane) for plane in planes.array])
    chain = find_chain(model.maps(normal), planes.geometry)
    if len(chain.nodes) < _FEWEST_DISCS or np.median([n.score for n in chain.nodes]) < _CLEAR:
        raise InputError(
            "no lumbar spine detected: fewer than two neighbouring discs were clearly found",
            hint="Give a sagittal series or a contiguous axial stack of the lower back",
        )
    chain, names = refine_chain(chain, planes, model)
    return _named(chain, names, anchor)


def _check_geometry(geometry: Geometry) -> None:
    single = min(geometry.shape) == 1
    if single and not is_sagittal(geometry):
        raise GeometryError(
            "the image has a single slice; discs are found in a sagittal series or a stack",
            hint=f"Give a sagittal series ({Remedy.SAGITTAL}), or state the slices "
            f"({Remedy.PICK_SLICES})",
            remedy=(Remedy.SAGITTAL, Remedy.PICK_SLICES),
        )
    axis = geometry.through_plane_axis
    coronal = geometry.axis_codes[axis] in "AP" and not geometry.is_axial
    if coronal:
        raise GeometryError(
            "the image is coronal; discs are found in sagittal and axial series",
            hint="Give a sagittal series or a contiguous axial stack",
        )
    sizes = {
        code: step * n
        for code, step, n in zip(
            geometry.axis_codes, geometry.spacing_mm, geometry.shape, strict=True
        )
    }
    height = sizes.get("S", sizes.get("I", 0.0))
    if height < _SHORTEST_MM:
        raise GeometryError(
            f"the image covers {height:.0f} mm from head to foot, too little to distinguish discs",
            hint=f"Give a sagittal series ({Remedy.SAGITTAL}), or state the slices "
            f"({Remedy.PICK_SLICES})",
            remedy=(Remedy.SAGITTAL, Remedy.PICK_SLICES),
        )
    if not single and geometry.spacing_mm[axis] > 12.0:
        raise GeometryError(
            f"the slices are {geometry.spacing_mm[axis]:.0f} mm apart, as in a localiser",
            hint="Give the diagnostic series",
        )


def _named(chain: Chain, names: Points, anchor: Anchor | None) -> Levels:
    likely = offset_probabilities(chain, names)
    offset = max(likely, key=lambda key: likely[key])
    sure = likely[offset]
    contrary: list[str] = []
    if anchor is not None:
        contrary = _contradicted(chain, names, anchor, offset, sure)
        offset = _anchored(chain, anchor)
        sure = 1.0
    warnings = [*contrary, *_spacing_warnings(chain, offset)]
    numbered = _numbered(chain, offset)
    if anchor is None:
        sure, more = _judged(numbered, names, sure)
        warnings += more
    if warnings and anchor is None:
        sure = min(sure, GUESS)
    lumbar = [(_DISCS[number], node) for number, node in numbered if 0 <= number <= _SACRUM]
    discs = tuple(_location(disc, node, sure) for disc, node in lumbar)
    faint = [str(disc) for disc, node in lumbar if node.score < _FAINT]
    if faint:
        warnings.append(f"faint in the image: {', '.join(faint)}; check their position")
    missing = [str(d) for i, d in enumerate(_DISCS) if i not in {n for n, _ in numbered}]
    if missing:
        warnings.append(f"not found in the image: {', '.join(missing)}")
    if not discs:
        warnings.append("no lumbar disc is in the image")
    return Levels(discs, tuple(warnings))


def _numbered(chain: Chain, offset: int) -> list[tuple[int, Node]]:
    return [(offset + int(i), node) for i, node in zip(chain.numbers, chain.nodes, strict=True)]


def _contradicted(
    chain: Chain, names: Points, anchor: Anchor, seen: int, likely: float
) -> list[str]:
    """Return a warning if an anchor contradicts a certain count of the discs."""
    sure, _ = _judged(_numbered(chain, seen), names, likely)
    named = _DISCS.index(anchor.disc)
    shown = named + seen - _anchored(chain, anchor)
    if shown == named or sure <= GUESS or _spacing_warnings(chain, seen):
        return []
    there = _DISCS[shown] if 0 <= shown <= _SACRUM else "no disc from L1-L2 to L5-S1"
    return [
        f"the anchor names {anchor.disc} where the image shows {there} with {sure:.0%} certainty: "
        "check its slice, which counts from 0 along the slice axis"
    ]


def _judged(
    numbered: list[tuple[int, Node]], names: Points, sure: float
) -> tuple[float, list[str]]:
    """Return the certainty of the names, and warnings about them."""
    doubt = _doubt(numbered, names, sure)
    if doubt is None:
        return sure, []
    ask = f"to settle it, name the slice of any disc: pass {Remedy.ANCHOR}"
    return min(sure, GUESS), [f"{doubt}: {ask}"]


def _doubt(numbered: list[tuple[int, Node]], names: Points, sure: float) -> str | None:
    """Return why the names may be wrong, or None."""
    lowest = [node for number, node in numbered if number == _SACRUM]
    if not lowest:
        return "the disc above the sacrum is not in view, so that the count is a guess"
    below = [
        (node, likely)
        for (number, node), likely in zip(numbered, names, strict=True)
        if number == _SACRUM + 1
    ]
    if any(node.below_mm < _CUT_MM for node, _ in below):
        return (
            "the edge of the image cuts the disc below the one named L5-S1, which may itself be "
            "L5-S1, so that the count is a guess"
        )
    below_mm = lowest[0].below_mm
    if below_mm < _LEAST_BELOW_MM:
        return (
            f"the image ends {below_mm:.0f} mm below the lowest disc, too close to distinguish the "
            "sacrum from L5, so that the count is a guess"
        )
    if any(node.score >= _FORMED and likely[_SACRUM + 1] >= _ALIKE for node, likely in below):
        return (
            "the disc below the one named L5-S1 is well formed and resembles L5-S1 as well, and "
            "the vertebra between them may be transitional, so that the count is a guess"
        )
    if sure < SURE:
        return (
            f"the count of the vertebrae is uncertain ({sure:.0%}); there may be four or six "
            "lumbar vertebrae or a transitional one"
        )
    return None


def _spacing_warnings(chain: Chain, offset: int) -> list[str]:
    # The positions of remnants of discs within the sacrum vary.
    spacing_mm = chain.spacing_mm[chain.numbers[1:] + offset <= _SACRUM]
    low, high = SPACING_LIMITS_MM
    odd = [f"{mm:.0f}" for mm in spacing_mm if not low <= mm <= high]
    if not odd:
        return []
    return [
        f"neighbouring discs are {', '.join(odd)} mm apart, beyond anatomy ({low:.0f} to "
        f"{high:.0f} mm): a disc may have been missed; check the names"
    ]


def _anchored(chain: Chain, anchor: Anchor) -> int:
    """Return the number of the first disc of the chain, given the disc of the anchor."""
    axis = anchor.geometry.slice_axis
    at = [float(anchor.geometry.world_to_voxel(node.centre_mm)[axis]) for node in chain.nodes]
    distance = np.abs(np.array(at) - anchor.slice_index) * anchor.geometry.slice_spacing_mm
    nearest = int(distance.argmin())
    if distance[nearest] > 15.0:
        raise GeometryError(
            f"no disc was found near slice {anchor.slice_index}; the discs found lie at slices "
            f"{', '.join(f'{v:.0f}' for v in at)}",
            hint="Count slices from 0 along the slice axis of the axial image",
            remedy=Remedy.ANCHOR,
        )
    return _DISCS.index(anchor.disc) - int(chain.numbers[nearest])


def _location(disc: Disc, node: Node, sure: float) -> DiscLocation:
    x, y, z = (float(v) for v in node.centre_mm)
    a, b, c = (float(v) for v in node.normal)
    confidence = sure * min(1.0, node.score / 0.6)
    return DiscLocation(disc, (x, y, z), (a, b, c), confidence)
