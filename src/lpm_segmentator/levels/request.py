"""Locate the levels of an axial image: in a sagittal series, in the image itself, or as stated.

The levels choose the slices from L1-L2 to L5-S1 and name them, but only where they are certain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from lpm_segmentator.core import (
    Area,
    Disc,
    Finding,
    Geometry,
    GeometryError,
    InputError,
    Remedy,
    Severity,
    SliceLevels,
    Source,
    Volume,
    about,
)
from lpm_segmentator.levels.consistency import discs_apart_mm
from lpm_segmentator.levels.locate import Anchor, find_levels
from lpm_segmentator.levels.manual import levels_from_anchors
from lpm_segmentator.levels.model import LevelModel, embedded_level_model
from lpm_segmentator.levels.types import Levels, slice_range, to_slices

__all__ = [
    "APART_MM",
    "GivenLevels",
    "LevelRequest",
    "Located",
    "Series",
    "locate_levels",
    "stated_discs",
]

#: discs of stack and series of one examination are closer; measured in docs/levels.md
APART_MM = 6.0
_OUTSIDE = "outside the image: "


@dataclass(frozen=True, eq=False)
class Series:
    """A series that shows the discs, and its source."""

    volume: Volume
    source: Source


@dataclass(frozen=True, eq=False)
class GivenLevels:
    """Levels that a user, a table or another tool states.

    Attributes
    ----------
    levels : Levels
    source : Source
        The file that states them.
    place : Geometry, optional
        Grid of the image that they were determined on, which must overlap the image.
    """

    levels: Levels
    source: Source
    place: Geometry | None = None


@dataclass(frozen=True, eq=False)
class LevelRequest:
    """Where the levels of an image come from; by default from the image itself.

    Attributes
    ----------
    given : GivenLevels, optional
        Known levels; nothing is searched then.
    sagittal : Series, optional
        A sagittal series of the same examination, which takes precedence over the image.
    sagittal_required : bool
        Whether the user named that series: then an error in it ends the case.
    anchors : tuple of tuple of Disc and int
        Discs and the slices of the image that show them. One settles the count of the discs that
        are found; two or more are the levels, and nothing is searched.
    model : LevelModel, optional
        Another model than the embedded one.
    accept_frame_mismatch : bool
        Whether a series of another frame of reference is used where it lies.
    """

    given: GivenLevels | None = None
    sagittal: Series | None = None
    sagittal_required: bool = False
    anchors: tuple[tuple[Disc, int], ...] = ()
    model: LevelModel | None = None
    accept_frame_mismatch: bool = False

    @property
    def is_stated(self) -> bool:
        """Whether a user, a table or another tool names the discs."""
        return self.given is not None or bool(self.anchors)


@dataclass(frozen=True, eq=False)
class Located:
    """The levels of an image, and the slices that they select and name.

    Attributes
    ----------
    levels : Levels
        Empty where no disc was found.
    source : Source
        The file that they come from.
    shown_on : Volume
        A sagittal series, or the image itself.
    slices : tuple of int or None
        Half-open range from L1-L2 to L5-S1 along the image's slice axis; None where it is not
        known for certain.
    slice_levels : SliceLevels or None
        Which slice shows which disc; None where the names are a guess.
    findings : tuple of Finding
    """

    levels: Levels
    source: Source
    shown_on: Volume
    slices: tuple[int, int] | None
    slice_levels: SliceLevels | None
    findings: tuple[Finding, ...]


def locate_levels(
    image: Volume, source: Source, request: LevelRequest, *, choose_slices: bool = True
) -> Located:
    """Locate the discs L1-L2 … L5-S1 and map them to the slices of an image.

    An error in what the user stated is raised. If the discs are searched and not found, the result
    is empty and gives the reason.

    Parameters
    ----------
    image : Volume
        In any orientation.
    source : Source
        Of the image.
    request : LevelRequest
    choose_slices : bool
        Whether the levels choose the slices; otherwise they name them only.

    Raises
    ------
    GeometryError
        If what was stated lies elsewhere than the image or its discs do not follow each other.
    InputError
        If no disc of a stated source lies in the image, or the discs were to be found in a series
        that the user named and are not.
    """

    def apply(seen: _Seen, *, trusted: bool) -> Located:
        return _apply(seen, image.geometry, trusted=trusted, choose=choose_slices)

    if len(request.anchors) > 1:
        return apply(_anchored(image, source, request), trusted=True)
    if request.given is not None:
        return apply(_given(image, source, request, request.given), trusted=True)
    findings: tuple[Finding, ...] = ()
    if request.sagittal is not None:
        try:
            seen = _in_series(image, source, request, request.sagittal)
            return apply(seen, trusted=request.is_stated)
        except InputError as error:
            if request.sagittal_required or request.is_stated:
                raise
            message = f"the sagittal series was not used: {error}"
            findings = (Finding(Area.LEVELS, Severity.CHECK, "sagittal-not-used", message),)
    try:
        levels = _search(image, source, image.geometry, request)
        located = apply(_Seen(levels, source, image), trusted=request.is_stated)
    except InputError as error:
        if Remedy.ANCHOR in error.remedies:  # discs were found, but none where the user says
            raise
        if request.anchors:  # the slice that the user named is all that is known
            located = apply(_anchored(image, source, request), trusted=True)
            findings = (*findings, _not_found(str(error)))
        else:
            measured = "; all slices were measured" if choose_slices else ""
            note = _not_found(f"no levels are known: {str(error).rstrip('.')}{measured}")
            empty = Levels((), (note.message,))
            located = Located(empty, source, image, None, None, (note,))
    return replace(located, findings=(*findings, *located.findings))


def stated_discs(
    images: Sequence[tuple[Volume, Source]], request: LevelRequest
) -> tuple[Levels, Source, Volume]:
    """Return the discs of an examination in several stacks: from what states or shows them all.

    Parameters
    ----------
    images : sequence of tuple of Volume and Source
        The stacks.
    request : LevelRequest
        With levels that are given, or a sagittal series: a short stack does not show the discs.

    Returns
    -------
    levels : Levels
    source : Source
        What they come from.
    shown_on : Volume
        The series, or the first stack.

    Raises
    ------
    InputError
        If neither is there, it is of another examination, or no disc is found.
    """
    if request.anchors:
        raise InputError(
            "discs and slices were stated, and the examination has several stacks",
            hint="Give a sagittal series or a file of levels",
            remedy=(Remedy.SAGITTAL, Remedy.LEVELS),
        )
    if request.given is None and request.sagittal is None:
        raise InputError(
            "several short stacks do not show the discs",
            hint="Give a sagittal series of the same examination",
            remedy=Remedy.SAGITTAL,
        )
    errors: list[InputError] = []
    for image, source in images:  # one that overlaps is enough
        try:
            if request.given is not None:
                seen = _given(image, source, request, request.given)
                return seen.levels, seen.source, seen.shown_on
            series = cast("Series", request.sagittal)
            _check_place(image, source, series.source, series.volume.geometry, request)
        except InputError as error:
            errors.append(error)
        else:  # the search takes long and would fail alike for the other stacks
            seen = _in_series(image, source, request, series)
            return seen.levels, seen.source, seen.shown_on
    raise errors[0]


def _not_found(message: str) -> Finding:
    return Finding(Area.LEVELS, Severity.NOTE, "levels-not-found", message)


@dataclass(frozen=True, eq=False)
class _Seen:
    """Levels, and the image that shows them."""

    levels: Levels
    source: Source
    shown_on: Volume


def _anchored(image: Volume, source: Source, request: LevelRequest) -> _Seen:
    shown_on = image if request.sagittal is None else request.sagittal.volume
    return _Seen(levels_from_anchors(image.geometry, request.anchors), source, shown_on)


def _given(image: Volume, source: Source, request: LevelRequest, given: GivenLevels) -> _Seen:
    if given.place is not None:
        _check_place(image, source, given.source, given.place, request)
    levels = given.levels
    if given.place is None and levels.discs and not to_slices(levels, image.geometry):
        raise InputError(
            "none of its discs lies in the image",
            where=given.source.path,
            hint="Levels are matched by place in the world: give those of the same examination, "
            "found on an image that has not lost its origin",
        )
    shown_on = image if request.sagittal is None else request.sagittal.volume
    return _Seen(levels, given.source, shown_on)


def _in_series(image: Volume, source: Source, request: LevelRequest, series: Series) -> _Seen:
    """Find the discs in a sagittal series that is of the image's examination."""
    _check_place(image, source, series.source, series.volume.geometry, request)
    levels = _search(series.volume, series.source, image.geometry, request)
    _check_discs(image, source, series.source, levels, request)
    return _Seen(levels, series.source, series.volume)


