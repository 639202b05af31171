"""Pictures of masks on images: outlines on slices, seen from the feet, the patient's right left."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core import (
    AXIAL_FRAME,
    LabelMap,
    Muscle,
    Volume,
    axial_slices,
    bounding_box,
    reorient,
)
from lpm_segmentator.report.canvas import SEPARATOR, Canvas, Outline, Tile, in_pixels, text_width
from lpm_segmentator.report.colours import OKABE_ITO

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PIL.Image import Image

__all__ = [
    "MUSCLE_COLOURS",
    "Layout",
    "SliceNotes",
    "choose_slices",
    "overlay_montage",
]

#: one colour a muscle; R and L mark the sides
MUSCLE_COLOURS = {
    Muscle.ERECTOR_SPINAE: OKABE_ITO["sky"],
    Muscle.MULTIFIDUS: OKABE_ITO["orange"],
}
_REFERENCE_COLOUR = "#FFFFFF"

_MARGIN_MM = 20.0
#: in front of the muscles, so that the whole vertebra is in view
_FRONT_MARGIN_MM = 60.0
_TILE_INCHES = 2.6
#: A tile is at most this many times as tall as wide.
_TALLEST_TILE = 2.0
_MOST_COLUMNS = 4
_BAR_MM = 50.0
_FLAG_COLOUR = "#FFB000"
#: in points: letters, lines with and without their dark border
_LETTERS, _SIDE_LETTERS, _BAR_LETTERS = 8.0, 9.0, 7.0
_OUTLINE, _HALO, _REFERENCE_LINE, _FRAME, _BAR = 1.1, 1.6, 0.8, 1.5, 2.0
#: in points: height of a title and of a line of the legend, what separates tiles
_TITLE, _LEGEND_LINE, _GAP = 16.0, 13.0, 4.0
#: in points: length and height of the line beside a name in the legend, and space behind both
_HANDLE, _HANDLE_HEIGHT, _HANDLE_GAP, _ENTRY_GAP = 12.0, 1.6, 6.0, 12.0


@dataclass(frozen=True)
class SliceNotes:
    """What is written above slices, by index along the slice axis of the image.

    Attributes
    ----------
    names : mapping of int to str
        Such as the disc that a slice shows.
    scores : mapping of int to float
    flagged : tuple of int
        Slices to review: they are framed, and all of them are shown.
    """

    names: Mapping[int, str] = field(default_factory=dict)
    scores: Mapping[int, float] = field(default_factory=dict)
    flagged: tuple[int, ...] = ()

    def title(self, number: int) -> str:
        """Return the title of a slice."""
        score = self.scores.get(number)
        shown = "" if score is None else f"score {score:.2f}"
        parts = (f"slice {number}", self.names.get(number, ""), shown)
        return SEPARATOR.join(part for part in parts if part)


@dataclass(frozen=True)
class Layout:
    """How many slices are shown, and how large.

    Attributes
    ----------
    count : int or None
        Number of slices besides the flagged ones; None for all that show a muscle.
    columns : int
        Largest number of slices side by side.
    tile_inches : float
        Width of a slice.
    dpi : float
        Pixels per inch.
    """

    count: int | None = 8
    columns: int = _MOST_COLUMNS
    tile_inches: float = _TILE_INCHES
    dpi: float = 130


def choose_slices(labelled: npt.NDArray[np.bool_], count: int) -> list[int]:
    """Return up to `count` slices, evenly spread over those that contain a label.

    Parameters
    ----------
    labelled : ndarray of bool, shape (s,)
        Whether a slice contains a label. If none does, all slices count.
    count : int

    Returns
    -------
    list of int
        In ascending order.
    """
    candidates = np.flatnonzero(labelled)
    if candidates.size == 0:
        candidates = np.arange(len(labelled))
    picks = np.linspace(0, candidates.size - 1, min(count, candidates.size))
    return [int(candidates[round(p)]) for p in picks]


def overlay_montage(
    image: Volume,
    labels: LabelMap,
    *,
    reference: LabelMap | None = None,
    notes: SliceNotes | None = None,
    layout: Layout | None = None,
) -> Image:
    """Draw the outlines of the muscles on slices spread over the stack, head first.

    Parameters
    ----------
    image : Volume
    labels : LabelMap
        On the grid of the image, in any orientation.
    reference : LabelMap, optional
        Drawn as dotted white outlines.
    notes : SliceNotes, optional
        What is written above the slices.
    layout : Layout, optional

    Returns
    -------
    PIL.Image.Image
    """
    notes, layout = notes or SliceNotes(), layout or Layout()
    planes, masks = axial_slices(image), axial_slices(labels)
    reference_masks = None if reference is None else axial_slices(reference)
    numbers = _slice_numbers(image)
    labelled = np.asarray((masks > 0).any(axis=(1, 2)))
    flagged = [numbers.index(n) for n in notes.flagged if n in numbers]
    chosen = choose_slices(labelled, len(labelled) if layout.count is None else layout.count)
    picks = sorted({*chosen, *flagged}, reverse=True)
    column_mm, row_mm, _ = reorient(image, AXIAL_FRAME).spacing_mm
    box = _box(masks, (row_mm, column_mm))
    shape = masks[0][box].shape
    aspect = shape[0] * row_mm / (shape[1] * column_mm)
    entries = _legend_entries(labels, has_reference=reference is not None)
    canvas, tiles = _montage(shape, aspect, len(picks), layout, entries)
    for tile, pick in zip(tiles, picks, strict=True):
        canvas.draw_image(tile, planes[pick][box], _window(planes[pick][box]))
        _draw_outlines(canvas, tile, masks[pick][box], labels)
        if reference_masks is not None:
            _draw_reference(canvas, tile, reference_masks[pick][box], labels)
        _write_title(canvas, tile, notes.title(numbers[pick]), is_flagged=pick in flagged)
    _draw_bar(canvas, tiles[0], column_mm)
    return canvas.picture


@dataclass(frozen=True)
class _Entry:
    """An entry of the legend."""

    name: str
    colour: str
    is_dotted: bool = False


def _montage(
    shape: tuple[int, int],
    aspect: float,
    count: int,
    layout: Layout,
    entries: Sequence[_Entry],
) -> tuple[Canvas, list[Tile]]:
    """Make a canvas with a legend at its foot, and the place of each slice.

    `aspect` is the height of a slice over its width.
    """
    gap, title = (round(in_pixels(points, layout.dpi)) for points in (_GAP, _TITLE))
    line_height = in_pixels(_LEGEND_LINE, layout.dpi)
    place = round(layout.tile_inches * layout.dpi)
    width = max(1, round(min(1.0, _TALLEST_TILE / aspect) * (place - gap)))
    height = max(1, round(width * aspect))
    columns = min(layout.columns, count)
    row_height = title + height + gap
    lines = _legend_lines(entries, columns * place - 2 * gap, layout.dpi)
    legend = round((len(lines) + 1) * line_height)
    rows = -(-count // columns)
    canvas = Canvas(columns * place, rows * row_height + legend, layout.dpi)
    tiles = [
        Tile(
            left=number % columns * place + (place - width) // 2,
            top=number // columns * row_height + title,
            width=width,
            height=height,
            shape=shape,
        )
        for number in range(count)
    ]
    for number, line in enumerate(lines):
        row = rows * row_height + (number + 1) * line_height
        _write_legend(canvas, line, (columns * place - _line_width(line, layout.dpi)) / 2, row)
    return canvas, tiles


def _slice_numbers(image: Volume) -> list[int]:
    """Return the index along the image's own slice axis of each slice, feet first."""
    count = image.shape[image.slice_axis]
    is_head_first = image.geometry.axis_codes[image.slice_axis] == "I"
    return list(range(count))[::-1] if is_head_first else list(range(count))


