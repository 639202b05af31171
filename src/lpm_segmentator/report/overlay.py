"""Pictures of masks on images: outlines on slices, seen from the feet, the patient's right left."""

from __future__ import annotations

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

__all__ = ["STRUCTURE_COLOURS", "choose_slices", "overlay_montage", "structure_colour"]

#: Okabe–Ito colours: the hue shows the muscle, the lightness the side
STRUCTURE_COLOURS = {
    (Muscle.ERECTOR_SPINAE, Side.RIGHT): "#0072B2",
    (Muscle.ERECTOR_SPINAE, Side.LEFT): "#56B4E9",
    (Muscle.MULTIFIDUS, Side.RIGHT): "#D55E00",
    (Muscle.MULTIFIDUS, Side.LEFT): "#F0E442",
}
_REFERENCE_COLOUR = "#FFFFFF"

_MARGIN_MM = 20.0
_TILE_INCHES = 2.6
_MOST_COLUMNS = 4
#: width of the longest name in the legend, height of a line of it
_ENTRY_INCHES, _LINE_INCHES = 1.55, 0.17

Box = tuple[slice, slice]


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
    slice_names: Mapping[int, str] | None = None,
    count: int = 8,
) -> Figure:
    """Draw the outlines of the muscles on slices spread over the stack, head first.

    Parameters
    ----------
    image : Volume
    labels : LabelMap
        On the grid of the image, in any orientation.
    reference : LabelMap, optional
        Drawn as dotted white outlines.
    slice_names : mapping of int to str, optional
        Names of slices (such as their disc), by index along the slice axis of the image.
    count : int
        Largest number of slices.

    Returns
    -------
    matplotlib.figure.Figure
    """
    planes, masks = axial_slices(image), axial_slices(labels)
    reference_masks = None if reference is None else axial_slices(reference)
    numbers = _slice_numbers(image)
    picks = choose_slices(np.asarray((masks > 0).any(axis=(1, 2))), count)[::-1]
    column_mm, row_mm, _ = reorient(image, AXIAL_FRAME).spacing_mm
    box = _box(masks, (row_mm, column_mm))
    figure, panels = _black_figure(
        len(picks), _aspect(box, row_mm / column_mm), _legend_lines(labels, reference)
    )
    low, high = _window(planes[np.ix_(picks)][:, box[0], box[1]])
    for axis, pick in zip(panels, picks, strict=False):
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
        name = (slice_names or {}).get(numbers[pick], "")
        title = f"slice {numbers[pick]}{' · ' + name if name else ''}"
        axis.set_title(title, color="white", fontsize=8, pad=2)
        _mark_sides(axis)
    return figure


def _aspect(box: Box, pixel_aspect: float) -> float:
    """Return height over width of a box, given the height of a pixel over its width."""
    rows, columns = (s.stop - s.start for s in box)
    return float(rows * pixel_aspect / columns)


def _black_figure(
    count: int, aspect: float, names: Sequence[Line2D]
) -> tuple[Figure, npt.NDArray[Any]]:
    """Make a black figure with a panel for each slice and a legend below."""
    from matplotlib.figure import Figure

    columns = min(_MOST_COLUMNS, count)
    rows = -(-count // columns)
    names_per_line = min(len(names), max(1, int(columns * _TILE_INCHES / _ENTRY_INCHES)))
    legend_inches = 0.45 + _LINE_INCHES * (-(-len(names) // names_per_line) - 1)
    figure = Figure(
        figsize=(columns * _TILE_INCHES, rows * (_TILE_INCHES * aspect + 0.2) + legend_inches),
        facecolor="black",
        layout="constrained",
    )
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in panels:
        axis.set_axis_off()
    figure.legend(
        handles=names,
        loc="outside lower center",
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
    return rows, columns


def _window(values: npt.NDArray[Any]) -> tuple[float, float]:
    """Return the darkest and the brightest grey value shown."""
    low, high = np.percentile(values, (1, 99.5))
    return float(low), float(high) if high > low else float(low) + 1.0


def _draw_outlines(
    axis: Axes, mask: npt.NDArray[Any], labels: LabelMap, *, as_reference: bool = False
) -> None:
    for structure in labels.scheme:
        part = mask == structure.value
        # A contour needs a plane of at least 2 x 2 pixels, some inside and some outside.
        if part.any() and not part.all() and min(part.shape) > 1:
            axis.contour(
                part,
                [0.5],
                colors=_REFERENCE_COLOUR if as_reference else structure_colour(structure),
                linewidths=0.9 if as_reference else 1.1,
                linestyles=":" if as_reference else "-",
            )


def _mark_sides(axis: Axes) -> None:
    for x, text, align in ((0.01, "R", "left"), (0.99, "L", "right")):
        axis.text(
            x, 0.98, text, transform=axis.transAxes, color="white", fontsize=9, weight="bold",
            ha=align, va="top",
        )  # fmt: skip


def _legend_lines(labels: LabelMap, reference: LabelMap | None) -> list[Line2D]:
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], color=structure_colour(s), label=s.full_name) for s in labels.scheme]
    if reference is not None:
        lines.append(Line2D([], [], color=_REFERENCE_COLOUR, linestyle=":", label="reference"))
    return lines
