"""Bring label maps to the grid of their image: without loss where that can be, else on request."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lpm_segmentator.core import (
    Area,
    Finding,
    Geometry,
    GeometryError,
    LabelMap,
    Remedy,
    Severity,
    differ_by_lost_origin,
    has_lost_origin,
    is_moved_in_plane,
    on_lattice,
    resample,
    with_origin_of,
)
from lpm_segmentator.io import HeaderOptions, LabelImage, read_geometry, read_label_map
from lpm_segmentator.study.cases import CaseFiles
from lpm_segmentator.study.options import ReadOptions

__all__ = ["input_note", "label_map_on", "on_grid_of"]


def input_note(message: str) -> Finding:
    """Return a note about an input."""
    return Finding(Area.INPUT, Severity.NOTE, "input", message)


def label_map_on(
    grid: Geometry, path: Path, files: CaseFiles, options: ReadOptions
) -> tuple[LabelMap, list[Finding]]:
    """Read a label map and bring it to the grid of an image; see `on_grid_of`.

    Parameters
    ----------
    grid : Geometry
        Of the image.
    path : Path
        The label map.
    files : CaseFiles
        The case that it belongs to.
    options : ReadOptions

    Raises
    ------
    FileFormatError, LabelError
        As `read_label_map`.
    GeometryError
        As `on_grid_of`, or if label map and image were cropped differently and lost their origin.
    """
    image = read_label_map(
        path, options.label_scheme, ignore=options.ignore, options=options.header
    )
    findings = [input_note(f"{path.name}: {note}") for note in image.notes]
    if options.accept_origin_mismatch:
        _check_crop(files, image.labels, options.header)
    labels, more = on_grid_of(
        image,
        grid,
        accept_origin_mismatch=options.accept_origin_mismatch,
        resampled=options.resample,
    )
    return labels, [*findings, *more]


def on_grid_of(
    image: LabelImage,
    grid: Geometry,
    *,
    accept_origin_mismatch: bool = False,
    resampled: bool = False,
) -> tuple[LabelMap, list[Finding]]:
    """Bring a label map to a grid.

    One whose voxels coincide with the grid's is placed without loss. Others are moved or resampled
    on request only.

    Parameters
    ----------
    image : LabelImage
    grid : Geometry
    accept_origin_mismatch : bool
        Whether a label map that differs by a lost origin alone is moved.
    resampled : bool
        Whether others are resampled by nearest neighbour.

    Returns
    -------
    labels : LabelMap
    findings : list of Finding
        What was done, and what was left out.

    Raises
    ------
    GeometryError
        If the label map lies elsewhere, or it would have to be resampled and that is not requested.
    """
    labels, name = image.labels, image.source.name
    difference = grid.describe_difference(labels.geometry)
    if difference is None:
        return labels, []
    if accept_origin_mismatch and (moved := with_origin_of(labels, grid)) is not labels:
        note = f"{name} or the image had lost its origin; the label map was placed on the image"
        return moved, [input_note(note)]
    is_lost = differ_by_lost_origin(labels.geometry, grid)
    if not is_lost and min(grid.overlap_mm(labels.geometry)) <= 0:
        raise _elsewhere(image, difference)
    # A map cropped within its slices has another shape; so one of the origins may be wrong.
    is_part = resampled or not is_moved_in_plane(labels.geometry, grid)
    if is_part and not is_lost and (placed := on_lattice(labels, grid)) is not None:
        lost = _left_out(image, placed, difference)
        note = f"{name} is stored on another part of the image's grid: {difference}"
        return placed, [input_note(note), *lost]
    if resampled and not is_lost:
        moved = resample(labels, grid, order=0)
        if labels.foreground.any() and not moved.foreground.any():
            raise _elsewhere(image, difference)
        return moved, [input_note(f"{name} was resampled to the image's grid: {difference}")]
    raise _other_grid(image, difference, is_lost=is_lost)


def _other_grid(image: LabelImage, difference: str, *, is_lost: bool) -> GeometryError:
    remedy = Remedy.ACCEPT_ORIGIN_MISMATCH if is_lost else Remedy.RESAMPLE
    hint = (
        "If both come from the same scan and one lost its origin in a conversion"
        if is_lost
        else "If both headers are right, resample the label map"
    )
    return GeometryError(
        f"image and label map lie on different grids: {difference}",
        where=image.source.path,
        hint=f"{hint}: pass {remedy}",
        remedy=remedy,
    )


def _left_out(image: LabelImage, placed: LabelMap, difference: str) -> list[Finding]:
    """State how many labelled voxels lie outside the image; refuse a map that shows none of it."""
    labelled = int(np.count_nonzero(image.labels.foreground))
    left_out = labelled - int(np.count_nonzero(placed.foreground))
    if not left_out:
        return []
    if left_out == labelled:
        raise _elsewhere(image, difference)
    message = (
        f"{left_out} of {labelled} labelled voxels of {image.source.name} lie outside the image "
        "and were left out"
    )
    return [Finding(Area.INPUT, Severity.CHECK, "labels-outside", message)]


def _elsewhere(image: LabelImage, difference: str) -> GeometryError:
    return GeometryError(
        f"the label map shows no place of the image: {difference}",
        where=image.source.path,
        hint="The origin of one is wrong, or they are of two examinations; export the label map "
        "again",
    )


def _check_crop(files: CaseFiles, labels: LabelMap, header: HeaderOptions) -> None:
    """Refuse a label map that was cut from other slices than an image that lost its origin too."""
    if not has_lost_origin(labels.geometry):
        return
    for path in (files.water, files.fat):
        place = None if path is None else read_geometry(path, header)
        if place is None or not has_lost_origin(place):
            continue
        apart = float(np.abs(place.origin_mm - labels.geometry.origin_mm).max())
        if apart > 0.1:  # mm; less results from a rounded spacing
            raise GeometryError(
                f"the label map and {path} have both lost their origin and were cropped "
                f"differently ({apart:.2f} mm apart)",
                where=files.case,
                hint="Crop both again from the whole images with one slice table",
                remedy=Remedy.SLICE_TABLE,
            )
