"""The table that ``lpm evaluate`` prints."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import click

__all__ = ["echo_accuracy"]

_SHOWN_ROWS = 40
#: column of accuracy.csv → heading and digits
_COLUMNS = {
    "dsc_global": ("Dice", 3),
    "dsc_1": ("ES right", 3),
    "dsc_2": ("MF right", 3),
    "dsc_3": ("MF left", 3),
    "dsc_4": ("ES left", 3),
    "hd95_mm_global": ("HD95 mm", 1),
}


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
    for label, _ in _COLUMNS.values():
        table.add_column(label, justify="right")
    for row in rows[:_SHOWN_ROWS]:
        values = [[float(row[name])] for name in _COLUMNS]
        table.add_row(str(row["case"]), *_cells(values, _mean))
    if len(rows) > 1:
        values = [[float(row[name]) for row in rows] for name in _COLUMNS]
        table.add_row("mean", *_cells(values, _mean))
        table.add_row("SD", *_cells(values, _sd))
    Console().print(table)
    if len(rows) > _SHOWN_ROWS:
        click.echo(f"{len(rows) - _SHOWN_ROWS} more rows are in the table", err=True)


def _cells(columns: Any, text: Any) -> list[str]:
    """Return the text of each column's defined values; a dash where there is none."""
    cells = []
    for values, (_, digits) in zip(columns, _COLUMNS.values(), strict=True):
        defined = [value for value in values if not math.isnan(value)]
        cells.append(text(defined, digits) if defined else "–")
    return cells


def _mean(values: Sequence[float], digits: int) -> str:
    return f"{statistics.fmean(values):.{digits}f}"


def _sd(values: Sequence[float], digits: int) -> str:
    return f"{statistics.stdev(values):.{digits}f}" if len(values) > 1 else "–"
