"""Pictures of masks on images: outlines on slices, seen from the feet, the patient's right left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core import LabelMap, Muscle, Side, Structure, Volume, reorient

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = ["STRUCTURE_COLOURS", "choose_slices", "overlay_montage", "structure_colour"]

#: Okabe–Ito colours: the hue tells the muscle, the lightness the side
STRUCTURE_COLOURS = {
    (Muscle.ERECTOR_SPINAE, Side.RIGHT): "#0072B2",
    (Muscle.ERECTOR_SPINAE, Side.LEFT): "#56B4E9",
    (Muscle.MULTIFIDUS, Side.RIGHT): "#D55E00",
    (Muscle.MULTIFIDUS, Side.LEFT): "#F0E442",
}
_REFERENCE_COLOUR = "#FFFFFF"
GridT = TypeVar("GridT", Volume, LabelMap)

_FRAME = ("L", "P", "S")
_MARGIN_MM = 20.0
_TILE_INCHES = 2.6
#: width of the longest name in the legend, height of a line of it
_ENTRY_INCHES, _LINE_INCHES = 1.55, 0.17


def structure_colour(structure: Structure) -> str:
    """Return the colour of a muscle and side as ``#rrggbb``."""
    return STRUCTURE_COLOURS[(structure.muscle, structure.side)]


def choose_slices(labelled: npt.NDArray[np.bool_], count: int) -> list[int]:
    """Return up to `count` slices, evenly spread over those that hold a label, feet first.

    Parameters
    ----------
    labelled : ndarray of bool, shape (s,)
        Whether a slice holds a label. Where none does, all slices count.
    count : int
    """
    held = np.flatnonzero(labelled)
    if held.size == 0:
        held = np.arange(len(labelled))
    picks = np.linspace(0, held.size - 1, min(count, held.size))
    return [int(held[round(p)]) for p in picks]


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
    image, labels : Volume, LabelMap
        On one grid, any orientation.
    reference : LabelMap, optional
        Drawn as dotted white outlines.
    slice_names : mapping of int to str, optional
        Names of slices (such as their disc), by index along the image's slice axis.
    count : int
        Slices at the most.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure

    planes, masks = _planes(image), _planes(labels)
    truth = None if reference is None else _planes(reference)
    numbers = _slice_numbers(image)
    picks = choose_slices(np.asarray((masks > 0).any(axis=(1, 2))), count)[::-1]
    box = _box(masks, image)
    spacing = reorient(image, _FRAME).spacing_mm
    columns = min(4, len(picks))
    rows = -(-len(picks) // columns)
    height, width = (s.stop - s.start for s in box)
    aspect = height * spacing[1] / (width * spacing[0])
    names = _legend_lines(labels, truth is not None)
    abreast = min(len(names), max(1, int(columns * _TILE_INCHES / _ENTRY_INCHES)))
    below = 0.45 + _LINE_INCHES * (-(-len(names) // abreast) - 1)
    figure = Figure(
        figsize=(columns * _TILE_INCHES, rows * (_TILE_INCHES * aspect + 0.2) + below),
        facecolor="black",
        layout="constrained",
    )
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    low, high = _window(planes[np.ix_(picks)][:, box[0], box[1]])
    for axis, pick in zip(axes, picks, strict=False):
        axis.imshow(
            planes[pick][box],
            cmap="gray",
            vmin=low,
            vmax=high,
            aspect=spacing[1] / spacing[0],
            interpolation="bilinear",
        )
        _outline(axis, masks[pick][box], labels)
        if truth is not None:
            _outline(axis, truth[pick][box], labels, as_reference=True)
        name = (slice_names or {}).get(numbers[pick], "")
        axis.set_title(
            f"slice {numbers[pick]}{' · ' + name if name else ''}", color="white", fontsize=8, pad=2
        )
        _mark_sides(axis)
    figure.legend(
        handles=names,
        loc="outside lower center",
        ncols=abreast,
        fontsize=8,
        frameon=False,
        labelcolor="white",
        handlelength=1.5,
        columnspacing=1.4,
    )
    return figure


def _planes(grid: GridT) -> npt.NDArray[Any]:
    return np.asarray(reorient(grid, _FRAME).array).T


def _slice_numbers(image: Volume) -> list[int]:
    """Return the index along the image's own slice axis of each slice, feet first."""
    count = image.shape[image.slice_axis]
    down = image.geometry.axis_codes[image.slice_axis] == "I"
    return list(range(count))[::-1] if down else list(range(count))


def _box(masks: npt.NDArray[Any], image: Volume) -> tuple[slice, slice]:
    """Return rows and columns of the muscles with a margin; the whole plane if there are none."""
    spacing = reorient(image, _FRAME).spacing_mm
    box = []
    for axis, step in ((1, spacing[1]), (2, spacing[0])):
        held = np.flatnonzero((masks > 0).any(axis=tuple(a for a in range(3) if a != axis)))
        size = masks.shape[axis]
        margin = round(_MARGIN_MM / step)
        first, last = (int(held[0]), int(held[-1])) if held.size else (0, size - 1)
        box.append(slice(max(0, first - margin), min(size, last + 1 + margin)))
    return box[0], box[1]


def _window(values: npt.NDArray[Any]) -> tuple[float, float]:
    low, high = np.percentile(values, (1, 99.5))
    return float(low), float(high) if high > low else float(low) + 1.0


def _outline(
    axis: Axes, mask: npt.NDArray[Any], labels: LabelMap, *, as_reference: bool = False
) -> None:
    for structure in labels.scheme:
        part = mask == structure.value
        # A contour needs a 2 x 2 plane with both inside and outside in it.
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


def _legend_lines(labels: LabelMap, with_reference: bool) -> list[Line2D]:
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], color=structure_colour(s), label=s.full_name) for s in labels.scheme]
    if with_reference:
        lines.append(Line2D([], [], color=_REFERENCE_COLOUR, linestyle=":", label="reference"))
    return lines
