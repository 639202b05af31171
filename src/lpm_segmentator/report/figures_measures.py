"""Figures of measures: overlap by sequence, profile along the levels, asymmetry."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lpm_segmentator.agreement import require_columns
from lpm_segmentator.core.errors import TableError
from lpm_segmentator.core.labels import Disc, Side
from lpm_segmentator.measure import asymmetry_percent
from lpm_segmentator.report.colours import OKABE_ITO
from lpm_segmentator.report.style import (
    DOUBLE_COLUMN,
    SINGLE_COLUMN,
    figure_style,
    new_figure,
    strip_and_box,
)
from lpm_segmentator.report.words import NoValuesError, lower_first, quantity_label

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["asymmetry_figure", "level_profile_figure", "overlap_figure"]

_AUTOMATIC = OKABE_ITO["blue"]
_MUSCLE_COLOURS = {"ES": OKABE_ITO["blue"], "MF": OKABE_ITO["vermillion"]}
_MUSCLE_MARKERS = {"ES": "o", "MF": "s"}
_OTHER_COLOUR, _OTHER_MARKER = OKABE_ITO["green"], "D"
#: as tables name the sides, in lower case
_SIDES = {name.lower(): side.full_name for side in Side for name in (side.value, side.full_name)}


def _levels() -> list[str]:
    """Return the discs and the vertebrae between them, from head to foot."""
    names: list[str] = []
    for disc in Disc:
        names += [str(disc), disc.below]
    return names[:-1]


def overlap_figure(
    table: pd.DataFrame, *, column: str = "dsc_global", sequence: str = "sequence"
) -> Figure:
    """Draw the distribution of an overlap measure by sequence, or by any other column.

    Parameters
    ----------
    table : DataFrame
        One row per case, with `column` (0–1) and `sequence`.
    column, sequence : str

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    TableError
        If a column is missing.
    NoValuesError
        If no row has both values.
    """
    require_columns(table, [column, sequence])
    used = table[[sequence, column]].dropna()
    if used.empty:
        raise NoValuesError(
            f"no row has both {sequence} and {column}", hint="Look for empty columns"
        )
    groups = [(str(key), part[column].to_numpy(float)) for key, part in used.groupby(sequence)]
    rng = np.random.default_rng(0)
    with figure_style():
        figure = new_figure(max(SINGLE_COLUMN, 1.0 + 0.9 * len(groups)), 3.0)
        axes = figure.add_subplot()
        for index, (_, values) in enumerate(groups):
            strip_and_box(axes, index, values, _AUTOMATIC, rng, width=0.5)
        axes.set_xticks(range(len(groups)), [f"{key}\nn = {len(values)}" for key, values in groups])
        low = min(values.min() for _, values in groups)
        axes.set_ylim(max(0.0, low - 0.08 * (1 - low) - 0.002), 1.0)
        name = quantity_label(re.sub(r"_global$", "", column))
        axes.set_ylabel(f"{name}, all muscles" if column.endswith("_global") else name)
    return figure


def level_profile_figure(
    table: pd.DataFrame, *, measures: Sequence[str] = ("csa_mean_mm2", "fat_ratio")
) -> Figure:
    """Draw the profile of measures along the spine: median and quartiles of each muscle.

    Parameters
    ----------
    table : DataFrame
        Tidy: ``case, muscle, side, level`` and the measures. Levels other than discs and
        vertebrae (the whole stack) and sides other than right and left are left out; a case is
        represented by the mean of right and left.
    measures : sequence of str
        One panel each.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    TableError
        If a column is missing, or no row has a known level.
    NoValuesError
        If no row of a level has a value.
    """
    require_columns(table, ["case", "muscle", "level", *measures])
    order = _levels()
    part = table[table["level"].isin(order)]
    if "side" in part.columns:
        # Rows that sum both sides would count twice.
        part = part[part["side"].astype(str).str.lower().isin(_SIDES)]
    if part.empty:
        raise TableError("no row has a known level", hint=f"Known levels: {', '.join(order)}")
    if part[list(measures)].isna().all(axis=None):
        raise NoValuesError(
            "no level of a muscle has a value", hint="Look for masks that were discarded"
        )
    present = [level for level in order if level in set(part["level"])]
    with figure_style():
        figure = new_figure(min(DOUBLE_COLUMN, 3.6 * len(measures)), 3.0)
        panels = figure.subplots(1, len(measures), squeeze=False)[0]
        for axes, measure in zip(panels, measures, strict=True):
            muscles = list(dict.fromkeys(part["muscle"].astype(str)))
            for index, muscle in enumerate(muscles):
                rows = part[part["muscle"].astype(str) == muscle]
                cases = rows.groupby(["case", "level"])[measure].mean().unstack("level")
                shift = 0.12 * (index - (len(muscles) - 1) / 2)
                _profile(axes, cases.reindex(columns=present), muscle, shift)
            axes.set_xticks(range(len(present)), present)
            axes.set_ylim(bottom=0)
            axes.set(xlabel="Level", ylabel=quantity_label(measure))
        panels[0].legend(loc="best")
    return figure


def _profile(axes: Axes, cases: pd.DataFrame, muscle: str, shift: float) -> None:
    """Draw medians joined by a line, and quartiles as bars; `cases` is cases by levels."""
    low, middle, high = (cases.quantile(q).to_numpy(float) for q in (0.25, 0.5, 0.75))
    axes.errorbar(
        np.arange(cases.shape[1]) + shift,
        middle,
        yerr=[middle - low, high - middle],
        color=_MUSCLE_COLOURS.get(muscle, _OTHER_COLOUR),
        marker=_MUSCLE_MARKERS.get(muscle, _OTHER_MARKER),
        markersize=4.5,
        capsize=2.5,
        elinewidth=0.9,
        label=f"{muscle} (median, quartiles; n = {_counts(cases)})",
    )


def _counts(cases: pd.DataFrame) -> str:
    """Return the number of cases per level, as a range if it differs."""
    counts = cases.count()
    low, high = int(counts.min()), int(counts.max())
    return f"{low}" if low == high else f"{low} to {high}"


def asymmetry_figure(
    table: pd.DataFrame, *, measure: str = "volume_ml", level: str | None = None
) -> Figure:
    """Draw the asymmetry of right and left by muscle: points with a box plot.

    As `lpm_segmentator.measure.asymmetry_percent`: positive if the right side is larger.

    Parameters
    ----------
    table : DataFrame
        Tidy: ``case, muscle, side`` and the measure; one row each, or several levels of which
        `level` selects one.
    measure : str
    level : str, optional

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    TableError
        If a column is missing, or a case has several rows of one muscle and side.
    NoValuesError
        If no case has both sides.
    """
    percent = _asymmetry_percent(table, measure, level)
    rng = np.random.default_rng(0)
    muscles = list(dict.fromkeys(percent.index.get_level_values("muscle")))
    with figure_style():
        figure = new_figure(SINGLE_COLUMN, 3.0)
        axes = figure.add_subplot()
        axes.axhline(0, color="0.6", linewidth=0.8, zorder=1)
        for index, muscle in enumerate(muscles):
            values = np.asarray(percent.xs(muscle, level="muscle"), dtype=np.float64)
            colour = _MUSCLE_COLOURS.get(str(muscle), _OTHER_COLOUR)
            strip_and_box(axes, index, values, colour, rng, width=0.45)
        counts = percent.groupby(level="muscle").count()
        axes.set_xticks(range(len(muscles)), [f"{m}\nn = {counts[m]}" for m in muscles])
        axes.set_xlim(-0.6, len(muscles) - 0.4)
        reach = 1.15 * max(float(np.abs(percent).max()), 1.0)
        axes.set_ylim(-reach, reach)
        quantity = lower_first(quantity_label(measure, ""))
        axes.set_xlabel({None: "", "all": "All slices"}.get(level, f"At {level}"))
        axes.set_ylabel(f"Asymmetry of {quantity} (%)\n← left larger      right larger →")
    return figure


def _asymmetry_percent(table: pd.DataFrame, measure: str, level: str | None) -> pd.Series[float]:
    """Return the asymmetry of each case and muscle, in per cent."""
    require_columns(table, ["case", "muscle", "side", measure])
    part = table if level is None else table[table["level"] == level]
    part = part.assign(side=part["side"].astype(str).str.lower().map(_SIDES)).dropna(
        subset=["side", measure]
    )
    keys = ["case", "muscle", "side"]
    if part.duplicated(keys).any():
        raise TableError("a case has several rows of one muscle and side", hint="Select one level")
    wide = part.set_index(keys)[measure].unstack("side").reindex(columns=["right", "left"])
    percent = wide.apply(lambda sides: asymmetry_percent(*sides), axis="columns").dropna()
    if percent.empty:
        raise NoValuesError("no case has both sides", hint="Check the columns side and level")
    return percent
