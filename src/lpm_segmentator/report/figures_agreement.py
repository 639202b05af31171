"""Figures of agreement: Bland-Altman, scatter, reference beside automatic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lpm_segmentator.agreement import BlandAltmanResult, Comparison, LineFit, PairAgreement
from lpm_segmentator.core.errors import TableError
from lpm_segmentator.report.style import (
    DOUBLE_COLUMN,
    OKABE_ITO,
    SINGLE_COLUMN,
    figure_style,
    label_axes,
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

_REFERENCE, _AUTOMATIC = OKABE_ITO["orange"], OKABE_ITO["blue"]
_NEARLY_ONE = 0.99  # above this three decimals no longer tell correlations apart
_MOST_DECIMALS = 6  # more would be rounding errors
_LONG_LABELS = 90  # letters under one axis
_APART = 0.2  # part of the axes' height between the middles of two labels


def bland_altman_figure(pair: PairAgreement, *, title: str | None = None) -> Figure:
    """Draw the difference against mean, with bias, limits of agreement and their intervals.

    Parameters
    ----------
    pair : PairAgreement
    title : str, optional
        Defaults to the muscle and side.
    """
    result = pair.bland_altman
    mean = (pair.reference + pair.prediction) / 2
    difference = pair.prediction - pair.reference
    unit = f" ({pair.unit})" if pair.unit else ""
    with figure_style():
        figure = new_figure(SINGLE_COLUMN * 1.25, 3.0)
        axes = figure.add_subplot()
        axes.axhline(0, color="0.75", linewidth=0.7, zorder=1)
        axes.scatter(mean, difference, color=_AUTOMATIC, linewidths=0, zorder=2, **points(pair.n))
        labels = _estimates(axes, result)
        axes.set_ylim(_reach(difference, result))
        axes.locator_params(axis="x", nbins=5, steps=[1, 2, 5, 10])
        _beside(axes, labels)
        quantity = lower_first(quantity_label(pair.measure, ""))
        label_axes(
            axes,
            f"Mean of reference and automatic\n{quantity}{unit}",
            f"Automatic − reference\n{quantity}{unit}",
            title=pair_label(pair) if title is None else title,
        )
    return figure


def _estimates(axes: Axes, result: BlandAltmanResult) -> list[tuple[float, str, str]]:
    """Draw bias, limits and their intervals; return the labels beside them, highest first."""
    percent = f"{100 * result.limits:g} %"
    # One case has no deviation; identical differences have none either.
    digits = _decimals(result.sd if result.sd > 0 else abs(result.bias.value))
    # Intervals of a few cases lie over each other: written, they can be told apart.
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
        text = f"{name}\n{_signed(estimate.value, digits)}"
        if apart:
            axes.axhspan(estimate.low, estimate.high, color=colour, alpha=0.13, linewidth=0)
        elif np.isfinite([estimate.low, estimate.high]).all():
            text += f"\n[{_signed(estimate.low, digits)}, {_signed(estimate.high, digits)}]"
        labels.append((estimate.value, text, colour))
    return labels


def _signed(value: float, digits: int) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")


def _decimals(scale: float) -> int:
    """Count the decimals that show three digits of a number; two for 0 and what is undefined."""
    if not math.isfinite(scale) or scale <= 0:
        return 2
    return min(max(0, 2 - math.floor(math.log10(scale))), _MOST_DECIMALS)


def _reach(difference: NDArray[np.float64], result: BlandAltmanResult) -> tuple[float, float]:
    """Return the ends of the axis of differences.

    Points, limits and zero are shown whole. The intervals of the limits are not waited for: of a
    few cases they are so wide that nothing else would be seen.
    """
    shown = [0.0, *difference, result.lower.value, result.upper.value]
    finite = [value for value in shown if math.isfinite(value)]
    pad = 0.1 * (max(finite) - min(finite)) or 1.0
    return min(finite) - pad, max(finite) + pad


def _beside(axes: Axes, labels: Sequence[tuple[float, str, str]]) -> None:
    """Write labels (value, text, colour), highest first, beside the axes, none over another."""
    low, high = axes.get_ylim()
    ordered = labels[::-1]
    wished = [(value - low) / (high - low) for value, _, _ in ordered]
    for (_, text, colour), height in zip(ordered, _spread(wished), strict=True):
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


def _spread(heights: Sequence[float]) -> list[float]:
    """Move sorted heights (parts of an axis) apart by at least `_APART`, about the middle one."""
    found = list(heights)
    middle = len(found) // 2
    for index in range(middle + 1, len(found)):
        found[index] = max(found[index], found[index - 1] + _APART)
    for index in range(middle - 1, -1, -1):
        found[index] = min(found[index], found[index + 1] - _APART)
    return found


def scatter_figure(pair: PairAgreement, *, line: str = "ols", title: str | None = None) -> Figure:
    """Draw automatic against reference, with the line of identity and a regression line.

    Parameters
    ----------
    pair : PairAgreement
    line : {"ols", "deming", "passing_bablok"}
        Which line to draw.
    title : str, optional
    """
    fits: dict[str, LineFit] = {
        "ols": pair.ols,
        "deming": pair.deming,
        "passing_bablok": pair.passing_bablok,
    }
    if line not in fits:
        raise TableError(f"there is no line {line!r}", hint=f"use one of {', '.join(fits)}")
    unit = f" ({pair.unit})" if pair.unit else ""
    with figure_style():
        figure = new_figure(SINGLE_COLUMN, 3.4)
        axes = figure.add_subplot()
        both = np.concatenate([pair.reference, pair.prediction])
        pad = 0.05 * float(np.ptp(both)) or 1.0
        ends = np.array([both.min() - pad, both.max() + pad])
        axes.plot(ends, ends, color="0.55", linestyle="--", label="Identity", zorder=1)
        axes.scatter(
            pair.reference,
            pair.prediction,
            color=_AUTOMATIC,
            linewidths=0,
            zorder=2,
            **points(pair.n),
        )
        fit = fits[line]
        if fit.slope.defined:
            reach = np.array([pair.reference.min(), pair.reference.max()])
            values = fit.intercept.value + fit.slope.value * reach
            name = {"ols": "Least squares", "deming": "Deming"}.get(line, "Passing–Bablok")
            axes.plot(
                reach, values, color=OKABE_ITO["vermillion"], label=f"{name}: {_line_text(fit)}"
            )
        axes.set(xlim=ends, ylim=ends, aspect="equal")
        axes.text(0.97, 0.04, _scatter_text(pair), transform=axes.transAxes, ha="right", fontsize=7)
        axes.legend(loc="upper left")
        quantity = quantity_label(pair.measure, "")
        label_axes(
            axes,
            f"Reference {lower_first(quantity)}{unit}",
            f"Automatic {lower_first(quantity)}{unit}",
            title=pair_label(pair) if title is None else title,
        )
    return figure


def _line_text(fit: LineFit) -> str:
    sign = "−" if fit.intercept.value < 0 else "+"
    return f"y = {fit.slope.value:.3f} x {sign} {abs(fit.intercept.value):.2g}"


def _scatter_text(pair: PairAgreement) -> str:
    lines = [f"n = {pair.n}"]
    icc = pair.icc.agreement
    if icc.defined:
        digits = 4 if icc.value > _NEARLY_ONE else 3
        lines.append(
            f"ICC(A,1) = {icc.value:.{digits}f} [{icc.low:.{digits}f}, {icc.high:.{digits}f}]"
        )
    if pair.pearson.defined:
        lines.append(f"Pearson r = {pair.pearson.value:.4f}")
    return "\n".join(lines)


def reference_automatic_figure(pairs: Comparison | Sequence[PairAgreement]) -> Figure:
    """Draw reference beside automatic for each muscle: every case as a point, a box over them.

    Parameters
    ----------
    pairs : Comparison or sequence of PairAgreement
        Of one unit. Of a comparison the pairs over all cases are drawn.

    Raises
    ------
    TableError
        If there is no pair, or the pairs have several units.
    """
    chosen = list(pairs.overall if isinstance(pairs, Comparison) else pairs)
    if not chosen or len({pair.unit for pair in chosen}) > 1:
        raise TableError(
            "the pairs of one figure must have one unit",
            hint=f"there are {len(chosen)} pairs; choose those of one measure",
        )
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
        label_axes(axes, "", quantity_label(chosen[0].measure, chosen[0].unit))
    return figure
