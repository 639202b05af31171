from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from lpm_segmentator.cli.summary import counts_line, grouped_findings
from lpm_segmentator.cohort import CohortResult, Event
from lpm_segmentator.core import Area, Finding, Remedy, Severity


def record(case, *messages, severity="check", remedy=None):
    findings = [
        Finding(Area.INPUT, Severity(severity), "x", message, remedy) for message in messages
    ]
    warnings = tuple(m for m in messages if severity != "note")
    return SimpleNamespace(case=case, findings=findings, warnings=warnings)


def test_findings_of_one_kind_are_one_line_with_their_count():
    records = [record(c, f"slice {n} is odd") for n, c in enumerate("ABCDE")]
    records += [record("F", "another thing"), record("G", "a note", severity="note")]
    assert list(grouped_findings(records)) == [
        "5 cases (A, B, C …): slice 0 is odd",
        "1 case (F): another thing",
    ]


def test_grouped_findings_name_flags_and_no_python_arguments():
    message = f"the series was not used: pass {Remedy.ACCEPT_FRAME_MISMATCH}"
    records = [record("A", message), record("B", "levels are unsure", remedy=Remedy.ANCHOR)]
    assert list(grouped_findings(records)) == [
        "1 case (A): the series was not used: pass --accept-frame-mismatch",
        "1 case (B): levels are unsure (--anchor DISC=SLICE)",
    ]


def test_the_counts_say_how_every_case_ended():
    states = {"A": "done", "B": "skipped", "C": "failed", "D": "empty"}
    events = [Event(case, state) for case, state in states.items()]
    result = CohortResult(Path("out"), None, tuple(events))
    records = [record("A", "odd"), record("B"), record("earlier", "odd")]
    assert counts_line(result, records, 41.3) == (
        "1 done, 1 with warnings, 1 failed, 1 without muscle, 1 skipped, 41 s"
    )
