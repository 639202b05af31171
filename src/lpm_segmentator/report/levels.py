"""The sagittal view: the image alone, and with the named discs and the range of axial slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core import SAGITTAL_FRAME, Geometry, Volume, reorient
from lpm_segmentator.report.canvas import SEPARATOR, Canvas, Tile, in_pixels, text_width
from lpm_segmentator.report.colours import OKABE_ITO

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["NamedDisc", "sagittal_picture"]

_DISC_MM = 18.0
_DISC_COLOUR = OKABE_ITO["yellow"]
_SLICE_COLOUR = OKABE_ITO["sky"]
_STACK_COLOUR = "#888888"
_AROUND_MM = (75.0, 95.0)
_DPI = 110
#: in inches, the largest view
_WIDEST, _TALLEST = 2.6, 4.2
#: in points: letters, distance of lines of text, lines, and what separates the parts
_LETTERS, _LINE, _GAP = 9.0, 13.7, 7.2
_DISC, _BRACKET, _STACK, _SLICE, _JOIN = 1.6, 1.6, 1.0, 0.9, 0.5
#: in points, the shortest line from a name to the view
_JOIN_LENGTH = 17.0
_OPACITY = 0.8
#: pixels of a point
_POINT = in_pixels(1, _DPI)

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
    slice : str
        The slice that shows it, such as ``"slice 3"``; empty where none does.
    """

    name: str
    centre_mm: tuple[float, float, float]
    normal: tuple[float, float, float]
    slice: str


