"""Sizes and fonts of figures, and whether they can be drawn."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lpm_segmentator.core import MissingExtraError
from lpm_segmentator.core.quiet import quiet_log

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "check_drawable",
    "figure_style",
    "new_figure",
    "points",
    "strip_and_box",
]

#: Journal columns, in inches: 89 mm and 183 mm
SINGLE_COLUMN, DOUBLE_COLUMN = 3.5, 7.2

_FEW = 12  # with fewer cases there is a median line instead of a box
_MANY = 100  # more points are drawn smaller and more transparent

_STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Arial", "Helvetica", "DejaVu Sans"],
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "lines.linewidth": 1.2,
    # Text stays editable: TrueType in PDF, characters instead of outlines in SVG.
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "lpm-segmentator",
}


def check_drawable() -> None:
    """Check that matplotlib is installed.

    Raises
    ------
    MissingExtraError
        If it is not.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError("drawing figures", extra="compare")


@contextmanager
def figure_style() -> Iterator[None]:
    """Apply the style of the figures; matplotlib's global settings are restored afterwards.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    check_drawable()
    import matplotlib as mpl

    # Arial is rare on servers; the fallback is intended and needs no warning for each figure.
    with quiet_log("matplotlib.font_manager", logging.ERROR), mpl.rc_context(_STYLE):
        yield


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure without pyplot or a display.

    Parameters
    ----------
    width, height : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.07, h_pad=0.06)
    return Figure(figsize=(width, height), layout=layout)


def points(n: int) -> dict[str, Any]:
    """Return size and opacity of the markers of n points, as keywords of ``Axes.scatter``.

    Parameters
    ----------
    n : int
    """
    return {"s": 14 if n <= _MANY else 8, "alpha": 0.7 if n <= _MANY else 0.45}


def strip_and_box(
    axes: Axes,
    at: float,
    values: NDArray[np.float64],
    colour: str,
    rng: np.random.Generator,
    *,
    width: float = 0.3,
) -> None:
    """Draw every value as a point, and a box plot with whiskers to 1.5 interquartile ranges.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    at : float
        Position on the horizontal axis.
    values : ndarray of float64, shape (n,)
    colour : str
    rng : numpy.random.Generator
        Spreads the points.
    width : float
        Of the box.
    """
    spread = rng.uniform(-0.38, 0.38, len(values)) * width
    axes.scatter(at + spread, values, color=colour, linewidths=0, zorder=2, **points(len(values)))
    if len(values) < _FEW:
        axes.hlines(np.median(values), at - width / 2, at + width / 2, color="black", zorder=3)
        return
    axes.boxplot(
        [values],
        positions=[at],
        widths=width,
        showfliers=False,
        manage_ticks=False,
        medianprops={"color": "black", "linewidth": 1.4},
        boxprops={"linewidth": 0.9},
        whiskerprops={"linewidth": 0.9},
        capprops={"linewidth": 0.9},
        zorder=3,
    )
