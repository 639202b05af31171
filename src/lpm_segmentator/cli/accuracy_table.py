"""The table that ``lpm evaluate`` prints."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from lpm_segmentator.measure import AccuracyQuantity

__all__ = ["echo_accuracy"]

_SHOWN_ROWS = 40

Statistic = Callable[[Sequence[float]], float]


def echo_accuracy(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print Dice of each muscle and HD95 of all for each case, their mean and their SD.

    Parameters
    ----------
    rows : sequence of mapping
        Rows of ``accuracy.csv``.
    """
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    table.add_column("case", overflow="fold")
    for _, heading, _ in _columns():
        table.add_column(heading, justify="right")
    for row in rows[:_SHOWN_ROWS]:
        table.add_row(str(row["case"]), *_cells([row], statistics.fmean))
    if len(rows) > 1:
        table.add_row("mean", *_cells(rows, statistics.fmean))
        table.add_row("SD", *_cells(rows, _sd))
    Console().print(table)
    if len(rows) > _SHOWN_ROWS:
        click.echo(f"{len(rows) - _SHOWN_ROWS} more rows are in the table", err=True)


def _columns() -> Iterator[tuple[str, str, AccuracyQuantity]]:
    """Yield each shown column of ``accuracy.csv`` with its heading and what it holds."""
    from lpm_segmentator.core import LPM_SCHEME
    from lpm_segmentator.measure.catalogue import ACCURACY_COLUMNS

    dice, hd95 = ACCURACY_COLUMNS["dsc"], ACCURACY_COLUMNS["hd95_mm"]
    yield "dsc_global", dice.label, dice
    for structure in LPM_SCHEME:
        yield f"dsc_{structure.value}", f"{structure.muscle} {structure.side.full_name}", dice
    yield "hd95_mm_global", f"{hd95.label} {hd95.display_unit}", hd95


def _cells(rows: Sequence[Mapping[str, Any]], statistic: Statistic) -> list[str]:
    """Return a statistic of each column's defined values; a dash where there is none."""
    cells = []
    for column, _, quantity in _columns():
        values = [float(row[column]) for row in rows]
        defined = [value for value in values if not math.isnan(value)]
        cells.append(quantity.text(statistic(defined) if defined else math.nan))
    return cells


def _sd(values: Sequence[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else math.nan
