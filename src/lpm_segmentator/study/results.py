"""What a folder of results holds as a whole: its records, tables and report.

Tables and the report are made from the cases' records alone and can be made again at any time.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lpm_segmentator.core import Area, Finding, InputError, RecordError, Remedy, Severity, about
from lpm_segmentator.io import remove_file, write_text
from lpm_segmentator.study.complete import check_complete, check_run_complete
from lpm_segmentator.study.layout import CaseFolder, StudyFolder
from lpm_segmentator.study.record import (
    CaseRecord,
    CaseState,
    read_case_record,
    read_run_record,
)
from lpm_segmentator.study.resume import edited_mask_of
from lpm_segmentator.study.tables import write_tables

if TYPE_CHECKING:
    from lpm_segmentator.report.html import Pictures

#: with more cases the report is an overview, and each case has a page of its own
MOST_CASES_A_PAGE = 50

__all__ = [
    "earlier_cases",
    "has_results",
    "read_records",
    "write_report",
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
    records = _records(Path(out))
    if not records:
        raise InputError(
            "the folder holds no finished case",
            where=out,
            hint="Give the output folder of 'lpm run'",
        )
    return records


def _records(out: Path) -> list[CaseRecord]:
    folder = StudyFolder(out)
    states = _states(folder)
    return [
        _with_edits(case, _complete(case.record))
        for case in folder.done()
        if case.case not in states or states[case.case].state != "failed"
    ]


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


def has_results(out: Path) -> bool:
    """Return whether an earlier run finished a case: then tables and report in `out` are ours."""
    try:
        states = _states(StudyFolder(out))
    except RecordError:  # damaged or of another version, so that nothing is known
        return False
    return any(state.state != "failed" for state in states.values())


def earlier_cases(out: Path, cases: Collection[str]) -> dict[str, CaseState]:
    """Return the states of finished cases in the folder other than `cases`, for ``run.json``.

    They are ``"earlier"``, or ``"failed"`` as before if their record is older than their failure.

    Raises
    ------
    RecordError
        If the record of one cannot be read, so that no table could be made at the end.
    """
    folder = StudyFolder(out)
    try:
        states = _states(folder)
    except RecordError:  # damaged; this run writes it anew
        states = {}
    earlier = {}
    for case in folder.done():
        if case.case not in cases:
            _check_readable(case)
            before = states.get(case.case)
            was_failed = before is not None and before.state == "failed"
            earlier[case.case] = before if was_failed and before else CaseState("earlier")
    return earlier


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


def write_results(out: str | Path) -> Path | None:
    """Write the tables and the report of what the folder of a run holds; return the report.

    If no case is finished, what an earlier run left of them is removed: it would pass for results
    of this one.

    Raises
    ------
    RecordError
        If a record is damaged or of another version.
    OutputError
        If a file cannot be written or removed.
    """
    out = Path(out)
    records = _records(out)
    write_tables(out, records)
    if records:
        return _write_report(out, records)
    remove_file(StudyFolder(out).report)
    return None


def write_report(out: Path) -> Path:
    """Write ``report.html`` from what a run left, and return its path.

    Raises
    ------
    InputError
        If the folder holds no finished case.
    RecordError
        If a record is damaged or of another version.
    OutputError
        If the report cannot be written.
    """
    return _write_report(out, read_records(out))


def _write_report(out: Path, records: Sequence[CaseRecord]) -> Path:
    """Write one page for a few cases; an overview and a page a case for many."""
    from lpm_segmentator.report.html import render_index, render_report

    folder = StudyFolder(out)
    run = read_run_record(folder.run)
    if run is not None:
        with about(folder.run):
            check_run_complete(run)
    values = {} if run is None else run.to_dict()
    if len(records) <= MOST_CASES_A_PAGE:
        for record in records:
            remove_file(folder.case(record.case).page)
        pictures = {r.case: _pictures(folder.case(r.case), r, folder.report) for r in records}
        page = render_report([r.to_dict() for r in records], run=values, pictures=pictures)
    else:
        for record in records:
            _write_page(folder, record, values)
        links = {r.case: _link(folder.report, folder.case(r.case).page) for r in records}
        page = render_index((r.to_dict() for r in records), run=values, links=links)
    write_text(page, folder.report)
    return folder.report


def _write_page(folder: StudyFolder, record: CaseRecord, run: Mapping[str, Any]) -> None:
    from lpm_segmentator.report.html import render_case

    place = folder.case(record.case)
    index = _link(place.page, folder.report)
    pictures = _pictures(place, record, place.page)
    write_text(render_case(record.to_dict(), pictures, run=run, index=index), place.page)


def _link(page: Path, target: Path) -> str:
    """Return the address of a file relative to the page that links to it."""
    return quote(Path(os.path.relpath(target, page.parent)).as_posix())


def _pictures(folder: CaseFolder, record: CaseRecord, page: Path) -> Pictures:
    from lpm_segmentator.report.html import Pictures

    return Pictures(
        outlines=_picture(folder.picture),
        all_slices=_picture(folder.all_slices),
        # A picture of levels that an older run left shows nothing about this one.
        levels=_picture(folder.levels_picture) if record.levels else None,
        link=_link(page, folder.picture),
        levels_link=_link(page, folder.levels_picture),
    )


def _picture(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