def _search(volume: Volume, source: Source, image: Geometry, request: LevelRequest) -> Levels:
    anchor = Anchor(*request.anchors[0], image) if request.anchors else None
    with about(source.name if source.path is None else source.path):
        return find_levels(volume, request.model or embedded_level_model(), anchor=anchor)


def _check_discs(
    image: Volume, source: Source, other: Source, levels: Levels, request: LevelRequest
) -> None:
    """Refuse a sagittal series whose discs are not where the stack itself shows them.

    Nothing is checked if both are known to share a frame of reference, or the stack shows no discs.
    """
    if request.accept_frame_mismatch or _same_space(source, other):
        return
    try:
        own = _search(image, source, image.geometry, request)
    except InputError:
        return
    apart_mm = discs_apart_mm(own, levels)
    if apart_mm > APART_MM:
        raise GeometryError(
            f"its discs lie {apart_mm:.0f} mm from those that {source.name} shows: it is of "
            "another examination, or one of the two was moved",
            where=other.path,
            hint="Give a series of the same examination, or omit it so that the stack itself is "
            f"searched; to use it where it lies, pass {Remedy.ACCEPT_FRAME_MISMATCH}",
            remedy=Remedy.ACCEPT_FRAME_MISMATCH,
        )


def _same_space(one: Source, other: Source) -> bool:
    """Return whether identifiers state that two images share a frame of reference."""
    mine, theirs = one.uids, other.uids
    frame = mine.frame_of_reference and mine.frame_of_reference == theirs.frame_of_reference
    return bool(frame or (mine.study and mine.study == theirs.study))


