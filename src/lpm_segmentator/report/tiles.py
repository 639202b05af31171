"""Images placed in a picture in inches: lines and letters have one size in every picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Tile", "black_figure", "draw_image", "halo"]


@dataclass(frozen=True)
class Tile:
    """The place of an image in a picture, in inches from its upper left corner.

    Attributes
    ----------
    left, top, width, height : float
    shape : tuple of int
        Rows and columns of the image.
    """

    left: float
    top: float
    width: float
    height: float
    shape: tuple[int, int]

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top."""
        return self.left, self.left + self.width, self.top + self.height, self.top

    def place(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return points in inches.

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
        placed: npt.NDArray[np.float64] = share * (self.width, self.height) + (self.left, self.top)
        return placed


def black_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """Make a black figure with axes in inches from its upper left corner.

    Parameters
    ----------
    width, height : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
    matplotlib.axes.Axes
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor="black")
    axis = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axis.set_axis_off()
    axis.set(xlim=(0, width), ylim=(height, 0))
    return figure, axis


def draw_image(
    axis: Axes, tile: Tile, values: npt.NDArray[Any], window: tuple[float, float]
) -> None:
    """Draw an image in its place.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    tile : Tile
    values : ndarray, shape (rows, columns)
    window : tuple of float
        The value shown black, and the one shown white.
    """
    from matplotlib.image import AxesImage

    # Not imshow, which sets limits and aspect of the axes anew each time.
    image = AxesImage(
        axis, cmap="gray", extent=tile.extent, origin="upper", interpolation="bilinear"
    )
    image.set_data(values)
    image.set_clim(*window)
    axis.add_image(image)


def halo(width: float) -> list[Any]:
    """Return the effect of a thin dark border around lines and letters.

    Parameters
    ----------
    width : float
        In points.
    """
    from matplotlib import patheffects

    return [patheffects.withStroke(linewidth=width, foreground="#000000B0")]
