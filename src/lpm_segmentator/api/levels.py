"""Paths in, levels of an image out: found, named by hand, or taken from another tool."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lpm_segmentator.api.levels_file import FRAME_FLAG, check_inside, levels_file, read_levels
from lpm_segmentator.api.sagittal import overlap
from lpm_segmentator.core import (
    Disc,
    Geometry,
    GeometryError,
    InputError,
    LabelError,
    Volume,
    about,
)
from lpm_segmentator.io import case_id, read_image, read_sidecar
from lpm_segmentator.levels import (
    Anchor,
    Levels,
    discs_apart_mm,
    embedded_level_model,
    find_levels,
    levels_from_slices,
    levels_from_vertebrae,
    load_level_model,
    to_slices,
)

__all__ = [
    "APART_MM",
    "ImageLevels",
    "LevelOptions",
    "find_levels_of",
    "image_levels",
]

#: what a sidecar says about the space that an image lies in, the most telling first
_FRAMES = ("FrameOfReferenceUID", "StudyInstanceUID")
#: the discs of stack and series of one examination lie closer; measured in docs/levels.md
APART_MM = 6.0


@dataclass(frozen=True)
class LevelOptions:
    """Where the levels come from; without any of these, from the image itself.

    Attributes
    ----------
    sagittal : Path, optional
        A sagittal series of the same examination.
    vertebrae : Path, optional
        A label map of vertebrae.
    numbering : str, optional
        Whose numbers `vertebrae` holds, if its values do not tell.
    slices : tuple of int, optional
        First and last slice, by hand.
    written : Path, optional
        A file of levels, as ``lpm levels`` writes it, corrected or not; or a folder that holds
        ``CASE_levels.json``, in itself or in a folder named like the case.
    anchor : tuple of Disc and int, optional
        A disc and the slice of the image that shows it.
    model : Path, optional
        Another level model than the embedded one.
    accept_frame_mismatch : bool
        Whether a series of another frame of reference, or a file of levels that was written for
        another person, is taken as it lies.
    """

    sagittal: Path | None = None
    vertebrae: Path | None = None
    numbering: str | None = None
    slices: tuple[int, int] | None = None
    written: Path | None = None
    anchor: tuple[Disc, int] | None = None
    model: Path | None = None
    accept_frame_mismatch: bool = False

    @property
    def by_hand(self) -> bool:
        """Whether a person or another tool has named the discs, so that the names are no guess."""
        named = (self.vertebrae, self.slices, self.written, self.anchor)
        return any(source is not None for source in named)

    def of_case(self, case: str) -> LevelOptions:
        """Return the options with the case's own file of levels, where a folder holds them.

        Raises
        ------
        InputError
            As `levels_file`.
        """
        if self.written is None:
            return self
        return replace(self, written=levels_file(self.written, [case]))

    @property
    def paths(self) -> dict[str, Path]:
        """The files and folders that decide the levels, by role."""
        roles = {
            "sagittal": self.sagittal,
            "vertebrae": self.vertebrae,
            "levels": self.written,
            "level model": self.model,
        }
        return {role: path for role, path in roles.items() if path is not None}

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as they are recorded."""
        anchor = None if self.anchor is None else f"{self.anchor[0]}={self.anchor[1]}"
        return {
            **{role: str(path) for role, path in self.paths.items()},
            "numbering": self.numbering,
            "slices": None if self.slices is None else list(self.slices),
            "anchor": anchor,
            "accept_frame_mismatch": self.accept_frame_mismatch,
        }


@dataclass(frozen=True, eq=False)
class ImageLevels:
    """The levels of an image, and what they can be shown on.

    Attributes
    ----------
    levels : Levels
    source : Path
        The file that they come from.
    shown_on : Volume
        A sagittal series, or the image itself.
    """

    levels: Levels
    source: Path
    shown_on: Volume


def find_levels_of(image: Path, options: LevelOptions) -> dict[str, Any]:
    """Return what ``lpm levels`` writes about an image.

    Raises
    ------
    LpmError
        If a file cannot be read, is no series that shows discs, or lies elsewhere in the world.
    """
    volume = read_image(image).volume
    found = image_levels(volume, image, options)
    return found.levels.to_dict(volume.geometry, case=case_id(image), image=image.name)


