"""The summary of a run in the terminal: 80 columns, every fact once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from lpm_segmentator.cli.common import announce, echo_findings

if TYPE_CHECKING:
    from rich.table import Table

    from lpm_segmentator.cohort import CohortResult
    from lpm_segmentator.measure.catalogue.measures import Measure
    from lpm_segmentator.study.record import CaseRecord, Row

__all__ = ["counts_line", "echo_summary", "grouped_findings"]

#: with more cases the table has one line a case, and findings are grouped
_FEW_CASES = 5
_SHOWN_CASES = 40
#: findings about the installation, which are said once a run
_OF_ALL = "missing-extra"
_SHOWN_NAMES = 3
#: of the first column, so that the tables of several cases are alike
_KEY_WIDTH = 18
_SHOWN = ("volume_ml", "csa_mean_mm2")
#: numbers and lists of them, which differ between findings of one kind
_NUMBERS = re.compile(r"[\d.,–−-]*\d")


def echo_summary(result: CohortResult, seconds: float) -> None:
    """Print measures and findings of the cases, how many ended how, and where the report lies.

    Parameters
    ----------
    result : CohortResult
    seconds : float
        Duration of the run.
    """
    from lpm_segmentator.study.results import iter_records

    if result.earlier:
        names = ", ".join(result.earlier[:5]) + (" …" if len(result.earlier) > 5 else "")
        announce(
            f"in the tables from an earlier run, not among the inputs: {names}; to leave them out, "
            f"remove their folders in {result.out / 'cases'} and run again",
            quiet=False,
        )
    records = [] if result.report is None else [_short(r) for r in iter_records(result.out)]
    measured = [record for record in records if not record.is_empty]
    if measured:
        few = len(measured) <= _FEW_CASES
        (_echo_few if few else _echo_many)(measured)
    for message in sorted(_messages_of_all(measured)):
        announce(message, quiet=False)
    click.echo(counts_line(result, records, seconds))
    if result.report is not None:
        click.echo(f"report: {result.report}")


def _echo_few(records: Sequence[CaseRecord]) -> None:
    """Print the measures of each case, then their findings."""
    from rich.console import Console

    console = Console()
    for record in records:
        console.print(record.case, style="bold", highlight=False)
        console.print(_by_muscle(record))
    for record in records:
        own = [finding for finding in record.findings if finding.code != _OF_ALL]
        echo_findings(record.case, own, quiet=False)


def _echo_many(records: Sequence[CaseRecord]) -> None:
    """Print one line a case, and findings by kind."""
    from rich.console import Console

    Console().print(_by_case(records[:_SHOWN_CASES]))
    hidden = len(records) - _SHOWN_CASES
    if hidden > 0:
        announce(f"{hidden} more cases are in measures.csv", quiet=False)
    for line in grouped_findings(records):
        announce(line, quiet=False)


def _short(record: CaseRecord) -> CaseRecord:
    """Return a record without what the summary does not show: there may be thousands."""
    return replace(
        record,
        measures=tuple(r for r in record.measures if record.stacks or r["level"] == "all"),
        profile=(),
        reference_measures=None,
        accuracy_levels=(),
        accuracy_slices=(),
    )


def _messages_of_all(records: Sequence[CaseRecord]) -> set[str]:
    """Return what is true of the whole run, such as a package that is not installed."""
    return {f.message for r in records for f in r.findings if f.code == _OF_ALL}


def counts_line(result: CohortResult, records: Sequence[CaseRecord], seconds: float) -> str:
    """Return how many cases ended how.

    Parameters
    ----------
    result : CohortResult
    records : sequence of CaseRecord
        Of the finished cases.
    seconds : float
        Duration of the run.
    """
    states = Counter(event.state for event in result.events)
    ran = {event.case for event in result.events}
    warned = sum(bool(record.warnings) for record in records if record.case in ran)
    parts = [f"{states['done']} done", f"{warned} with warnings", f"{states['failed']} failed"]
    if states["empty"]:
        parts.append(f"{states['empty']} without muscle")
    parts += [f"{states['skipped']} skipped", f"{seconds:.0f} s"]
    return ", ".join(parts)


def grouped_findings(records: Sequence[CaseRecord]) -> Iterator[str]:
    """Yield one line a kind of finding: how many cases, an example, and whose it is.

    Parameters
    ----------
    records : sequence of CaseRecord
    """
    from lpm_segmentator.core.remedies import finding_text

    groups: dict[tuple[str, str], dict[str, str]] = {}
    for record in records:
        for finding in record.findings:
            if finding.severity != "note":
                kind = finding.code, _NUMBERS.sub("0", finding.message)
                groups.setdefault(kind, {}).setdefault(
                    record.case, finding_text(finding.message, finding.remedy)
                )
    for cases in sorted(groups.values(), key=len, reverse=True):
        names = ", ".join(list(cases)[:_SHOWN_NAMES]) + (" …" if len(cases) > _SHOWN_NAMES else "")
        count = f"{len(cases)} case{'s' if len(cases) > 1 else ''}"
        yield f"{count} ({names}): {next(iter(cases.values()))}"


def _by_muscle(record: CaseRecord) -> Table:
    """Return a table with a line for each muscle and side."""
    from lpm_segmentator.core import LPM_SCHEME

    places = {(s.muscle.value, s.side.value): f"{s.muscle} {s.side.full_name}" for s in LPM_SCHEME}
    table, quantities = _table("muscle", [record])
    for row in _shown_rows(record):
        place = places.get((str(row["muscle"]), str(row["side"])))
        if place is not None:
            level = "" if row["level"] == "all" else f" {row['level']}"
            table.add_row(place + level, *(q.text_in(row) for q in quantities))
    return table


def _shown_rows(record: CaseRecord) -> list[Row]:
    """Return the rows over all slices; of several stacks those of the discs, or of the stacks."""
    kinds = ("disc", "stack") if record.stacks else ("all",)
    for kind in kinds:
        rows = [row for row in record.measures if row["level_kind"] == kind]
        if rows:
            return rows
    return []


def _by_case(records: Sequence[CaseRecord]) -> Table:
    """Return a table with a line for each case: both muscles together, and Dice."""
    from lpm_segmentator.measure.catalogue import ACCURACY_COLUMNS, UNDEFINED

    dice = ACCURACY_COLUMNS["dsc"]
    table, quantities = _table("case", records)
    table.add_column("score", justify="right")
    with_reference = any(record.accuracy for record in records)
    if with_reference:
        table.add_column(dice.label, justify="right")
    for record in records:
        (row,) = [
            r
            for r in record.measures
            if (r["level"], r["muscle"], r["side"]) == ("all", "ES+MF", "both")
        ]
        score = None if record.quality is None else record.quality.score
        cells = [q.text_in(row) for q in quantities]
        cells.append(UNDEFINED if score is None else f"{score:.2f}")
        if with_reference:
            cells.append(dice.text((record.accuracy or {}).get("dsc_global")))
        table.add_row(record.case, *cells)
    return table


def _table(key: str, records: Sequence[CaseRecord]) -> tuple[Table, list[Measure]]:
    """Return an empty table, and what its columns of measures hold; with the measured fat."""
    from rich.table import Table

    from lpm_segmentator.measure.catalogue import CATALOGUE, DIXON_FAT, INTENSITY_FAT

    fat = (DIXON_FAT if any(record.fat_ratios for record in records) else INTENSITY_FAT).fat
    quantities = [*(CATALOGUE[name] for name in _SHOWN), fat]
    table = Table(box=None, header_style="bold")
    table.add_column(key, overflow="fold", min_width=_KEY_WIDTH)
    for quantity in quantities:
        label = quantity.label.replace("cross-sectional area", "area")
        label = label.split(",")[0].lower()
        table.add_column(f"{label} {quantity.display_unit}", justify="right")
    return table, quantities