def _box(masks: npt.NDArray[Any], pixel_mm: tuple[float, float]) -> tuple[slice, slice]:
    """Return rows and columns of the muscles with a margin; the whole plane if there are none."""
    shape = masks.shape[1:]
    whole = tuple(slice(0, size) for size in shape)
    inner = bounding_box(np.asarray((masks > 0).any(axis=0))) or whole
    margins = [round(_MARGIN_MM / step) for step in pixel_mm]
    rows, columns = (
        slice(max(0, part.start - margin), min(size, part.stop + margin))
        for part, size, margin in zip(inner, shape, margins, strict=True)
    )
    front = max(0, inner[0].start - round(_FRONT_MARGIN_MM / pixel_mm[0]))
    return slice(front, rows.stop), columns


def _window(values: npt.NDArray[Any]) -> tuple[float, float]:
    """Return the darkest and the brightest grey value shown."""
    low, high = np.percentile(values, (1, 99.5))
    return float(low), float(high) if high > low else float(low) + 1.0


def _write_title(canvas: Canvas, tile: Tile, title: str, *, is_flagged: bool) -> None:
    """Write title and sides of a slice, and frame one to review."""
    colour = _FLAG_COLOUR if is_flagged else "white"
    if is_flagged:
        canvas.draw_frame(tile, colour, _FRAME)
    middle = tile.left + tile.width / 2
    above = tile.top - canvas.pixels(_TITLE / 4)
    canvas.write((middle, above), title, colour, _LETTERS, anchor="ms")
    inset = canvas.pixels(_FRAME) + canvas.pixels(2)
    sides = (("R", tile.left + inset, "lt"), ("L", tile.right - 1 - inset, "rt"))
    for side, column, anchor in sides:
        canvas.write(
            (column, tile.top + inset), side, "white", _SIDE_LETTERS, anchor=anchor, halo=1.2,
            bold=True,
        )  # fmt: skip


