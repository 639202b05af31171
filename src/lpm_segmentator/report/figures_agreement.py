"""Figures of agreement: Bland-Altman, scatter, reference beside automatic values.

A figure of one pair has one panel; one of several pairs, such as the muscles and sides of a
measure, has a panel for each.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lpm_segmentator.agreement import BlandAltmanResult, Comparison, LineFit, PairAgreement
from lpm_segmentator.core.errors import TableError
from lpm_segmentator.measure.catalogue import fixed
from lpm_segmentator.report.colours import OKABE_ITO
from lpm_segmentator.report.style import (
    DOUBLE_COLUMN,
    SINGLE_COLUMN,
    figure_style,
    new_figure,
    points,
    strip_and_box,
)
from lpm_segmentator.report.words import lower_first, pair_label, quantity_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = ["bland_altman_figure", "reference_automatic_figure", "scatter_figure"]

Pairs = Comparison | PairAgreement | Sequence[PairAgreement]

_REFERENCE, _AUTOMATIC = OKABE_ITO["orange"], OKABE_ITO["blue"]
_COLUMNS = 2  # of panels
_NEARLY_ONE = 0.99  # above this, three decimals no longer distinguish correlations
_MOST_DECIMALS = 6  # more would be rounding errors
_LONG_LABELS = 90  # letters under one axis
_APART = 0.2  # part of the height of the axes between the centres of two labels


def bland_altman_figure(pairs: Pairs) -> Figure:
    """Draw differences against means, with bias, limits of agreement and their intervals.

    Parameters
    ----------
    pairs : PairAgreement, sequence of PairAgreement or Comparison
        Of one unit, a panel each. Of a comparison the pairs over all cases are drawn.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    TableError
        If there is no pair, or the pairs have several units.
    """
    chosen = _of_one_unit(pairs)
    quantity = lower_first(quantity_label(chosen[0].measure, ""))
    unit = f" ({chosen[0].unit})" if chosen[0].unit else ""
    with figure_style():
        figure, panels = _panels(len(chosen), (SINGLE_COLUMN * 1.25, 3.0), row_inches=2.4)
        for axes, pair in zip(panels, chosen, strict=True):
            _draw_bland_altman(axes, pair)
            axes.set_title(pair_label(pair), loc="left")
        _label_all(
            figure,
            panels,
            (f"Mean of reference and automatic\n{quantity}{unit}"),
            (f"Automatic − reference\n{quantity}{unit}"),
        )
    return figure


def _of_one_unit(pairs: Pairs) -> list[PairAgreement]:
    """Return the pairs to draw in one figure."""
    if isinstance(pairs, PairAgreement):
        return [pairs]
    chosen = list(pairs.overall if isinstance(pairs, Comparison) else pairs)
    units = sorted({pair.unit or "no unit" for pair in chosen})
    if len(units) != 1:
        raise TableError(
            "the pairs of one figure must have one unit",
            hint=f"There are {len(chosen)} pairs ({', '.join(units)}); choose those of one measure",
        )
    return chosen


def _panels(
    count: int, single_inches: tuple[float, float], *, row_inches: float
) -> tuple[Figure, list[Axes]]:
    """Make a figure with a panel for each pair."""
    if count == 1:
        figure = new_figure(*single_inches)
        return figure, [figure.add_subplot()]
    rows = -(-count // _COLUMNS)
    figure = new_figure(DOUBLE_COLUMN, 0.4 + row_inches * rows)
    grid = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for unused in grid[count:]:
        unused.remove()
    return figure, list(grid[:count])


def _label_all(figure: Figure, panels: Sequence[Axes], x: str, y: str) -> None:
    """Label the axes of one panel, or those of all panels together."""
    if len(panels) == 1:
        panels[0].set(xlabel=x, ylabel=y)
        return
    figure.supxlabel(x.replace("\n", ", "), fontsize=8)
    figure.supylabel(y.replace("\n", ", "), fontsize=8)


def _draw_bland_altman(axes: Axes, pair: PairAgreement) -> None:
    result = pair.bland_altman
    mean = (pair.reference + pair.prediction) / 2
    difference = pair.prediction - pair.reference
    axes.axhline(0, color="0.75", linewidth=0.7, zorder=1)
    axes.scatter(mean, difference, color=_AUTOMATIC, linewidths=0, zorder=2, **points(pair.n))
    labels = _draw_estimates(axes, result)
    axes.set_ylim(_y_range(difference, result))
    axes.locator_params(axis="x", nbins=5, steps=[1, 2, 5, 10])
    _write_beside(axes, labels)
    if not result.upper.defined:
        _write_reason(axes, pair)


def _draw_estimates(axes: Axes, result: BlandAltmanResult) -> list[tuple[float, str, str]]:
    """Draw bias, limits and their intervals; return their labels (value, text, colour)."""
    percent = f"{100 * result.limits:g} %"
    # One case has no deviation; identical differences have none either.
    digits = _decimals(result.sd if result.sd > 0 else abs(result.bias.value))
    # Intervals that overlap are written as numbers instead.
    apart = result.lower.high < result.bias.low and result.bias.high < result.upper.low
    labels = []
    for estimate, name, style in (
        (result.upper, f"Upper {percent} limit", "--"),
        (result.bias, "Bias", "-"),
        (result.lower, f"Lower {percent} limit", "--"),
    ):
        if not estimate.defined:
            continue
        colour = OKABE_ITO["black"] if style == "-" else OKABE_ITO["vermillion"]
        axes.axhline(estimate.value, color=colour, linestyle=style, linewidth=1.1, zorder=3)
        text = f"{name}\n{fixed(estimate.value, digits, sign='+')}"
        if apart:
            axes.axhspan(estimate.low, estimate.high, color=colour, alpha=0.13, linewidth=0)
        elif np.isfinite([estimate.low, estimate.high]).all():
            ends = (fixed(end, digits, sign="+") for end in (estimate.low, estimate.high))
            text += f"\n[{', '.join(ends)}]"
        labels.append((estimate.value, text, colour))
    return labels


def _write_reason(axes: Axes, pair: PairAgreement) -> None:
    """Write beside the axes why there are no limits, away from the label of the bias."""
    low, high = axes.get_ylim()
    is_bias_high = pair.bland_altman.bias.value > (low + high) / 2
    reason = textwrap.fill(pair.bland_altman.upper.reason, 20)
    axes.annotate(
        f"n = {pair.n}\n{reason}",
        (1.0, 0.0 if is_bias_high else 1.0),
        xycoords="axes fraction",
        xytext=(4, 0),
        textcoords="offset points",
        va="bottom" if is_bias_high else "top",
        fontsize=7,
        color="0.35",
        annotation_clip=False,
    )


def _decimals(scale: float) -> int:
    """Return the decimals that show three digits of a number; two for 0 and undefined numbers."""
    if not math.isfinite(scale) or scale <= 0:
        return 2
    return min(max(0, 2 - math.floor(math.log10(scale))), _MOST_DECIMALS)


def _y_range(difference: NDArray[np.float64], result: BlandAltmanResult) -> tuple[float, float]:
    """Return the ends of the axis of differences.

    They include all points, the limits and zero, but not the intervals of the limits: with few
    cases these are so wide that nothing else could be read.
    """
    shown = [0.0, *difference, result.lower.value, result.upper.value]
    finite = [value for value in shown if math.isfinite(value)]
    pad = 0.1 * (max(finite) - min(finite)) or 1.0
    return min(finite) - pad, max(finite) + pad


def _write_beside(axes: Axes, labels: Sequence[tuple[float, str, str]]) -> None:
    """Write labels (value, text, colour), highest first, beside the axes without overlap."""
    low, high = axes.get_ylim()
    ordered = labels[::-1]
    heights = [(value - low) / (high - low) for value, _, _ in ordered]
    for (_, text, colour), height in zip(ordered, _move_apart(heights), strict=True):
        axes.annotate(
            text,
            (1.0, height),
            xycoords="axes fraction",
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
            color=colour,
            annotation_clip=False,
        )


def _move_apart(heights: Sequence[float]) -> list[float]:
    """Move sorted heights (parts of an axis) at least `_APART` from the middle one outwards."""
    moved = list(heights)
    middle = len(moved) // 2
    for index in range(middle + 1, len(moved)):
        moved[index] = max(moved[index], moved[index - 1] + _APART)
    for index in range(middle - 1, -1, -1):
        moved[index] = min(moved[index], moved[index + 1] - _APART)
    return moved


def scatter_figure(pairs: Pairs) -> Figure:
    """Draw automatic against reference values, with identity and the least squares line.

    Parameters
    ----------
    pairs : PairAgreement, sequence of PairAgreement or Comparison
        Of one unit, a panel each. Of a comparison the pairs over all cases are drawn.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    TableError
        If there is no pair, or the pairs have several units.
    """
    chosen = _of_one_unit(pairs)
    quantity = lower_first(quantity_label(chosen[0].measure, chosen[0].unit))
    with figure_style():
        figure, panels = _panels(len(chosen), (SINGLE_COLUMN, 3.4), row_inches=3.1)
        for axes, pair in zip(panels, chosen, strict=True):
            _draw_scatter(axes, pair)
            axes.set_title(pair_label(pair), loc="left")
        _label_all(figure, panels, f"Reference {quantity}", f"Automatic {quantity}")
    return figure


def _draw_scatter(axes: Axes, pair: PairAgreement) -> None:
    both = np.concatenate([pair.reference, pair.prediction])
    pad = 0.05 * float(np.ptp(both)) or 1.0
    ends = np.array([both.min() - pad, both.max() + pad])
    axes.plot(ends, ends, color="0.55", linestyle="--", label="Identity", zorder=1)
    x, y = pair.reference, pair.prediction
    axes.scatter(x, y, color=_AUTOMATIC, linewidths=0, zorder=2, **points(pair.n))
    fit = pair.ols
    if fit.slope.defined:
        reach = np.array([x.min(), x.max()])
        values = fit.intercept.value + fit.slope.value * reach
        label = f"Least squares: {_line_text(fit)}"
        axes.plot(reach, values, color=OKABE_ITO["vermillion"], label=label)
    axes.set(xlim=ends, ylim=ends, aspect="equal")
    axes.text(0.97, 0.04, _scatter_text(pair), transform=axes.transAxes, ha="right", fontsize=7)
    axes.legend(loc="upper left")


def _line_text(fit: LineFit) -> str:
    intercept = fit.intercept.value
    sign, size = "−" if intercept < 0 else "+", abs(intercept)
    return f"y = {fit.slope.value:.3f} x {sign} {size:.{_decimals(size)}f}"


def _scatter_text(pair: PairAgreement) -> str:
    lines = [f"n = {pair.n}"]
    icc = pair.icc.agreement
    if icc.defined:
        digits = 4 if icc.value > _NEARLY_ONE else 3
        text = f"ICC(A,1) = {icc.value:.{digits}f}"
        if not math.isnan(icc.low):
            text += f" [{icc.low:.{digits}f}, {icc.high:.{digits}f}]"
        lines.append(text)
    if pair.pearson.defined:
        lines.append(f"Pearson r = {pair.pearson.value:.4f}")
    return "\n".join(lines)


def reference_automatic_figure(pairs: Pairs) -> Figure:
    """Draw reference beside automatic values for each muscle: points with a box plot.

    Parameters
    ----------
    pairs : PairAgreement, sequence of PairAgreement or Comparison
        Of one unit. Of a comparison the pairs over all cases are drawn.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    TableError
        If there is no pair, or the pairs have several units.
    """
    chosen = _of_one_unit(pairs)
    rng = np.random.default_rng(0)
    with figure_style():
        figure = new_figure(max(SINGLE_COLUMN, min(DOUBLE_COLUMN, 1.2 + 1.3 * len(chosen))), 3.2)
        axes = figure.add_subplot()
        for index, pair in enumerate(chosen):
            for offset, values, colour in (
                (-0.2, pair.reference, _REFERENCE),
                (0.2, pair.prediction, _AUTOMATIC),
            ):
                strip_and_box(axes, index + offset, values, colour, rng)
        for name, colour in (("Reference", _REFERENCE), ("Automatic", _AUTOMATIC)):
            axes.scatter([], [], color=colour, s=18, label=name)
        axes.legend(loc="upper right", bbox_to_anchor=(1, 1.1), ncols=2)
        axes.set_xticks(
            range(len(chosen)), [f"{pair_label(pair)}\nn = {pair.n}" for pair in chosen]
        )
        if max(len(pair_label(pair)) for pair in chosen) * len(chosen) > _LONG_LABELS:
            axes.tick_params(axis="x", labelrotation=45)
        axes.set_ylabel(quantity_label(chosen[0].measure, chosen[0].unit))
    return figure
