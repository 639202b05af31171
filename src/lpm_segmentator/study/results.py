"""What a folder of results holds as a whole: its records, tables and report.

Tables and the report are made from the cases' records alone and can be made again at any time.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lpm_segmentator.core import Area, Finding, InputError, RecordError, Remedy, Severity, about
from lpm_segmentator.io import remove_file, write_text
from lpm_segmentator.study.complete import check_complete, check_run_complete
from lpm_segmentator.study.edits import edited_mask_of
from lpm_segmentator.study.layout import CaseFolder, StudyFolder
from lpm_segmentator.study.record import (
    CaseRecord,
    CaseState,
    read_case_record,
    read_run_record,
)
from lpm_segmentator.study.tables import StudyTables, clear_tables, open_tables

if TYPE_CHECKING:
    from lpm_segmentator.report.html import Pictures

#: with more cases the report is an overview, and each case has a page of its own
MOST_CASES_A_PAGE = 50

__all__ = [
    "EarlierRuns",
    "clear_results",
    "earlier_runs",
    "iter_records",
    "no_finished_case",
    "read_records",
    "write_results",
]


def read_records(out: str | Path) -> list[CaseRecord]:
    """Return the records of the finished cases in a folder, ordered by case.

    A case that failed in the last run is left out, though an older record of it may lie there.

    Raises
    ------
    InputError
        If the folder holds none.
    RecordError
        If a record is damaged or of another version.
    """
    return list(iter_records(Path(out)))


def iter_records(out: Path) -> Iterator[CaseRecord]:
    """Yield the records of `read_records` one by one: those of many cases need much memory.

    Raises
    ------
    InputError
        If the folder holds none.
    RecordError
        If a record is damaged or of another version.
    """
    for case in _finished(StudyFolder(out)):
        yield _with_edits(case, _complete(case.record))


def _finished(folder: StudyFolder) -> list[CaseFolder]:
    """Return the folders of finished cases, without those that failed in the last run."""
    states = _states(folder)
    cases = [
        case
        for case in folder.done()
        if case.case not in states or states[case.case].state != "failed"
    ]
    if not cases:
        raise no_finished_case(folder)
    return cases


def no_finished_case(folder: StudyFolder) -> InputError:
    """Return the error about a folder that is not the output of a run."""
    return InputError(
        "the folder holds no finished case",
        where=folder.path,
        hint="Give the output folder of 'lpm run'",
    )


def _complete(path: Path) -> CaseRecord:
    """Read a record whose numbers are to be shown."""
    record = read_case_record(path)
    with about(path):
        check_complete(record)
    return record


def _with_edits(folder: CaseFolder, record: CaseRecord) -> CaseRecord:
    """Return the record with a finding if the mask was edited after it was measured."""
    edited = edited_mask_of(folder, record)
    if edited is None:
        return record
    message = (
        f"the mask was edited after it was measured ({edited.name}): these numbers are not about "
        "it until 'lpm remeasure' measures it"
    )
    finding = Finding(Area.SEGMENTATION, Severity.CHECK, "edited-mask", message)
    return replace(record, findings=(finding, *record.findings))


def _states(folder: StudyFolder) -> dict[str, CaseState]:
    run = read_run_record(folder.run)
    return {} if run is None else run.cases


@dataclass(frozen=True)
class EarlierRuns:
    """What earlier runs left in a folder.

    Attributes
    ----------
    has_results : bool
        Whether a case was finished: then the tables and the report in the folder are of a run.
    others : mapping of str to CaseState
        Finished cases other than those of this run, for ``run.json``: ``"earlier"``, or
        ``"failed"`` as before if their record is older than their failure.
    """

    has_results: bool
    others: Mapping[str, CaseState]


def earlier_runs(out: Path, cases: Collection[str]) -> EarlierRuns:
    """Return what earlier runs left in a folder, before the run of some cases.

    Raises
    ------
    RecordError
        If the record of another case cannot be read, so that no table could be made at the end.
    """
    folder = StudyFolder(out)
    try:
        states = _states(folder)
    except RecordError:  # damaged; this run writes it anew
        states = {}
    done = list(folder.done())
    others = {}
    for case in done:
        if case.case not in cases:
            _check_readable(case)
            before = states.get(case.case)
            was_failed = before is not None and before.state == "failed"
            others[case.case] = before if was_failed and before else CaseState("earlier")
    finished = (state for state in states.values() if state.state not in ("failed", "pending"))
    return EarlierRuns(bool(done) or any(finished), others)


def _check_readable(folder: CaseFolder) -> None:
    try:
        _complete(folder.record)
    except RecordError as error:
        raise RecordError(
            error.what,
            where=folder.record,
            hint="Name this case among the inputs, so that it is run again, remove its folder, or "
            f"write to another folder: {Remedy.OUTPUT}",
            remedy=Remedy.OUTPUT,
        ) from error


def write_results(out: Path) -> Path:
    """Write the tables and the report of what the folder of a run holds; return the report.

    Raises
    ------
    InputError
        If the folder holds no finished case; then nothing was changed.
    RecordError
        If a record is damaged or of another version.
    OutputError
        If a file cannot be written or removed.
    """
    folder = StudyFolder(out)
    cases = [case.case for case in _finished(folder)]
    run = _run_values(folder)
    with open_tables(out) as tables:
        records = _adding(iter_records(out), tables)
        if len(cases) <= MOST_CASES_A_PAGE:
            page = _one_page(folder, records, run)
        else:
            page = _overview(folder, records, run, cases)
        tables.write()
    write_text(page, folder.report)
    return folder.report


def _adding(records: Iterable[CaseRecord], tables: StudyTables) -> Iterator[CaseRecord]:
    """Yield records whose rows went into the tables: each record is read once."""
    for record in records:
        tables.add(record)
        yield record


def clear_results(out: Path) -> None:
    """Remove the tables and the report that an earlier run left in a folder.

    Raises
    ------
    OutputError
        If a file cannot be removed.
    """
    clear_tables(out)
    remove_file(StudyFolder(out).report)


def _run_values(folder: StudyFolder) -> Mapping[str, Any]:
    run = read_run_record(folder.run)
    if run is None:
        return {}
    with about(folder.run):
        check_run_complete(run)
    return run.to_dict()


def _one_page(folder: StudyFolder, records: Iterable[CaseRecord], run: Mapping[str, Any]) -> str:
    """Return the report of a few cases; pages of single cases are removed."""
    from lpm_segmentator.report.html import render_report

    shown = list(records)
    for record in shown:
        remove_file(folder.case(record.case).page)
    pictures = {r.case: _pictures(folder.case(r.case), r, folder.report) for r in shown}
    return render_report([record.to_dict() for record in shown], run=run, pictures=pictures)


def _overview(
    folder: StudyFolder,
    records: Iterable[CaseRecord],
    run: Mapping[str, Any],
    cases: Sequence[str],
) -> str:
    """Write a page for each of many cases, and return the overview that links to them."""
    from lpm_segmentator.report.html import render_case, render_index

    def written() -> Iterator[Mapping[str, Any]]:
        for record in records:
            place, values = folder.case(record.case), record.to_dict()
            pictures, index = _pictures(place, record, place.page), _link(place.page, folder.report)
            write_text(render_case(values, pictures, run=run, index=index), place.page)
            yield values

    links = {case: _link(folder.report, folder.case(case).page) for case in cases}
    return render_index(written(), run=run, links=links)


def _link(page: Path, target: Path) -> str:
    """Return the address of a file relative to the page that links to it."""
    return quote(Path(os.path.relpath(target, page.parent)).as_posix())


def _pictures(folder: CaseFolder, record: CaseRecord, page: Path) -> Pictures:
    from lpm_segmentator.report.html import Pictures

    return Pictures(
        outlines=_picture(folder.picture),
        all_slices=_picture(folder.all_slices),
        # A picture of levels that an older run left shows nothing about this one.
        levels=_picture(folder.levels_picture) if record.levels and record.levels.discs else None,
        link=_link(page, folder.picture),
        levels_link=_link(page, folder.levels_picture),
    )


def _picture(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
