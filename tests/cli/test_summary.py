from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from lpm_segmentator.cli.summary import counts_line, grouped_findings
from lpm_segmentator.cohort import CohortResult, Event


def record(case, *messages, code="x", severity="check"):
    findings = [SimpleNamespace(code=code, severity=severity, message=m) for m in messages]
    warnings = tuple(m for m in messages if severity != "note")
    return SimpleNamespace(case=case, findings=findings, warnings=warnings)


def test_findings_of_one_kind_are_one_line_with_their_count():
    records = [record(c, f"slice {n} is odd") for n, c in enumerate("ABCDE")]
    records += [record("F", "another thing"), record("G", "a note", severity="note")]
    assert list(grouped_findings(records)) == [
        "5 cases (A, B, C …): slice 0 is odd",
        "1 case (F): another thing",
    ]


def test_the_counts_say_how_every_case_ended():
    states = {"A": "done", "B": "skipped", "C": "failed", "D": "empty"}
    events = [Event(case, state) for case, state in states.items()]
    result = CohortResult(Path("out"), None, tuple(events))
    records = [record("A", "odd"), record("B"), record("earlier", "odd")]
    assert counts_line(result, records, 41.3) == (
        "1 done, 1 with warnings, 1 failed, 1 without muscle, 1 skipped, 41 s"
    )
