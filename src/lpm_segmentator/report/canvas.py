"""A black picture to draw on: places in pixels, widths of lines and heights of letters in points.

Lines and letters have one size in every picture, whatever the size of the image. The same calls
give the same pixels: the font is the one that Pillow contains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lpm_segmentator.report.strokes import (
    Box,
    FloatArray,
    area_mask,
    enlarged,
    line_mask,
    reduced,
)

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

__all__ = ["SEPARATOR", "Canvas", "Outline", "Tile", "in_pixels", "text_width"]

#: between parts of a text; the dot of the font is narrow
SEPARATOR = "  ·  "

_POINTS_PER_INCH = 72
#: opacity of the dark border of lines and letters
_HALO_OPACITY = 0.7


@dataclass(frozen=True)
class Tile:
    """The place of an image in a picture, in pixels from its upper left corner.

    Attributes
    ----------
    left, top, width, height : int
    shape : tuple of int
        Rows and columns of the image.
    """

    left: int
    top: int
    width: int
    height: int
    shape: tuple[int, int]

    @property
    def right(self) -> int:
        """The first column of the picture behind the image."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """The first row of the picture below the image."""
        return self.top + self.height

    def place(self, points: FloatArray) -> FloatArray:
        """Return points in the picture, where a pixel reaches from n to n + 1.

        Parameters
        ----------
        points : ndarray of float64, shape (n, 2)
            Columns and rows of the image, counted from pixel centres.

        Returns
        -------
        ndarray of float64, shape (n, 2)
        """
        rows, columns = self.shape
        share = (points + 0.5) / (columns, rows)
        placed: FloatArray = share * (self.width, self.height) + (self.left, self.top)
        return placed


@dataclass(frozen=True, eq=False)
class Outline:
    """The outline of a structure.

    Attributes
    ----------
    lines : tuple of ndarray of float64, shape (n, 2)
        Its border; open where the edge of the image cuts the structure off.
    areas : tuple of tuple of ndarray of float64, shape (n, 2)
        Its parts, each as a closed line and those of its holes.
    """

    lines: tuple[FloatArray, ...] = ()
    areas: tuple[tuple[FloatArray, ...], ...] = ()


class Canvas:
    """A black picture to draw on.

    Parameters
    ----------
    width, height : int
        In pixels.
    dpi : float
        Pixels per inch.

    Attributes
    ----------
    picture : PIL.Image.Image
        What was drawn.
    """

    picture: Image

    def __init__(self, width: int, height: int, dpi: float) -> None:
        from PIL import Image

        self.picture = Image.new("RGB", (width, height))
        self.picture.info["dpi"] = (dpi, dpi)
        self._dpi = dpi

    def pixels(self, points: float) -> float:
        """Return a length in pixels."""
        return in_pixels(points, self._dpi)

    def draw_image(self, tile: Tile, values: npt.NDArray[Any], window: tuple[float, float]) -> None:
        """Draw an image in its place.

        Parameters
        ----------
        tile : Tile
        values : ndarray, shape (rows, columns)
        window : tuple of float
            The value shown black, and the one shown white.
        """
        from PIL import Image

        low, high = window
        grey = ((values.astype(np.float64) - low) * (255 / (high - low))).astype(np.float32)
        shown = Image.fromarray(grey).resize((tile.width, tile.height), Image.Resampling.BICUBIC)
        rounded = np.clip(np.rint(np.asarray(shown)), 0, 255).astype(np.uint8)
        self.picture.paste(Image.fromarray(rounded), (tile.left, tile.top))

    def draw_lines(
        self,
        lines: Sequence[FloatArray],
        colour: str,
        points: float,
        *,
        opacity: float = 1.0,
        dotted: bool = False,
        within: Tile | None = None,
    ) -> None:
        """Draw lines of one colour, smooth and with round ends.

        Parameters
        ----------
        lines : sequence of ndarray of float64, shape (n, 2)
            Places in the picture.
        colour : str
        points : float
            Width of the lines.
        opacity : float
            From 0 to 1.
        dotted : bool
        within : Tile, optional
            Where lines are shown; everywhere by default.
        """
        if not lines:
            return
        width = self.pixels(points)
        box = self._box_around(lines, width)
        if within is not None:
            box = (within.left, within.top, within.right, within.bottom)
        mask = line_mask(enlarged(lines, box), box, width, dotted=dotted)
        self._paste(reduced(mask), box, colour, opacity)

    def draw_outlines(self, outlines: Sequence[Outline], colour: str, points: float) -> None:
        """Draw lines on the inner side of the borders of areas.

        Where two areas touch, the lines of both are seen.

        Parameters
        ----------
        outlines : sequence of Outline
        colour : str
        points : float
            Width of the lines.
        """
        from PIL import ImageChops

        lines = [line for outline in outlines for line in outline.lines]
        if not lines:
            return
        box = self._box_around(lines, self.pixels(points))
        areas = [enlarged(area, box) for outline in outlines for area in outline.areas]
        both_sides = line_mask(enlarged(lines, box), box, 2 * self.pixels(points))
        mask = ImageChops.darker(both_sides, area_mask(areas, box))
        self._paste(reduced(mask), box, colour, 1.0)

    def draw_halo(self, lines: Sequence[FloatArray], points: float) -> None:
        """Darken the image where lines will be drawn, and beside them.

        Parameters
        ----------
        lines : sequence of ndarray of float64, shape (n, 2)
            Places in the picture.
        points : float
            Width of the dark lines.
        """
        self.draw_lines(lines, "black", points, opacity=_HALO_OPACITY)

    def draw_block(self, box: Box, colour: str, *, halo: float = 0.0) -> None:
        """Fill a rectangle, with sharp edges.

        Parameters
        ----------
        box : tuple of int
            Left, top, right and bottom, half-open.
        colour : str
        halo : float
            Width of a dark border around it, in points; 0 for none.
        """
        left, top, right, bottom = box
        border = round(self.pixels(halo))
        outer = (left - border, top - border, right + border, bottom + border)
        self.picture.paste("black", outer)
        self.picture.paste(colour, box)

    def draw_frame(self, tile: Tile, colour: str, points: float) -> None:
        """Draw a frame inside the edges of an image.

        Parameters
        ----------
        tile : Tile
        colour : str
        points : float
            Width of the frame.
        """
        from PIL import ImageDraw

        edges = (tile.left, tile.top, tile.right - 1, tile.bottom - 1)
        width = round(self.pixels(points))
        ImageDraw.Draw(self.picture).rectangle(edges, outline=colour, width=width)

    def write(
        self,
        place: tuple[float, float],
        words: str,
        colour: str,
        points: float,
        *,
        anchor: str,
        halo: float = 0.0,
        bold: bool = False,
    ) -> None:
        """Write words, in one or several lines.

        Parameters
        ----------
        place : tuple of float
            Column and row of the picture; rounded.
        words : str
        colour : str
        points : float
            Size of the letters.
        anchor : str
            The part of the text that lies at the place, as in Pillow: ``"lm"`` is the left end in
            the middle of the height, ``"ms"`` the middle on the baseline.
        halo : float
            Width of a dark border around the letters, in points; 0 for none.
        bold : bool
        """
        from PIL import ImageDraw

        font = _font(round(self.pixels(points)))
        column, row = (round(part) for part in place)
        # The font has one weight: bold letters are written twice, a pixel apart.
        places = [(column + step, row) for step in range(1 + bold)]
        pen = ImageDraw.Draw(self.picture)
        if halo:
            for start in places:
                self._darken_around(start, words, font, anchor, round(self.pixels(halo)))
        for start in places:
            pen.text(start, words, colour, font, anchor)

    def _darken_around(
        self, place: tuple[int, int], words: str, font: FreeTypeFont, anchor: str, border: int
    ) -> None:
        from PIL import Image, ImageDraw

        pen = ImageDraw.Draw(self.picture)
        box = pen.textbbox(place, words, font, anchor, stroke_width=border)
        left, top = (int(np.floor(part)) for part in box[:2])
        right, bottom = (int(np.ceil(part)) for part in box[2:])
        mask = Image.new("L", (right - left, bottom - top))
        shifted = (place[0] - left, place[1] - top)
        ImageDraw.Draw(mask).text(shifted, words, 255, font, anchor, stroke_width=border)
        self._paste(mask, (left, top, right, bottom), "black", _HALO_OPACITY)

    def text_width(self, words: str, points: float) -> float:
        """Return the width of words on one line, in pixels."""
        return text_width(words, points, self._dpi)

    def _box_around(self, lines: Sequence[FloatArray], width: float) -> Box:
        """Return the part of the picture that lines lie in, of at least one pixel."""
        every, size = np.concatenate(lines), np.array(self.picture.size)
        low = np.clip(np.floor(every.min(axis=0) - width), 0, size - 1).astype(int)
        high = np.clip(np.ceil(every.max(axis=0) + width), low + 1, size).astype(int)
        left, top = low.tolist()
        right, bottom = high.tolist()
        return left, top, right, bottom

    def _paste(self, mask: Image, box: Box, colour: str, opacity: float) -> None:
        shown = mask if opacity == 1 else mask.point([round(v * opacity) for v in range(256)])
        self.picture.paste(colour, box, shown)


def in_pixels(points: float, dpi: float) -> float:
    """Return a length in pixels.

    Parameters
    ----------
    points : float
    dpi : float
        Pixels per inch.
    """
    return points * dpi / _POINTS_PER_INCH


def text_width(words: str, points: float, dpi: float) -> float:
    """Return the width of words on one line, in pixels.

    Parameters
    ----------
    words : str
    points : float
        Size of the letters.
    dpi : float
        Pixels per inch.
    """
    return float(_font(round(in_pixels(points, dpi))).getlength(words))


@lru_cache(maxsize=32)
def _font(pixels: int) -> FreeTypeFont:
    from PIL import ImageFont

    font: Any = ImageFont.load_default(pixels)
    return font  # type: ignore[no-any-return]
