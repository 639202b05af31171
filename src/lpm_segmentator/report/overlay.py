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
from lpm_segmentator.report.style import OKABE_ITO
from lpm_segmentator.report.tiles import Tile, black_figure, draw_image, halo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

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
_MOST_COLUMNS = 4
_BAR_MM = 50.0
#: Contours a quarter of a pixel inside the mask: where two muscles meet, both are seen.
_CONTOUR_LEVEL = 0.75
_FLAG_COLOUR = "#FFB000"
#: width of the longest name in the legend, height of a line of it
_ENTRY_INCHES, _LINE_INCHES = 1.55, 0.17
#: height of a title, and what separates tiles
_TITLE_INCHES, _GAP_INCHES = 0.22, 0.06
_POINT_INCHES = 1 / 72
_FRAME_POINTS = 1.5

Box = tuple[slice, slice]


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
        return " · ".join(part for part in parts if part)


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
    """

    count: int | None = 8
    columns: int = _MOST_COLUMNS
    tile_inches: float = _TILE_INCHES


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
) -> Figure:
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
    matplotlib.figure.Figure
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
    pixel_aspect = row_mm / column_mm
    box = _box(masks, (row_mm, column_mm))
    names = _legend_lines(labels, reference)
    # All slices share one pair of axes: one pair each takes ten times as long to draw.
    figure, axis, tiles = _montage(masks[0][box].shape, len(picks), layout, names, pixel_aspect)
    for tile, pick in zip(tiles, picks, strict=True):
        draw_image(axis, tile, planes[pick][box], _window(planes[pick][box]))
        _write_title(axis, tile, notes.title(numbers[pick]), is_flagged=pick in flagged)
    shown = [masks[pick][box] for pick in picks]
    _draw_outlines(axis, tiles, shown, labels)
    if reference_masks is not None:
        shown = [reference_masks[pick][box] for pick in picks]
        _draw_outlines(axis, tiles, shown, labels, as_reference=True)
    _draw_bar(axis, tiles[0], column_mm)
    return figure


def _montage(
    shape: tuple[int, int],
    count: int,
    layout: Layout,
    names: Sequence[Line2D],
    pixel_aspect: float,
) -> tuple[Figure, Axes, list[Tile]]:
    """Make a black figure with axes in inches, the place of each slice, and a legend below."""
    columns, tile = min(layout.columns, count), layout.tile_inches
    rows = -(-count // columns)
    names_per_line = min(len(names), max(1, int(columns * tile / _ENTRY_INCHES)))
    legend_inches = 0.3 + _LINE_INCHES * -(-len(names) // names_per_line)
    aspect = shape[0] * pixel_aspect / shape[1]
    row_inches = tile * aspect + _TITLE_INCHES
    width_inches, height_inches = columns * tile, rows * row_inches + legend_inches
    figure, axis = black_figure(width_inches, height_inches)
    # As large as the gaps allow, in the middle of its place.
    width = min(tile - _GAP_INCHES, (tile * aspect - _GAP_INCHES) / aspect)
    height = width * aspect
    tiles = [
        Tile(
            left=(number % columns + 0.5) * tile - width / 2,
            top=(number // columns + 1) * row_inches - (tile * aspect - _GAP_INCHES + height) / 2,
            width=width,
            height=height,
            shape=shape,
        )
        for number in range(count)
    ]
    figure.legend(
        handles=names,
        loc="lower center",
        ncols=names_per_line,
        fontsize=8,
        frameon=False,
        labelcolor="white",
        handlelength=1.5,
        columnspacing=1.4,
    )
    return figure, axis, tiles


def _slice_numbers(image: Volume) -> list[int]:
    """Return the index along the image's own slice axis of each slice, feet first."""
    count = image.shape[image.slice_axis]
    is_head_first = image.geometry.axis_codes[image.slice_axis] == "I"
    return list(range(count))[::-1] if is_head_first else list(range(count))


