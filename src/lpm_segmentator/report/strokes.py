"""Masks of lines and areas, drawn larger and reduced so that their edges are smooth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Box", "FloatArray", "area_mask", "enlarged", "line_mask", "reduced"]

#: A mask is this many times larger than the part of the picture it belongs to.
_FINE = 3
#: distance of the dots of a dotted line, in widths of the line
_DOT_STEP = 2.65

FloatArray = npt.NDArray[np.float64]
#: left, top, right and bottom in pixels of the picture, half-open
Box = tuple[int, int, int, int]


def line_mask(
    lines: Sequence[FloatArray],
    box: Box,
    width: float,
    *,
    dotted: bool = False,
) -> Image:
    """Return where lines are.

    Parameters
    ----------
    lines : sequence of ndarray of float64, shape (n, 2)
        Places in the mask, as `enlarged` gives them.
    box : tuple of int
        The part of the picture that the mask belongs to.
    width : float
        In pixels of the picture.
    dotted : bool

    Returns
    -------
    PIL.Image.Image
        Larger than the box.
    """
    from PIL import ImageDraw

    mask = _empty_mask(box)
    pen, thick = ImageDraw.Draw(mask), max(1, round(width * _FINE))
    reach = (thick - 1) / 2
    for line in lines:
        # Discs at the corners make joints and ends round. Pillow counts from pixel centres.
        discs = np.rint((_dots(line, thick * _DOT_STEP) if dotted else _corners(line)) - 0.5)
        if not dotted:
            pen.line(discs.ravel().tolist(), 255, thick)
        for x, y in discs.tolist():
            pen.ellipse((x - reach, y - reach, x + reach, y + reach), 255)
    return mask


def reduced(mask: Image) -> Image:
    """Return a mask in the size of its part of the picture.

    Parameters
    ----------
    mask : PIL.Image.Image
    """
    return mask.reduce(_FINE)


def enlarged(lines: Sequence[FloatArray], box: Box) -> list[FloatArray]:
    """Return places in the picture as places in the mask of a part of it.

    Parameters
    ----------
    lines : sequence of ndarray of float64, shape (n, 2)
    box : tuple of int
        The part of the picture.

    Returns
    -------
    list of ndarray of float64, shape (n, 2)
    """
    return [(line - box[:2]) * _FINE for line in lines]


def _corners(line: FloatArray) -> FloatArray:
    """Return the ends of a line and the points at which its direction changes."""
    before, after = np.diff(line[:-1], axis=0), np.diff(line[1:], axis=0)
    turn = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    corners: FloatArray = line[np.concatenate([[True], np.abs(turn) > 1e-9, [True]])]
    return corners


def area_mask(areas: Sequence[Sequence[FloatArray]], box: Box) -> Image:
    """Return where areas are.

    Parameters
    ----------
    areas : sequence of sequence of ndarray of float64, shape (n, 2)
        Of each area its outer border and those of its holes: places in the mask, as `enlarged`
        gives them.
    box : tuple of int
        The part of the picture that the mask belongs to.

    Returns
    -------
    PIL.Image.Image
        Larger than the box.
    """
    from PIL import ImageDraw

    mask = _empty_mask(box)
    pen = ImageDraw.Draw(mask)
    # Large ones first: an area may lie in the hole of another.
    for outer, *holes in sorted(areas, key=lambda rings: -float(np.prod(np.ptp(rings[0], axis=0)))):
        pen.polygon((outer - 0.5).ravel().tolist(), 255)
        for hole in holes:
            pen.polygon((hole - 0.5).ravel().tolist(), 0)
    return mask


def _empty_mask(box: Box) -> Image:
    from PIL import Image

    left, top, right, bottom = box
    return Image.new("L", ((right - left) * _FINE, (bottom - top) * _FINE))


def _dots(line: FloatArray, step: float) -> FloatArray:
    """Return points on a line that are one step apart."""
    lengths = np.hypot(*np.diff(line, axis=0).T)
    at = np.concatenate([[0.0], np.cumsum(lengths)])
    wanted = np.arange(0.0, at[-1], step)
    return np.column_stack([np.interp(wanted, at, line[:, axis]) for axis in (0, 1)])
