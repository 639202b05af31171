"""The summary of a run in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lpm_segmentator.cli.common import announce, echo_findings

if TYPE_CHECKING:
    from lpm_segmentator.cohort import CohortResult
    from lpm_segmentator.measure.catalogue.measures import Measure
    from lpm_segmentator.study.record import Row

__all__ = ["echo_summary"]

_SHOWN_CASES = 20
_SHOWN = ("volume_ml", "csa_mean_mm2", "fat_ratio")


def echo_summary(result: CohortResult) -> None:
    """Print measures and findings of the cases, and where the report lies."""
    from rich.console import Console
    from rich.table import Table

    from lpm_segmentator.measure import CATALOGUE
    from lpm_segmentator.study.results import read_records

    if result.earlier:
        names = ", ".join(result.earlier[:5]) + (" …" if len(result.earlier) > 5 else "")
        announce(
            f"in the tables from an earlier run, not among the inputs: {names}; to leave them out, "
            f"remove their folders in {result.out / 'cases'} and run again",
            quiet=False,
        )
    if result.report is None:
        return
    table = Table(box=None, header_style="bold")
    for name in ("case", "muscle", "side"):
        table.add_column(name)
    quantities = [CATALOGUE[name] for name in _SHOWN]
    for quantity in quantities:
        label = quantity.label.replace("cross-sectional area", "area").lower()
        table.add_column(f"{label} {quantity.display_unit}", justify="right")
    records = read_records(result.out)
    measured = [record for record in records if not record.is_empty]
    for record in measured[:_SHOWN_CASES]:
        for row in record.measures:
            if row["level"] == "all" and row["side"] != "both" and row["muscle"] != "ES+MF":
                cells = (_text(row, quantity) for quantity in quantities)
                table.add_row(record.case, str(row["muscle"]), str(row["side"]), *cells)
    if measured:
        Console().print(table)
    for record in measured[:_SHOWN_CASES]:
        echo_findings(record.case, record.findings, quiet=False)
    click.echo(f"report: {result.report}")


def _text(row: Row, quantity: Measure) -> str:
    if quantity.needs_whole_muscle and not row["valid"]:
        return "not valid"
    return quantity.text(row[quantity.name])
