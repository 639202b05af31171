"""Paths in, a file of levels out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lpm_segmentator.core import (
    Disc,
    FileFormatError,
    Geometry,
    GeometryError,
    InputError,
    LabelError,
    LpmError,
)
from lpm_segmentator.io import case_id, read_image, subject_key, write_json, write_table
from lpm_segmentator.levels import (
    Anchor,
    Levels,
    embedded_level_model,
    find_levels,
    levels_from_slices,
    levels_from_vertebrae,
    load_level_model,
    to_slices,
)
from lpm_segmentator.measure import SliceLevels

__all__ = ["LevelOptions", "find_levels_of", "read_levels", "read_slice_levels", "write_levels"]


@dataclass(frozen=True)
class LevelOptions:
    """Where the levels come from; without any of these, from the image itself.

    Attributes
    ----------
    sagittal : Path, optional
        A sagittal series of the same examination.
    vertebrae : Path, optional
        A label map of vertebrae; `numbering` says whose, if its values do not.
    slices : tuple of int, optional
        First and last slice, by hand.
    anchor : tuple of Disc and int, optional
        A disc and the slice of the image that shows it.
    model : Path, optional
        Another level model than the embedded one.
    """

    sagittal: Path | None = None
    vertebrae: Path | None = None
    numbering: str | None = None
    slices: tuple[int, int] | None = None
    anchor: tuple[Disc, int] | None = None
    model: Path | None = None


def find_levels_of(image: Path, options: LevelOptions) -> dict[str, Any]:
    """Return what ``lpm levels`` writes about an image.

    Raises
    ------
    LpmError
        If a file cannot be read, is no series that shows discs, or lies elsewhere in the world.
    """
    volume = read_image(image).volume
    geometry = volume.geometry
    if options.slices is not None:
        levels = levels_from_slices(geometry, *options.slices)
    elif options.vertebrae is not None:
        levels = _from_vertebrae(options.vertebrae, options.numbering)
        _check_overlap(geometry, read_image(options.vertebrae).volume.geometry, options.vertebrae)
    else:
        source = options.sagittal or image
        seen = volume if options.sagittal is None else read_image(options.sagittal).volume
        _check_overlap(geometry, seen.geometry, source)
        model = load_level_model(options.model) if options.model else embedded_level_model()
        anchor = None if options.anchor is None else Anchor(*options.anchor, geometry)
        try:
            levels = find_levels(seen, model, anchor=anchor)
        except LpmError as error:
            error.where = error.where or str(source)
            raise
    case = case_id(image)
    return _warned(levels, geometry).to_dict(geometry, case=case, image=image.name)


def _warned(levels: Levels, geometry: Geometry) -> Levels:
    inside = to_slices(levels, geometry)
    outside = [str(found.disc) for found in levels.discs if found.disc not in inside]
    if not outside:
        return levels
    note = f"outside the image: {', '.join(outside)}"
    return replace(levels, warnings=(*levels.warnings, note))


def _from_vertebrae(path: Path, numbering: str | None) -> Levels:
    volume = read_image(path).volume
    array = np.rint(volume.array)
    if array.min() < 0 or np.abs(array - volume.array).max() > 1e-3:
        raise LabelError("a map of vertebrae must hold whole numbers, not negative", where=path)
    return levels_from_vertebrae(array.astype(np.int64), volume.geometry, numbering)


def _check_overlap(image: Geometry, other: Geometry, path: Path) -> None:
    """Refuse a series that lies elsewhere: its discs say nothing about the image's slices."""
    mine, theirs = image.corners_mm(), other.corners_mm()
    apart = (mine.max(0) < theirs.min(0)) | (theirs.max(0) < mine.min(0))
    if apart.any():
        raise GeometryError(
            "does not overlap the image in space: it is of another examination, or a header is "
            "wrong",
            where=path,
            hint="Give a series of the same examination, or name the slices with --from-slice "
            "and --to-slice",
        )


def read_levels(path: Path) -> Levels:
    """Read a JSON file of levels, as written or corrected by hand.

    Raises
    ------
    FileFormatError
        If it cannot be read or is no JSON.
    InputError
        If entries are missing.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FileFormatError(f"cannot be read as JSON ({error})", where=path) from error
    return Levels.from_dict(values)


def read_slice_levels(
    path: Path, names: Sequence[str], geometry: Geometry
) -> tuple[SliceLevels, tuple[str, ...]]:
    """Return which slices of an image show the discs of a file of levels, and what lies outside.

    Parameters
    ----------
    path : Path
        The file, or a folder that holds ``<case>_levels.json`` or ``<case>.json``.
    names : sequence of str
        What the case is called; files are matched by whole names.
    geometry : Geometry
        Of the image to be measured.

    Raises
    ------
    InputError
        If the folder has no file of the case, or no disc lies in the image.
    GeometryError
        If discs share a slice or do not follow each other.
    """
    if path.is_dir():
        wanted = {subject_key(name) for name in names}
        fitting = [p for p in sorted(path.glob("*.json")) if subject_key(p.stem) in wanted]
        if len(fitting) != 1:
            raise InputError(
                f"{len(fitting) or 'no'} files of levels belong to the case {names[0]!r}",
                where=path,
                hint="Names are matched whole; name them CASE_levels.json",
            )
        (path,) = fitting
    levels = read_levels(path)
    slices = to_slices(levels, geometry)
    if not slices:
        raise InputError(
            "none of its discs lies in the image",
            where=path,
            hint="Give levels of the same scan; they are matched by place in the world",
        )
    outside = [str(found.disc) for found in levels.discs if found.disc not in slices]
    notes = (f"outside the image: {', '.join(outside)}",) if outside else ()
    try:
        return SliceLevels(slices, geometry.shape[geometry.slice_axis]), notes
    except GeometryError as error:
        error.where = error.where or str(path)
        raise


def write_levels(found: dict[str, Any], path: Path) -> None:
    """Write levels as JSON, or with ``.csv`` as a row of the slice table (both ends kept).

    Raises
    ------
    InputError
        For a CSV, if L1-L2 or L5-S1 is not in the image.
    OutputError
        If the file cannot be written.
    """
    if path.suffix.lower() != ".csv":
        write_json(found, path)
        return
    slices = {disc["name"]: disc["slice"] for disc in found["discs"]}
    first, last = (slices.get(str(disc)) for disc in (Disc.L1_L2, Disc.L5_S1))
    if first is None or last is None:
        raise InputError(
            "a slice table needs both L1-L2 and L5-S1 in the image, and not both were found",
            where=found["image"],
            hint="Write JSON to see what was found, or name the slices by hand",
        )
    row = {"pid": found["case"], "slice_start": min(first, last), "slice_stop": max(first, last)}
    write_table([row], path)