def _check_place(
    image: Volume, source: Source, other: Source, place: Geometry, request: LevelRequest
) -> None:
    """Refuse a series at another place: its discs do not apply to the slices of the image."""
    if request.accept_frame_mismatch:
        return
    pairs = {
        "frame of reference": (source.uids.frame_of_reference, other.uids.frame_of_reference),
        "study": (source.uids.study, other.uids.study),
    }
    stated = next(((name, ids) for name, ids in pairs.items() if all(ids)), None)
    if stated is not None and stated[1][0] != stated[1][1]:
        raise GeometryError(
            f"is of another examination than {source.name}: the identifiers of the {stated[0]} "
            "differ",
            where=other.path,
            hint="Give a series of the same examination. If both lie in one space nevertheless, "
            f"pass {Remedy.ACCEPT_FRAME_MISMATCH}",
            remedy=Remedy.ACCEPT_FRAME_MISMATCH,
        )
    if min(image.geometry.overlap_mm(place)) <= 0:
        raise GeometryError(
            f"does not overlap {source.name} in space: it is of another examination, or a header "
            "is wrong",
            where=other.path,
            hint="Give a series of the same examination, or state the slices yourself "
            f"({Remedy.PICK_SLICES}); to use it where it lies, pass "
            f"{Remedy.ACCEPT_FRAME_MISMATCH}",
            remedy=(Remedy.PICK_SLICES, Remedy.ACCEPT_FRAME_MISMATCH),
        )


def _apply(seen: _Seen, geometry: Geometry, *, trusted: bool, choose: bool) -> Located:
    """Map levels to the slices of an image, as far as their names are certain."""
    inside = to_slices(seen.levels, geometry)
    levels = _with_outside(seen.levels, inside)
    findings = [_check("levels", text) for text in levels.warnings]
    if not (trusted or levels.named_surely):
        measured = "all slices were measured and none was named" if choose else "none was named"
        message = f"the levels are uncertain, so that {measured}"
        findings.insert(0, replace(_check("levels-uncertain", message), remedy=Remedy.ANCHOR))
        return Located(levels, seen.source, seen.shown_on, None, None, tuple(findings))
    with about(seen.source.name if seen.source.path is None else seen.source.path):
        named = SliceLevels(inside, geometry.shape[geometry.slice_axis]) if inside else None
    if not choose:
        return Located(levels, seen.source, seen.shown_on, None, named, tuple(findings))
    slices = slice_range(levels, geometry)
    if slices is None:
        findings.append(_check("all-slices", f"{_why_no_range(levels)}: all slices were measured"))
    else:
        message = f"slices {slices[0]} to {slices[1] - 1} were chosen by the discs in "
        findings.append(
            Finding(Area.LEVELS, Severity.NOTE, "slices-chosen", message + seen.source.name)
        )
    return Located(levels, seen.source, seen.shown_on, slices, named, tuple(findings))


def _with_outside(levels: Levels, inside: dict[Disc, int]) -> Levels:
    """Return the levels with a warning that lists the discs outside the image."""
    outside = [str(location.disc) for location in levels.discs if location.disc not in inside]
    kept = tuple(w for w in levels.warnings if not w.startswith(_OUTSIDE))
    return replace(levels, warnings=(*kept, _OUTSIDE + ", ".join(outside)) if outside else kept)


def _why_no_range(levels: Levels) -> str:
    if all(levels.find(disc) for disc in (Disc.L1_L2, Disc.L5_S1)):
        return "the image lies outside L1-L2 to L5-S1"
    return "L1-L2 and L5-S1 are not both known"


def _check(code: str, message: str) -> Finding:
    return Finding(Area.LEVELS, Severity.CHECK, code, message)
