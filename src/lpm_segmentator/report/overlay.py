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
    Side,
    Structure,
    Volume,
    axial_slices,
    bounding_box,
    reorient,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = [
    "STRUCTURE_COLOURS",
    "Layout",
    "SliceNotes",
    "choose_slices",
    "overlay_montage",
    "structure_colour",
]

#: Okabe–Ito colours, one hue a muscle; R and L mark the sides
STRUCTURE_COLOURS = {
    (Muscle.ERECTOR_SPINAE, Side.RIGHT): "#56B4E9",
    (Muscle.ERECTOR_SPINAE, Side.LEFT): "#56B4E9",
    (Muscle.MULTIFIDUS, Side.RIGHT): "#E69F00",
    (Muscle.MULTIFIDUS, Side.LEFT): "#E69F00",
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
#: height of a title, and what separates panels
_TITLE_INCHES, _GAP_INCHES = 0.22, 0.06

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
        Largest number of panels side by side.
    tile_inches : float
        Width of a panel.
    """

    count: int | None = 8
    columns: int = _MOST_COLUMNS
    tile_inches: float = _TILE_INCHES


def structure_colour(structure: Structure) -> str:
    """Return the colour of a muscle and side as ``#rrggbb``.

    Parameters
    ----------
    structure : Structure
    """
    return STRUCTURE_COLOURS[(structure.muscle, structure.side)]


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
    box = _box(masks, (row_mm, column_mm))
    figure, panels = _black_figure(
        len(picks), _aspect(box, row_mm / column_mm), layout, _legend_lines(labels, reference)
    )
    for axis, pick in zip(panels, picks, strict=False):
        low, high = _window(planes[pick][box])
        axis.imshow(
            planes[pick][box],
            cmap="gray",
            vmin=low,
            vmax=high,
            aspect=row_mm / column_mm,
            interpolation="bilinear",
        )
        _draw_outlines(axis, masks[pick][box], labels)
        if reference_masks is not None:
            _draw_outlines(axis, reference_masks[pick][box], labels, as_reference=True)
        colour = _FLAG_COLOUR if pick in flagged else "white"
        axis.set_title(notes.title(numbers[pick]), color=colour, fontsize=8, pad=2, y=1.0)
        _mark_sides(axis)
        if pick in flagged:
            _frame(axis)
    _draw_bar(panels[0], planes[picks[0]][box].shape[0], column_mm)
    return figure


def _aspect(box: Box, pixel_aspect: float) -> float:
    """Return height over width of a box, given the height of a pixel over its width."""
    rows, columns = (s.stop - s.start for s in box)
    return float(rows * pixel_aspect / columns)


def _black_figure(
    count: int, aspect: float, layout: Layout, names: Sequence[Line2D]
) -> tuple[Figure, list[Axes]]:
    """Make a black figure with a panel for each slice and a legend below."""
    from matplotlib.figure import Figure

    columns, tile = min(layout.columns, count), layout.tile_inches
    rows = -(-count // columns)
    names_per_line = min(len(names), max(1, int(columns * tile / _ENTRY_INCHES)))
    legend_inches = 0.3 + _LINE_INCHES * -(-len(names) // names_per_line)
    height = tile * aspect
    row_inches = height + _TITLE_INCHES
    width_inches, height_inches = columns * tile, rows * row_inches + legend_inches
    figure = Figure(figsize=(width_inches, height_inches), facecolor="black")
    panels = []
    for number in range(count):
        # Placed by hand: the layouts of matplotlib take seconds for as many panels.
        left = (number % columns) * tile + _GAP_INCHES / 2
        bottom = height_inches - (number // columns + 1) * row_inches
        box = (left, bottom, tile - _GAP_INCHES, height - _GAP_INCHES)
        sizes = (width_inches, height_inches, width_inches, height_inches)
        x, y, across, up = (part / size for part, size in zip(box, sizes, strict=True))
        axis = figure.add_axes((x, y, across, up))
        axis.set_axis_off()
        panels.append(axis)
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
    return figure, panels


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


def _draw_outlines(
    axis: Axes, mask: npt.NDArray[Any], labels: LabelMap, *, as_reference: bool = False
) -> None:
    from contourpy import contour_generator
    from matplotlib.collections import LineCollection

    for structure in labels.scheme:
        part = mask == structure.value
        # A contour needs a plane of at least 2 x 2 pixels, some inside and some outside.
        if part.any() and not part.all() and min(part.shape) > 1:
            lines: Any = contour_generator(z=part.astype(np.float64)).lines(_CONTOUR_LEVEL)
            axis.add_collection(
                LineCollection(
                    lines,
                    colors=_REFERENCE_COLOUR if as_reference else structure_colour(structure),
                    linewidths=0.7 if as_reference else 1.1,
                    linestyles=":" if as_reference else "-",
                    path_effects=[] if as_reference else _halo(2.2),
                ),
                autolim=False,
            )


def _halo(width: float) -> list[Any]:
    """Return the effect of a thin dark border around lines and letters."""
    from matplotlib import patheffects

    return [patheffects.withStroke(linewidth=width, foreground="#000000B0")]


def _frame(axis: Axes) -> None:
    from matplotlib.patches import Rectangle

    axis.add_patch(
        Rectangle(
            (0, 0), 1, 1, transform=axis.transAxes, fill=False, edgecolor=_FLAG_COLOUR, linewidth=3
        )
    )


def _draw_bar(axis: Axes, height: int, column_mm: float) -> None:
    """Draw a bar of 5 cm at the foot of a panel."""
    y, start = 0.95 * (height - 1), 6.0
    stop = start + _BAR_MM / column_mm
    (line,) = axis.plot([start, stop], [y, y], color="white", linewidth=2)
    line.set_path_effects(_halo(3.5))
    axis.text(start, y - 4, "5 cm", color="white", fontsize=7, va="bottom", path_effects=_halo(2.0))


def _mark_sides(axis: Axes) -> None:
    for x, text, align in ((0.01, "R", "left"), (0.99, "L", "right")):
        axis.text(
            x, 0.98, text, transform=axis.transAxes, color="white", fontsize=9, weight="bold",
            ha=align, va="top", path_effects=_halo(2.5),
        )  # fmt: skip


def _legend_lines(labels: LabelMap, reference: LabelMap | None) -> list[Line2D]:
    from matplotlib.lines import Line2D

    names = {s.muscle: structure_colour(s) for s in labels.scheme}
    lines = [Line2D([], [], color=c, label=muscle.full_name) for muscle, c in names.items()]
    if reference is not None:
        lines.append(Line2D([], [], color=_REFERENCE_COLOUR, linestyle=":", label="reference"))
    return lines