def _box(masks: npt.NDArray[Any], pixel_mm: tuple[float, float]) -> Box:
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


def _write_title(axis: Axes, tile: Tile, title: str, *, is_flagged: bool) -> None:
    """Write title and sides of a slice, and frame one to review."""
    left, right, _, top = tile.extent
    colour = _FLAG_COLOUR if is_flagged else "white"
    middle = (left + right) / 2
    axis.text(middle, top - 2 * _POINT_INCHES, title, color=colour, fontsize=8, ha="center")
    for share, side, align in ((0.01, "R", "left"), (0.99, "L", "right")):
        axis.text(
            left + share * tile.width, top + 0.02 * tile.height, side, color="white", fontsize=9,
            weight="bold", ha=align, va="top", path_effects=halo(2.5),
        )  # fmt: skip
    if is_flagged:
        _frame(axis, tile)


def _draw_outlines(
    axis: Axes,
    tiles: Sequence[Tile],
    masks: Sequence[npt.NDArray[Any]],
    labels: LabelMap,
    *,
    as_reference: bool = False,
) -> None:
    from matplotlib.collections import LineCollection

    for structure in labels.scheme:
        lines = [
            tile.place(line)
            for tile, mask in zip(tiles, masks, strict=True)
            for line in _outlines(mask == structure.value)
        ]
        if lines:
            axis.add_collection(
                LineCollection(
                    lines,
                    colors=_REFERENCE_COLOUR if as_reference else MUSCLE_COLOURS[structure.muscle],
                    linewidths=0.7 if as_reference else 1.1,
                    linestyles=":" if as_reference else "-",
                    path_effects=[] if as_reference else halo(2.2),
                ),
                autolim=False,
            )


def _outlines(part: npt.NDArray[np.bool_]) -> list[npt.NDArray[np.float64]]:
    """Return the outlines of a structure in a slice, as columns and rows."""
    from contourpy import contour_generator

    # A contour needs a plane of at least 2 x 2 pixels, some inside and some outside.
    box = bounding_box(part, margin=1)
    if box is None or part.all() or min(part.shape) < 2:
        return []
    rows, columns = box
    contours = contour_generator(z=part[box].astype(np.float64))
    start = np.array([columns.start, rows.start])
    return [line + start for line in contours.lines(_CONTOUR_LEVEL)]


def _frame(axis: Axes, tile: Tile) -> None:
    from matplotlib.patches import Rectangle

    inset = _FRAME_POINTS * _POINT_INCHES / 2  # a line lies on both sides of its path
    axis.add_patch(
        Rectangle(
            (tile.left + inset, tile.top + inset),
            tile.width - 2 * inset,
            tile.height - 2 * inset,
            fill=False,
            edgecolor=_FLAG_COLOUR,
            linewidth=_FRAME_POINTS,
        )
    )


def _draw_bar(axis: Axes, tile: Tile, column_mm: float) -> None:
    """Draw a bar of 5 cm at the foot of a slice."""
    row, start = 0.95 * (tile.shape[0] - 1), 6.0
    ends = np.array([[start, row], [start + _BAR_MM / column_mm, row], [start, row - 4]])
    (left, y), (right, _), (_, above) = tile.place(ends)
    (line,) = axis.plot([left, right], [y, y], color="white", linewidth=2)
    line.set_path_effects(halo(3.5))
    axis.text(left, above, "5 cm", color="white", fontsize=7, va="bottom", path_effects=halo(2.0))


def _legend_lines(labels: LabelMap, reference: LabelMap | None) -> list[Line2D]:
    from matplotlib.lines import Line2D

    muscles = dict.fromkeys(structure.muscle for structure in labels.scheme)
    lines = [Line2D([], [], color=MUSCLE_COLOURS[m], label=m.full_name) for m in muscles]
    if reference is not None:
        lines.append(Line2D([], [], color=_REFERENCE_COLOUR, linestyle=":", label="reference"))
    return lines
