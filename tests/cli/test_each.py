"""One step for each file: what fails, and what is done all the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lpm_segmentator.cli.each import each_file, into_tables
from lpm_segmentator.core import CasesFailedError, LabelError, OutputError
from lpm_segmentator.study.listing import ImageFile


def items(*cases: str) -> list[ImageFile]:
    return [ImageFile(case, Path(f"{case}.nii")) for case in cases]


def run(cases, work, **more):
    files = items(*cases)
    targets = {file.case: Path(f"out/{file.case}") for file in files}
    each_file(files, targets, work, title="t", **{"quiet": True, "as_json": False, **more})


def bad_but_one(item, target):
    if item.case != "good":
        raise LabelError(f"{item.case} is bad")


def test_a_lone_failure_is_raised_and_names_its_case():
    with pytest.raises(LabelError, match="bad: bad is bad"):
        run(["bad"], bad_but_one)


def test_several_failures_are_collected_and_the_others_are_done(capsys):
    with pytest.raises(CasesFailedError, match="2 of 3 failed") as caught:
        run(["x", "good", "y"], bad_but_one, as_json=True)
    assert caught.value.failures == {"x": "x is bad.", "y": "y is bad."}
    printed = json.loads(capsys.readouterr().out)
    assert printed["written"] == {"good": "out/good"}
    assert set(printed["failed"]) == {"x", "y"}


def test_a_full_disk_ends_it():
    seen = []

    def work(item, target):
        seen.append(item.case)
        raise OutputError("no space left")

    with pytest.raises(OutputError):
        run(["a", "b"], work)
    assert seen == ["a"]


def test_rows_of_all_cases_go_into_their_tables(tmp_path, capsys):
    def rows_of(case):
        if case == "bad":
            raise LabelError("it is bad")
        return {tmp_path / "a.csv": [{"case": case}], tmp_path / "b.csv": [{"n": 1}, {"n": 2}]}

    with pytest.raises(CasesFailedError):
        into_tables(
            ["1", "bad", "2"], rows_of, tmp_path / "a.csv", title="t", quiet=False, as_json=False
        )
    assert (tmp_path / "a.csv").read_text() == "case\n1\n2\n"
    assert (tmp_path / "b.csv").read_text() == "n\n1\n2\n1\n2\n"
    assert capsys.readouterr().out.splitlines() == [
        str(tmp_path / name) for name in ("a.csv", "b.csv")
    ]