def _draw_outlines(canvas: Canvas, tile: Tile, mask: npt.NDArray[Any], labels: LabelMap) -> None:
    """Draw the muscles: first the dark borders of all of them, then each in its colour."""
    outlines: dict[Muscle, list[Outline]] = {}
    for structure in labels.scheme:
        found = _outline(mask == structure.value, tile)
        outlines.setdefault(structure.muscle, []).append(found)
    canvas.draw_halo([line for o in outlines.values() for each in o for line in each.lines], _HALO)
    for muscle, of_muscle in outlines.items():
        canvas.draw_outlines(of_muscle, MUSCLE_COLOURS[muscle], _OUTLINE)


def _draw_reference(canvas: Canvas, tile: Tile, mask: npt.NDArray[Any], labels: LabelMap) -> None:
    parts = [_outline(mask == structure.value, tile) for structure in labels.scheme]
    lines = [line for part in parts for line in part.lines]
    canvas.draw_lines(lines, _REFERENCE_COLOUR, _REFERENCE_LINE, dotted=True)


def _outline(part: npt.NDArray[np.bool_], tile: Tile) -> Outline:
    from contourpy import FillType, contour_generator

    # A contour needs a plane of at least 2 x 2 pixels, some inside and some outside.
    box = bounding_box(part, margin=1)
    if box is None or part.all() or min(part.shape) < 2:
        return Outline()
    rows, columns = box
    start = np.array([columns.start, rows.start])
    contours = contour_generator(z=part[box].astype(np.float64), fill_type=FillType.OuterOffset)
    lines = tuple(tile.place(line + start) for line in contours.lines(0.5))
    areas = []
    for points, offsets in zip(*contours.filled(0.5, 2.0), strict=True):
        areas.append(tuple(np.split(tile.place(points + start), offsets[1:-1])))
    return Outline(lines, tuple(areas))


def _draw_bar(canvas: Canvas, tile: Tile, column_mm: float) -> None:
    """Draw a bar of 5 cm at the foot of a slice."""
    inset = round(canvas.pixels(_FRAME + 4))
    left, bottom = tile.left + inset, tile.bottom - inset
    length = round(_BAR_MM / column_mm * tile.width / tile.shape[1])
    top = bottom - round(canvas.pixels(_BAR))
    canvas.draw_block((left, top, left + length, bottom), "white", halo=0.6)
    above = top - canvas.pixels(2.5)
    canvas.write((left, above), "5 cm", "white", _BAR_LETTERS, anchor="ls", halo=1.4)


def _legend_entries(labels: LabelMap, *, has_reference: bool) -> list[_Entry]:
    muscles = dict.fromkeys(structure.muscle for structure in labels.scheme)
    entries = [_Entry(muscle.full_name, MUSCLE_COLOURS[muscle]) for muscle in muscles]
    if has_reference:
        entries.append(_Entry("reference", _REFERENCE_COLOUR, is_dotted=True))
    return entries


def _entry_width(entry: _Entry, dpi: float) -> float:
    return in_pixels(_HANDLE + _HANDLE_GAP, dpi) + text_width(entry.name, _LETTERS, dpi)


def _line_width(line: Sequence[_Entry], dpi: float) -> float:
    gaps = (len(line) - 1) * in_pixels(_ENTRY_GAP, dpi)
    return gaps + sum(_entry_width(entry, dpi) for entry in line)


def _legend_lines(entries: Sequence[_Entry], width: int, dpi: float) -> list[list[_Entry]]:
    """Divide the legend into lines of at most this width, in pixels."""
    lines: list[list[_Entry]] = []
    for entry in entries:
        if lines and _line_width([*lines[-1], entry], dpi) <= width:
            lines[-1].append(entry)
        else:
            lines.append([entry])
    return lines


def _write_legend(canvas: Canvas, line: Sequence[_Entry], left: float, row: float) -> None:
    """Write a line of the legend."""
    for entry in line:
        end = left + canvas.pixels(_HANDLE)
        if entry.is_dotted:
            handle = np.array([[left, row], [end, row]])
            canvas.draw_lines([handle], entry.colour, 1.4 * _REFERENCE_LINE, dotted=True)
        else:
            half = canvas.pixels(_HANDLE_HEIGHT) / 2
            top, bottom = round(row - half), round(row + half)
            canvas.draw_block((round(left), top, round(end), bottom), entry.colour)
        start = end + canvas.pixels(_HANDLE_GAP)
        canvas.write((start, row), entry.name, "white", _LETTERS, anchor="lm")
        left = start + canvas.text_width(entry.name, _LETTERS) + canvas.pixels(_ENTRY_GAP)