def image_levels(volume: Volume, image: Path, options: LevelOptions) -> ImageLevels:
    """Return the levels of an image from where the options say.

    Parameters
    ----------
    volume : Volume
        The image, read.
    image : Path
        Its file.
    options : LevelOptions
        `LevelOptions.written`, if any, is a file.

    Raises
    ------
    LpmError
        As `find_levels_of`.
    """
    geometry = volume.geometry
    seen = volume
    if options.sagittal is not None:
        seen = read_image(options.sagittal).volume
        _check_place(image, geometry, options.sagittal, seen.geometry, options=options)
    if options.slices is not None:
        with about(image):
            found = ImageLevels(levels_from_slices(geometry, *options.slices), image, seen)
    elif options.written is not None:
        levels = _written(options.written, image, geometry, options)
        found = ImageLevels(levels, options.written, seen)
    elif options.vertebrae is not None:
        levels, place = _from_vertebrae(options.vertebrae, options.numbering)
        _check_place(image, geometry, options.vertebrae, place, options=options)
        found = ImageLevels(levels, options.vertebrae, seen)
    else:
        source = options.sagittal or image
        found = ImageLevels(_seen(seen, source, geometry, options), source, seen)
        if options.sagittal is not None:
            _check_discs(volume, image, found, options)
    return replace(found, levels=_warned(found.levels, geometry))


def _written(path: Path, image: Path, geometry: Geometry, options: LevelOptions) -> Levels:
    names = None if options.accept_frame_mismatch else [case_id(image)]
    levels = read_levels(path, names=names, image=image, geometry=geometry)
    check_inside(levels, geometry, path)
    return levels


def _seen(seen: Volume, source: Path, image: Geometry, options: LevelOptions) -> Levels:
    model = load_level_model(options.model) if options.model else embedded_level_model()
    anchor = None if options.anchor is None else Anchor(*options.anchor, image)
    with about(source):
        return find_levels(seen, model, anchor=anchor)


def _check_discs(volume: Volume, image: Path, found: ImageLevels, options: LevelOptions) -> None:
    """Refuse a sagittal series whose discs are not where the stack itself shows them.

    Nothing is said where sidecars tell that both lie in one space, or the stack shows no discs.
    """
    mine, theirs = read_sidecar(image), read_sidecar(found.source)
    told = any(mine.get(key) and mine.get(key) == theirs.get(key) for key in _FRAMES)
    if told or options.accept_frame_mismatch:
        return
    try:
        own = _seen(volume, image, volume.geometry, options)
    except InputError:
        return
    apart_mm = discs_apart_mm(own, found.levels)
    if apart_mm > APART_MM:
        raise GeometryError(
            f"its discs lie {apart_mm:.0f} mm beside those that {image.name} shows: it is of "
            "another examination, or one of the two was moved",
            where=found.source,
            hint="Give a series of the same examination, or leave it out and let the stack speak "
            f"for itself; {FRAME_FLAG} takes it as it lies",
        )


def _warned(levels: Levels, geometry: Geometry) -> Levels:
    inside = to_slices(levels, geometry)
    outside = [str(found.disc) for found in levels.discs if found.disc not in inside]
    kept = tuple(w for w in levels.warnings if not w.startswith(_OUTSIDE))
    if outside:
        kept += (_OUTSIDE + ", ".join(outside),)
    return replace(levels, warnings=kept)


_OUTSIDE = "outside the image: "


def _from_vertebrae(path: Path, numbering: str | None) -> tuple[Levels, Geometry]:
    volume = read_image(path).volume
    array = np.rint(volume.array)
    if array.min() < 0 or np.abs(array - volume.array).max() > 1e-3:
        raise LabelError("a map of vertebrae must hold whole numbers, not negative", where=path)
    with about(path):
        levels = levels_from_vertebrae(array.astype(np.int64), volume.geometry, numbering)
    return levels, volume.geometry


def _check_place(
    image: Path, geometry: Geometry, path: Path, place: Geometry, *, options: LevelOptions
) -> None:
    """Refuse a series that lies elsewhere: its discs say nothing about the image's slices."""
    if options.accept_frame_mismatch:
        return
    mine, theirs = read_sidecar(image), read_sidecar(path)
    told = next((key for key in _FRAMES if mine.get(key) and theirs.get(key)), None)
    if told is not None and mine[told] != theirs[told]:
        raise GeometryError(
            f"is of another examination than {image.name}: {told} differs in the files beside them",
            where=path,
            hint=f"Give a series of the same examination, or add {FRAME_FLAG} if both lie in one "
            "space all the same",
        )
    if min(overlap(geometry, place)) <= 0:
        raise GeometryError(
            f"does not overlap {image.name} in space: it is of another examination, or a header is "
            "wrong",
            where=path,
            hint="Give a series of the same examination, or name the slices with --from-slice "
            f"and --to-slice; {FRAME_FLAG} takes it as it lies",
        )
