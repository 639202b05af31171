"""The sagittal view: the named discs and the axial slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core import SAGITTAL_FRAME, Geometry, Volume, reorient

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["NamedDisc", "sagittal_figure"]

_DISC_MM = 18.0
_DISC_COLOUR = "#F0E442"
_SLICE_COLOUR = "#56B4E9"
_LEFT_OUT_COLOUR = "#888888"
_HEIGHT_INCHES = 5.0
_AROUND_MM = (75.0, 95.0)

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
    slice : int or None
        Slice of the axial stack that shows it; None outside the stack.
    """

    name: str
    centre_mm: tuple[float, float, float]
    normal: tuple[float, float, float]
    confidence: float
    slice: int | None


def sagittal_figure(
    image: Volume,
    discs: Sequence[NamedDisc],
    *,
    stack: Geometry,
    slices: tuple[int, int] | None,
    sure: bool = True,
) -> Figure:
    """Draw a sagittal plane through the discs, head up and front to the left.

    Parameters
    ----------
    image : Volume
        A sagittal series, or the axial stack itself.
    discs : sequence of NamedDisc
    stack : Geometry
        The axial stack; its slices are drawn where they intersect the plane.
    slices : tuple of int or None
        Half-open range of the selected slices; None for all.
    sure : bool
        Whether the names of the discs are certain; otherwise each gets a question mark.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure

    sagittal = reorient(image, SAGITTAL_FRAME)
    geometry = sagittal.geometry
    voxels = geometry.world_to_voxel([d.centre_mm for d in discs] or [geometry.centre_mm])
    plane = int(np.clip(np.rint(voxels[:, 0].mean()), 0, sagittal.shape[0] - 1))
    _, row_mm, column_mm = geometry.spacing_mm
    pixels = np.asarray(sagittal.array[plane], dtype=np.float64)
    left, right = _columns(voxels[:, 2], column_mm, pixels.shape[1])
    aspect = (right - left) * column_mm / (pixels.shape[0] * row_mm)
    size = (_HEIGHT_INCHES * min(2.0, aspect), _HEIGHT_INCHES)
    if aspect > 2.0:
        size = (2 * _HEIGHT_INCHES, 2 * _HEIGHT_INCHES / aspect)
    figure = Figure(figsize=size, facecolor="black", layout="constrained")
    axis = figure.subplots()
    axis.set_axis_off()
    high = max(float(np.percentile(pixels[:, left:right], 99)), float(pixels.min()) + 1e-6)
    axis.imshow(
        pixels, cmap="gray", vmin=float(pixels.min()), vmax=high, aspect=row_mm / column_mm,
        interpolation="bilinear",
    )  # fmt: skip
    _draw_slices(axis, geometry, plane, stack, slices)
    for disc in discs:
        _draw_disc(axis, geometry, disc, sure=sure)
    axis.set_xlim(left - 0.5, right - 0.5)
    axis.set_ylim(pixels.shape[0] - 0.5, -0.5)
    return figure


def _columns(middle: FloatArray, column_mm: float, count: int) -> tuple[int, int]:
    """Return the columns to show: the discs with a margin at the front and the back."""
    left = int(max(0, middle.min() - _AROUND_MM[0] / column_mm))
    right = int(min(count, middle.max() + _AROUND_MM[1] / column_mm + 1))
    return (left, right) if right - left >= 2 else (0, count)


def _draw_slices(
    axis: Axes, geometry: Geometry, plane: int, stack: Geometry, slices: tuple[int, int] | None
) -> None:
    """Draw each slice as the line in which it intersects the plane, in its whole length."""
    along = stack.slice_axis
    start, stop = slices or (0, stack.shape[along])
    front_back = next(a for a in range(3) if stack.axis_codes[a] in "AP")
    for index in range(stack.shape[along]):
        ends = np.tile((np.array(stack.shape) - 1) / 2, (2, 1))
        ends[:, along] = index
        ends[:, front_back] = (-0.5, stack.shape[front_back] - 0.5)
        line = _in_plane(
            geometry.world_to_voxel(stack.voxel_to_world(ends)), stack, geometry, plane
        )
        is_selected = start <= index < stop
        axis.plot(
            line[:, 2],
            line[:, 1],
            color=_SLICE_COLOUR if is_selected else _LEFT_OUT_COLOUR,
            linewidth=0.7,
            alpha=0.55 if is_selected else 0.3,
        )


def _in_plane(line: FloatArray, stack: Geometry, geometry: Geometry, plane: int) -> FloatArray:
    """Move the ends of a line sideways within their slice into the sagittal plane."""
    sideways = next(a for a in range(3) if stack.axis_codes[a] in "LR")
    step = np.linalg.solve(geometry.affine[:3, :3], stack.affine[:3, sideways])
    moved: FloatArray = line + ((plane - line[:, 0]) / step[0])[:, None] * step
    return moved


def _draw_disc(axis: Axes, geometry: Geometry, disc: NamedDisc, *, sure: bool) -> None:
    """Draw a disc as a line in its direction, with its name and slice."""
    normal = np.array(disc.normal)
    sideways = geometry.affine[:3, 0] / geometry.spacing_mm[0]
    front = np.cross(normal, sideways)
    front /= np.linalg.norm(front)
    ends: Any = np.array(disc.centre_mm) + np.outer((-_DISC_MM, _DISC_MM), front)
    line = geometry.world_to_voxel(ends)
    axis.plot(line[:, 2], line[:, 1], color=_DISC_COLOUR, linewidth=2.0)
    front_end = line[line[:, 2].argmin()]
    place = "outside" if disc.slice is None else f"slice {disc.slice}"
    axis.annotate(
        f"{disc.name}{'' if sure else '?'} · {place}",
        (front_end[2], front_end[1]),
        xytext=(-6, 0),
        textcoords="offset points",
        color=_DISC_COLOUR,
        fontsize=8,
        ha="right",
        va="center",
    )
