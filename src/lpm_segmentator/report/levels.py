"""The sagittal view: the image alone, and with the named discs and the range of axial slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core import SAGITTAL_FRAME, Geometry, Volume, reorient
from lpm_segmentator.report.style import OKABE_ITO
from lpm_segmentator.report.tiles import Tile, black_figure, draw_image

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["NamedDisc", "sagittal_figure"]

_DISC_MM = 18.0
_DISC_COLOUR = OKABE_ITO["yellow"]
_SLICE_COLOUR = OKABE_ITO["sky"]
_STACK_COLOUR = "#888888"
_AROUND_MM = (75.0, 95.0)
#: in inches: the largest view, the columns of names and of the slices, and the rest
_WIDEST, _TALLEST = 2.6, 4.2
_NAMES, _RANGE, _GAP = 1.4, 1.05, 0.1
_LINE = 0.19
_FONT_POINTS = 9

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class NamedDisc:
    """A disc to draw.

    Attributes
    ----------
    name : str
        Such as "L4-L5".
    centre_mm, normal : tuple of float, length 3
        Centre in mm and unit normal, in world coordinates (RAS+).
    confidence : float
        From 0 to 1.
    slice : str
        The slice that shows it, such as ``"slice 3"``; empty where none does.
    """

    name: str
    centre_mm: tuple[float, float, float]
    normal: tuple[float, float, float]
    confidence: float
    slice: str


def sagittal_figure(
    image: Volume,
    discs: Sequence[NamedDisc],
    *,
    stacks: Sequence[Geometry],
    slices: tuple[int, int] | None,
    sure: bool = True,
) -> Figure:
    """Draw a sagittal plane through the discs, head up and front to the left.

    The plane is shown twice, as it is and with the discs, their names in a column beside it, and a
    bracket around the measured slices. Letters have one size whatever the size of the image.

    Parameters
    ----------
    image : Volume
        A sagittal series, or the axial stack itself.
    discs : sequence of NamedDisc
    stacks : sequence of Geometry
        The axial stack, or several from foot to head, whose outer slices are drawn.
    slices : tuple of int or None
        Half-open range of the selected slices of a single stack; None for all.
    sure : bool
        Whether the names of the discs are certain; otherwise each gets a question mark.

    Returns
    -------
    matplotlib.figure.Figure
    """
    view = _view(image, discs)
    tall = min(_TALLEST, _WIDEST * view.tall)
    width, height = tall / view.tall, max(tall, _LINE * (max(len(discs), 2) + 1))
    top = _GAP + (height - tall) / 2
    plain, marked = (
        Tile(left, top, width, tall, view.pixels.shape)
        for left in (_GAP, 2 * _GAP + width + _NAMES)
    )
    end = marked.left + width + _RANGE
    figure, axis = black_figure(end, height + 2 * _GAP)
    low = float(view.pixels.min())
    high = max(float(np.percentile(view.pixels, 99)), low + 1e-6)
    for tile in (plain, marked):
        draw_image(axis, tile, view.pixels, (low, high))
    if len(stacks) == 1:
        _draw_range(axis, marked, view, stacks[0], slices)
    else:
        _draw_stacks(axis, marked, view, stacks)
    ends = [_draw_disc(axis, marked, view, disc) for disc in discs]
    names = [f"{disc.name}{'' if sure else '?'} · {disc.slice or 'outside'}" for disc in discs]
    _write_names(axis, names, ends, right=marked.left - 2 * _GAP, height=height + 2 * _GAP)
    return figure


@dataclass(frozen=True, eq=False)
class _View:
    """A part of a sagittal plane.

    Attributes
    ----------
    pixels : ndarray, shape (rows, columns)
        Head up, front to the left.
    geometry : Geometry
        Of the reoriented image.
    plane, left : int
        Index of the plane, and of its first column shown.
    """

    pixels: FloatArray
    geometry: Geometry
    plane: int
    left: int

    @property
    def tall(self) -> float:
        """Height over width, in mm."""
        _, row_mm, column_mm = self.geometry.spacing_mm
        rows, columns = self.pixels.shape
        return float(rows * row_mm / (columns * column_mm))

    def points(self, voxels: FloatArray) -> FloatArray:
        """Return columns and rows of the view."""
        return np.column_stack([voxels[:, 2] - self.left, voxels[:, 1]])


def _view(image: Volume, discs: Sequence[NamedDisc]) -> _View:
    """Return the plane through the discs, with a margin in front and behind."""
    sagittal = reorient(image, SAGITTAL_FRAME)
    geometry = sagittal.geometry
    voxels = geometry.world_to_voxel([d.centre_mm for d in discs] or [geometry.centre_mm])
    plane = int(np.clip(np.rint(voxels[:, 0].mean()), 0, sagittal.shape[0] - 1))
    pixels = np.asarray(sagittal.array[plane], dtype=np.float64)
    left, right = _columns(voxels[:, 2], geometry.spacing_mm[2], pixels.shape[1])
    return _View(pixels[:, left:right], geometry, plane, left)


def _columns(middle: FloatArray, column_mm: float, count: int) -> tuple[int, int]:
    """Return the columns to show: the discs with a margin at the front and the back."""
    left = int(max(0, middle.min() - _AROUND_MM[0] / column_mm))
    right = int(min(count, middle.max() + _AROUND_MM[1] / column_mm + 1))
    return (left, right) if right - left >= 2 else (0, count)


def _draw_range(
    axis: Axes, tile: Tile, view: _View, stack: Geometry, slices: tuple[int, int] | None
) -> None:
    """Draw the outer slices of the measured range, and a bracket around it beside the view.

    A grey line beside the view is the whole stack.
    """
    count = stack.shape[stack.slice_axis]
    start, stop = slices or (0, count)
    lines = {i: _slice_line(tile, view, stack, i) for i in (0, start, stop - 1, count - 1)}
    x = tile.left + tile.width + _GAP
    # Where a slice leaves the view behind, as far as it does so within its height.
    behind = {
        index: float(np.clip(line[1, 1], tile.top, tile.top + tile.height))
        for index, line in lines.items()
    }
    low, high = behind[start], behind[stop - 1]
    axis.plot([x, x], [behind[0], behind[count - 1]], color=_STACK_COLOUR, linewidth=1.0)
    tick = x - 0.6 * _GAP
    axis.plot([tick, x, x, tick], [low, low, high, high], color=_SLICE_COLOUR, linewidth=1.6)
    for index in (start, stop - 1):
        ends = lines[index]
        (drawn,) = axis.plot(ends[:, 0], ends[:, 1], color=_SLICE_COLOUR, linewidth=0.9, alpha=0.8)
        _clip(drawn, tile)
    named = f"slice {start}" if stop - start == 1 else f"slices {start}–{stop - 1}"
    height = axis.get_ylim()[0]
    middle = float(np.clip((low + high) / 2, _LINE, height - _LINE))  # of two lines
    axis.text(
        x + 0.6 * _GAP, middle, f"measured:\n{named}", color=_SLICE_COLOUR,
        fontsize=_FONT_POINTS, va="center",
    )  # fmt: skip


def _draw_stacks(axis: Axes, tile: Tile, view: _View, stacks: Sequence[Geometry]) -> None:
    """Draw the outer slices of each stack, and its number beside the view."""
    x = tile.left + tile.width + _GAP
    for number, stack in enumerate(stacks, start=1):
        lines = [_slice_line(tile, view, stack, i) for i in (0, stack.shape[stack.slice_axis] - 1)]
        for line in lines:
            (drawn,) = axis.plot(
                line[:, 0], line[:, 1], color=_SLICE_COLOUR, linewidth=0.9, alpha=0.8
            )
            _clip(drawn, tile)
        middle = float(np.mean([line[1, 1] for line in lines]))
        middle = float(np.clip(middle, tile.top, tile.top + tile.height))
        axis.text(
            x, middle, f"stack {number}", color=_SLICE_COLOUR, fontsize=_FONT_POINTS, va="center"
        )


def _slice_line(tile: Tile, view: _View, stack: Geometry, index: int) -> FloatArray:
    """Return the line in which a slice intersects the view, from its left to its right edge."""
    along = stack.slice_axis
    front_back = next(a for a in range(3) if stack.axis_codes[a] in "AP")
    ends = np.tile((np.array(stack.shape) - 1) / 2, (2, 1))
    ends[:, along] = index
    ends[:, front_back] = (-0.5, stack.shape[front_back] - 0.5)
    voxels = view.geometry.world_to_voxel(stack.voxel_to_world(ends))
    (x0, y0), (x1, y1) = tile.place(view.points(_in_plane(voxels, stack, view)))
    edges = np.array([tile.left, tile.left + tile.width])
    heights: FloatArray = y0 + (edges - x0) * (y1 - y0) / (x1 - x0)
    return np.column_stack([edges, heights])


def _in_plane(line: FloatArray, stack: Geometry, view: _View) -> FloatArray:
    """Move the ends of a line sideways within their slice into the sagittal plane."""
    sideways = next(a for a in range(3) if stack.axis_codes[a] in "LR")
    step = np.linalg.solve(view.geometry.affine[:3, :3], stack.affine[:3, sideways])
    moved: FloatArray = line + ((view.plane - line[:, 0]) / step[0])[:, None] * step
    return moved


def _draw_disc(axis: Axes, tile: Tile, view: _View, disc: NamedDisc) -> FloatArray:
    """Draw a disc as a line in its direction; return its end in front, within the view."""
    geometry = view.geometry
    sideways = geometry.affine[:3, 0] / geometry.spacing_mm[0]
    front = np.cross(np.array(disc.normal), sideways)
    front /= np.linalg.norm(front)
    ends: Any = np.array(disc.centre_mm) + np.outer((-_DISC_MM, _DISC_MM), front)
    line = tile.place(view.points(geometry.world_to_voxel(ends)))
    (drawn,) = axis.plot(line[:, 0], line[:, 1], color=_DISC_COLOUR, linewidth=1.6)
    _clip(drawn, tile)
    low, high = (tile.left, tile.top), (tile.left + tile.width, tile.top + tile.height)
    inside: FloatArray = np.clip(line[line[:, 0].argmin()], low, high)
    return inside


def _clip(drawn: Any, tile: Tile) -> None:
    """Show a line within its view only."""
    from matplotlib.patches import Rectangle

    frame = Rectangle(
        (tile.left, tile.top), tile.width, tile.height, transform=drawn.get_transform()
    )
    drawn.set_clip_path(frame)


def _write_names(
    axis: Axes, names: Sequence[str], ends: Sequence[FloatArray], *, right: float, height: float
) -> None:
    """Write the names of the discs in a column, each joined to its disc by a thin line."""
    order = sorted(range(len(names)), key=lambda number: float(ends[number][1]))
    places = _apart([float(ends[number][1]) for number in order], height)
    for number, y in zip(order, places, strict=True):
        x, disc_y = ends[number]
        axis.plot(
            [right + 0.04, right + _GAP, x], [y, y, disc_y], color=_DISC_COLOUR, linewidth=0.5,
            alpha=0.8,
        )  # fmt: skip
        axis.text(
            right, y, names[number], color=_DISC_COLOUR, fontsize=_FONT_POINTS, ha="right",
            va="center",
        )  # fmt: skip


def _apart(wanted: Sequence[float], height: float) -> list[float]:
    """Return sorted heights at least a line apart, within the picture and near those wanted."""
    places = list(wanted)
    for index, place in enumerate(places):
        before = places[index - 1] + _LINE if index else _LINE / 2
        places[index] = max(place, before)
    limit = height - _LINE / 2
    for index in range(len(places) - 1, -1, -1):
        places[index] = min(places[index], limit)
        limit = places[index] - _LINE
    return places
