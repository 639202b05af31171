"""Files of levels: read as written or corrected, for the right case and place; and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lpm_segmentator.core import (
    Disc,
    Geometry,
    GeometryError,
    InputError,
    LpmError,
    Remedy,
    SliceLevels,
    about,
    differ_by_lost_origin,
)
from lpm_segmentator.io import (
    case_id,
    parse_name,
    read_json,
    subject_key,
    write_json,
    write_table,
)
from lpm_segmentator.levels import Levels, corrected_levels, to_slices

__all__ = [
    "levels_file",
    "read_levels",
    "read_slice_levels",
    "write_levels",
]

#: a conversion that loses the origin may also round the spacing, which adds up over a grid
_SAME_GRID_MM = 1.0
#: a crop begins at a voxel of the whole image
_WHOLE_VOXEL = 0.05


def read_levels(
    path: Path,
    *,
    names: Sequence[str] | None = None,
    image: Path | None = None,
    geometry: Geometry | None = None,
) -> Levels:
    """Read a JSON file of levels, as written or corrected manually.

    A corrected slice counts in the image that the file was written for, whose grid it holds, and
    moves the disc in the world; so the file serves other images of the same examination too, and
    crops of the image.

    Parameters
    ----------
    path : Path
    names : sequence of str, optional
        What the case to be labelled is called; a file of another subject is refused. Without it,
        whose the file is does not count.
    image, geometry : Path and Geometry, optional
        The image to be labelled: the grid of a file that holds none but names this image. A grid
        that the file holds is compared with `geometry` where `names` are given.

    Raises
    ------
    FileFormatError
        If it cannot be read or is not JSON.
    InputError
        If entries are missing or make no sense, or the file is of another subject.
    GeometryError
        If a corrected slice lies outside the image that the file is about, or that was another
        image of this name, or one without its origin.
    """
    values = read_json(path)
    with about(path):
        if not isinstance(values, Mapping):
            return Levels.from_dict(values)  # raises, saying what is missing
        if names is not None:
            _check_subject(values, names)
        grid = _grid(values)
        if grid is None and image is not None and values.get("image") == image.name:
            grid = geometry
        elif grid is not None and names is not None and geometry is not None:
            _check_grid(values, grid, names, geometry)
        return Levels.from_dict(values) if grid is None else corrected_levels(values, grid)


def _check_subject(values: Mapping[str, Any], names: Sequence[str]) -> None:
    """Refuse levels of another subject, as far as names tell."""
    theirs = parse_name(str(values.get("case") or "")).subject
    mine = [parse_name(name).subject for name in names]
    if theirs and all(mine) and theirs not in mine:
        raise InputError(
            f"holds the levels of {values['case']!r}, not of {names[0]!r}",
            hint="Give the file of this case, or a folder with one file a case. If both are of one "
            f"examination, pass {Remedy.ACCEPT_FRAME_MISMATCH}",
            remedy=Remedy.ACCEPT_FRAME_MISMATCH,
        )


def _check_grid(
    values: Mapping[str, Any], grid: Geometry, names: Sequence[str], here: Geometry
) -> None:
    """Refuse the levels of another image of the same name, or of one that lost its origin.

    Each subject's folder may hold an image of that name, and without an origin a disc may lie in
    the image by chance, in a wrong slice. A crop of the image is the same image.
    """
    difference = here.describe_difference(grid, atol=_SAME_GRID_MM)
    if difference is None:
        return
    named = case_id(Path(str(values.get("image") or ""))) in names
    if (named and not _is_part(here, grid)) or differ_by_lost_origin(here, grid):
        raise GeometryError(
            f"was written for an image {values.get('image')} on another grid: {difference}",
            hint="Find the levels of this image again, on one that has its origin. To use the "
            f"discs where they lie in the world, pass {Remedy.ACCEPT_FRAME_MISMATCH}",
            remedy=Remedy.ACCEPT_FRAME_MISMATCH,
        )


def _is_part(crop: Geometry, whole: Geometry) -> bool:
    """Return whether a grid is cut out of another along its voxels."""
    if not np.allclose(crop.affine[:3, :3], whole.affine[:3, :3], rtol=0, atol=1e-4):
        return False
    start = whole.world_to_voxel(crop.origin_mm)
    inside = (start > -0.5) & (start + crop.shape < np.array(whole.shape) + 0.5)
    return bool(inside.all() and np.abs(start - np.rint(start)).max() <= _WHOLE_VOXEL)


def _grid(values: Mapping[str, Any]) -> Geometry | None:
    """Return the grid that the slices of a file count in; None where it holds none."""
    found = values.get("grid")
    if found is None:
        return None
    try:
        i, j, k = (int(n) for n in found["shape"])
        return Geometry((i, j, k), np.asarray(found["affine"], dtype=np.float64))
    except (KeyError, TypeError, ValueError, OverflowError, LpmError) as error:
        raise InputError(
            f"its grid is no shape and affine ({error!r})",
            hint="Leave the entry 'grid' as 'lpm levels' wrote it",
        ) from error


def _check_inside(levels: Levels, geometry: Geometry, path: Path) -> None:
    """Refuse levels of which none lies in an image, though there are discs."""
    if levels.discs and not to_slices(levels, geometry):
        raise InputError(
            "none of its discs lies in the image",
            where=path,
            hint="Levels are matched by place in the world: give those of the same examination, "
            "found on an image that has not lost its origin",
        )


def levels_file(path: Path, names: Sequence[str]) -> Path:
    """Return the file of levels of a case.

    Parameters
    ----------
    path : Path
        The file, or a folder that holds ``CASE_levels.json`` or ``CASE.json``, or
        ``CASE_levels.json`` in a folder of its own, as a run leaves it.
    names : sequence of str
        What the case is called; files are matched by whole names.

    Raises
    ------
    InputError
        If the folder has no file of the case, or several.
    """
    if not path.is_dir():
        return path
    wanted = {subject_key(name) for name in names}
    for pattern in ("*.json", "*/*_levels.json"):
        fitting = [p for p in sorted(path.glob(pattern)) if subject_key(p.stem) in wanted]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            break
    raise InputError(
        f"{len(fitting) or 'no'} files of levels belong to the case {names[0]!r}",
        where=path,
        hint="Names are matched whole; name the files CASE_levels.json, as 'lpm levels' and "
        "'lpm run' do",
    )


def read_slice_levels(
    path: Path, names: Sequence[str], geometry: Geometry, *, accept_mismatch: bool = False
) -> tuple[SliceLevels, tuple[str, ...]]:
    """Return which slices of an image show the discs of a file of levels, and what lies outside.

    Parameters
    ----------
    path : Path
    names : sequence of str
        As for `levels_file`.
    geometry : Geometry
        Of the image to be measured.
    accept_mismatch : bool
        Whether a file that was written for another subject is used where it lies.

    Raises
    ------
    InputError
        If the folder has no file of the case, the file is of another subject, or no disc lies in
        the image.
    GeometryError
        If discs share a slice or do not follow each other.
    """
    path = levels_file(path, names)
    levels = read_levels(path, names=None if accept_mismatch else names, geometry=geometry)
    _check_inside(levels, geometry, path)
    slices = to_slices(levels, geometry)
    outside = [str(found.disc) for found in levels.discs if found.disc not in slices]
    notes = (f"outside the image: {', '.join(outside)}",) if outside else ()
    with about(path):
        return SliceLevels(slices, geometry.shape[geometry.slice_axis]), notes


def write_levels(found: dict[str, Any], path: Path) -> None:
    """Write levels as JSON, or with ``.csv`` as a row of the slice table (both ends kept).

    Raises
    ------
    InputError
        For a CSV, if L1-L2 or L5-S1 is not in the image; for another suffix than these two.
    OutputError
        If the file cannot be written.
    """
    if path.suffix.lower() not in (".json", ".csv"):
        raise InputError(
            "levels are written as .json or .csv",
            where=path,
            hint="Name such a file",
            remedy=Remedy.OUTPUT,
        )
    if path.suffix.lower() == ".json":
        write_json(found, path)
        return
    slices = {disc["name"]: disc["slice"] for disc in found["discs"]}
    first, last = (slices.get(str(disc)) for disc in (Disc.L1_L2, Disc.L5_S1))
    if first is None or last is None:
        raise InputError(
            "a slice table needs both L1-L2 and L5-S1 in the image, and not both were found",
            where=found["image"],
            hint="Write JSON to see which discs were found",
        )
    row = {"pid": found["case"], "slice_start": min(first, last), "slice_stop": max(first, last)}
    write_table([row], path)