def sagittal_picture(
    image: Volume,
    discs: Sequence[NamedDisc],
    *,
    stacks: Sequence[Geometry],
    slices: tuple[int, int] | None,
    sure: bool = True,
) -> Image:
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
    PIL.Image.Image
    """
    view = _view(image, discs)
    doubt = "" if sure else "?"
    names = [f"{disc.name}{doubt}{SEPARATOR}{disc.slice or 'outside'}" for disc in discs]
    beside = _words_beside(stacks, slices)
    canvas, plain, marked = _arrange(view, names, beside)
    low = float(view.pixels.min())
    high = max(float(np.percentile(view.pixels, 99)), low + 1e-6)
    for tile in (plain, marked):
        canvas.draw_image(tile, view.pixels, (low, high))
    if len(stacks) == 1:
        _draw_range(canvas, marked, view, stacks[0], slices)
    else:
        _draw_stacks(canvas, marked, view, stacks)
    ends = [_draw_disc(canvas, marked, view, disc) for disc in discs]
    _write_names(canvas, names, ends, right=marked.left - _JOIN_LENGTH * _POINT)
    return canvas.picture


def _words_beside(stacks: Sequence[Geometry], slices: tuple[int, int] | None) -> list[str]:
    """Return what is written beside the view: the measured slices, or the number of each stack."""
    if len(stacks) != 1:
        return [f"stack {number}" for number in range(1, len(stacks) + 1)]
    start, stop = slices or (0, stacks[0].shape[stacks[0].slice_axis])
    named = f"slice {start}" if stop - start == 1 else f"slices {start} to {stop - 1}"
    return ["measured:", named]


def _arrange(view: _View, names: Sequence[str], beside: Sequence[str]) -> tuple[Canvas, Tile, Tile]:
    """Make a canvas with room for all words, and the places of the two views."""
    gap, line = round(_GAP * _POINT), _LINE * _POINT
    tall = min(_TALLEST, _WIDEST * view.tall)
    width, height = (max(1, round(side * _DPI)) for side in (tall / view.tall, tall))
    widest_name, widest_beside = (
        int(max((text_width(word, _LETTERS, _DPI) for word in words), default=0)) + 1
        for words in (names, beside)
    )
    room = max(height, round(line * (max(len(names), len(beside)) + 1)))
    top = gap + (room - height) // 2
    join = round(_JOIN_LENGTH * _POINT)
    lefts = (gap, 3 * gap + width + widest_name + join)
    plain, marked = (Tile(left, top, width, height, view.pixels.shape) for left in lefts)
    end = marked.right + 3 * gap + widest_beside
    return Canvas(end, room + 2 * gap, _DPI), plain, marked


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
    canvas: Canvas, tile: Tile, view: _View, stack: Geometry, slices: tuple[int, int] | None
) -> None:
    """Draw the outer slices of the measured range, and a bracket around it beside the view.

    A grey line beside the view is the whole stack.
    """
    count = stack.shape[stack.slice_axis]
    start, stop = slices or (0, count)
    lines = {i: _slice_line(tile, view, stack, i) for i in (0, start, stop - 1, count - 1)}
    x = tile.right + _GAP * _POINT
    # Where a slice leaves the view behind, as far as it does so within its height.
    behind = {
        index: float(np.clip(line[1, 1], tile.top, tile.bottom)) for index, line in lines.items()
    }
    low, high = behind[start], behind[stop - 1]
    whole = np.array([[x, behind[0]], [x, behind[count - 1]]])
    canvas.draw_lines([whole], _STACK_COLOUR, _STACK)
    tick = x - 0.6 * _GAP * _POINT
    bracket = np.array([[tick, low], [x, low], [x, high], [tick, high]])
    canvas.draw_lines([bracket], _SLICE_COLOUR, _BRACKET)
    _draw_slices(canvas, tile, [lines[start], lines[stop - 1]])
    words = _words_beside([stack], slices)
    _write_beside(canvas, tile, [((low + high) / 2, "\n".join(words))])


def _draw_stacks(canvas: Canvas, tile: Tile, view: _View, stacks: Sequence[Geometry]) -> None:
    """Draw the outer slices of each stack, and its number beside the view."""
    named = []
    for stack, words in zip(stacks, _words_beside(stacks, None), strict=True):
        lines = [_slice_line(tile, view, stack, i) for i in (0, stack.shape[stack.slice_axis] - 1)]
        _draw_slices(canvas, tile, lines)
        middle = float(np.mean([line[1, 1] for line in lines]))
        named.append((float(np.clip(middle, tile.top, tile.bottom)), words))
    _write_beside(canvas, tile, named)


def _draw_slices(canvas: Canvas, tile: Tile, lines: Sequence[FloatArray]) -> None:
    canvas.draw_lines(lines, _SLICE_COLOUR, _SLICE, opacity=_OPACITY, within=tile)


def _write_beside(canvas: Canvas, tile: Tile, named: Sequence[tuple[float, str]]) -> None:
    """Write words beside the view, near the heights given and within the picture."""
    order = sorted(named)
    lines = max(words.count("\n") + 1 for _, words in order)
    places = _apart([y for y, _ in order], canvas.picture.height, lines=lines)
    for y, (_, words) in zip(places, order, strict=True):
        place = (tile.right + 2 * _GAP * _POINT, y)
        canvas.write(place, words, _SLICE_COLOUR, _LETTERS, anchor="lm")


def _slice_line(tile: Tile, view: _View, stack: Geometry, index: int) -> FloatArray:
    """Return the line in which a slice intersects the view, from its left to its right edge."""
    along = stack.slice_axis
    front_back = next(a for a in range(3) if stack.axis_codes[a] in "AP")
    ends = np.tile((np.array(stack.shape) - 1) / 2, (2, 1))
    ends[:, along] = index
    ends[:, front_back] = (-0.5, stack.shape[front_back] - 0.5)
    voxels = view.geometry.world_to_voxel(stack.voxel_to_world(ends))
    (x0, y0), (x1, y1) = tile.place(view.points(_in_plane(voxels, stack, view)))
    edges = np.array([tile.left, tile.right], dtype=np.float64)
    heights: FloatArray = y0 + (edges - x0) * (y1 - y0) / (x1 - x0)
    return np.column_stack([edges, heights])


def _in_plane(line: FloatArray, stack: Geometry, view: _View) -> FloatArray:
    """Move the ends of a line sideways within their slice into the sagittal plane."""
    sideways = next(a for a in range(3) if stack.axis_codes[a] in "LR")
    step = np.linalg.solve(view.geometry.affine[:3, :3], stack.affine[:3, sideways])
    moved: FloatArray = line + ((view.plane - line[:, 0]) / step[0])[:, None] * step
    return moved


def _draw_disc(canvas: Canvas, tile: Tile, view: _View, disc: NamedDisc) -> FloatArray:
    """Draw a disc as a line in its direction; return its end in front, within the view."""
    geometry = view.geometry
    sideways = geometry.affine[:3, 0] / geometry.spacing_mm[0]
    front = np.cross(np.array(disc.normal), sideways)
    front /= np.linalg.norm(front)
    ends: Any = np.array(disc.centre_mm) + np.outer((-_DISC_MM, _DISC_MM), front)
    line = tile.place(view.points(geometry.world_to_voxel(ends)))
    canvas.draw_lines([line], _DISC_COLOUR, _DISC, within=tile)
    low, high = (tile.left, tile.top), (tile.right, tile.bottom)
    inside: FloatArray = np.clip(line[line[:, 0].argmin()], low, high)
    return inside


def _write_names(
    canvas: Canvas, names: Sequence[str], ends: Sequence[FloatArray], *, right: float
) -> None:
    """Write the names of the discs in a column, each joined to its disc by a thin line."""
    order = sorted(range(len(names)), key=lambda number: float(ends[number][1]))
    places = _apart([float(ends[number][1]) for number in order], canvas.picture.height)
    joins = []
    for number, y in zip(order, places, strict=True):
        x, disc_y = ends[number]
        start, bend = right + 0.4 * _GAP * _POINT, right + _GAP * _POINT
        joins.append(np.array([[start, y], [bend, y], [x, disc_y]]))
        canvas.write((right, y), names[number], _DISC_COLOUR, _LETTERS, anchor="rm")
    canvas.draw_lines(joins, _DISC_COLOUR, _JOIN, opacity=_OPACITY)


def _apart(wanted: Sequence[float], height: float, *, lines: int = 1) -> list[float]:
    """Return sorted heights that keep texts apart, within the picture and near those wanted."""
    distance, places = lines * _LINE * _POINT, list(wanted)
    for index, place in enumerate(places):
        before = places[index - 1] + distance if index else distance / 2
        places[index] = max(place, before)
    limit = height - distance / 2
    for index in range(len(places) - 1, -1, -1):
        places[index] = min(places[index], limit)
        limit = places[index] - distance
    return places
