"""A run over the cases of a study: files, states, failures."""

from __future__ import annotations

import dataclasses
import json
import os

import pytest

from cohort_runs import TABLES, run, saved, states
from lpm_segmentator import api, cohort
from lpm_segmentator.core import (
    CasesFailedError,
    LpmError,
    OutputError,
)
from lpm_segmentator.segment import CompactPredictor
from lpm_segmentator.study.options import SliceTable
from lpm_segmentator.study.outputs import prepare_output
from phantoms import write_pair


def test_it_leaves_the_files_that_are_promised(study, tmp_path, options):
    out = tmp_path / "out"
    result = run(study, out, options)
    assert states(result) == {"A": "done", "B": "done"}
    written = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    cases = {
        f"cases/{case}/{name}"
        for case in "AB"
        for name in (
            f"{case}_dseg.nii.gz",
            f"{case}_fatmap-dixon.nii.gz",
            f"{case}_qc.png",
            "case.json",
        )
    }
    assert written == {*cases, *TABLES, "dictionary.csv", "report.html", "run.json", ".run.lock"}
    assert result.report == out / "report.html"
    told = json.loads((out / "cases" / "A" / "case.json").read_text())["prediction"]
    assert told == {"slices": 6, "images": 1, "networks": 1}


def test_run_json_tells_versions_model_and_parameters(study, tmp_path, options):
    run(study, tmp_path / "out", options)
    told = saved(tmp_path / "out")
    assert {"version", "python", "packages", "model", "options", "cases"} <= set(told)
    assert told["model"]["name"] == "tiny"
    assert len(told["model"]["sha256"]) == 64
    assert told["options"]["mode"] == "fast"
    assert {case: entry["state"] for case, entry in told["cases"].items()} == {
        "A": "done",
        "B": "done",
    }


def test_a_bad_case_does_not_stop_the_others(study, tmp_path, options):
    out = tmp_path / "out"
    (study / "A_fat.nii.gz").write_bytes(b"")
    write_pair(study, "C", 2)
    (study / "C_water.nii.gz").write_bytes(b"x" * 400)
    seen = []
    result = run(study, out, options, on_event=seen.append)
    assert states(result) == {"A": "failed", "B": "done", "C": "failed"}
    assert [event.case for event in seen] == ["A", "B", "C"]
    told = saved(out)["cases"]
    assert "A_fat.nii.gz: the file is empty" in told["A"]["error"]
    assert "cannot be read as NIfTI" in told["C"]["error"]
    assert told["B"] == {"state": "done", "error": None, "seconds": told["B"]["seconds"]}
    assert not (out / "cases" / "A").exists()
    assert "A," not in (out / "volumes.csv").read_text()
    assert "2 cases without results" in (out / "report.html").read_text(encoding="utf-8")
    with pytest.raises(CasesFailedError, match="2 of 3 cases failed") as caught:
        result.raise_failures()
    assert caught.value.exit_code == 1


def test_a_case_that_failed_later_leaves_the_tables(study, tmp_path, options):
    out = tmp_path / "out"
    run(study, out, options)
    (study / "A_fat.nii.gz").write_bytes(b"")
    assert states(run(study, out, options)) == {"A": "failed", "B": "skipped"}
    assert "A," not in (out / "volumes.csv").read_text()


def test_if_every_case_fails_there_is_no_report(study, tmp_path, options):
    for path in study.glob("*_fat.nii.gz"):
        path.write_bytes(b"")
    result = run(study, tmp_path / "out", options)
    assert result.report is None
    assert set(result.failures) == {"A", "B"}


def test_if_every_case_fails_no_table_of_an_earlier_run_stays(study, tmp_path, options):
    out = tmp_path / "out"
    run(study, out, options)
    for path in study.glob("*_fat.nii.gz"):
        path.write_bytes(b"")
    assert states(run(study, out, options)) == {"A": "failed", "B": "failed"}
    assert {path.name for path in out.iterdir()} == {".run.lock", "cases", "run.json"}


def test_tables_that_are_of_no_run_stay_if_every_case_fails(study, tmp_path, options):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "measures.csv").write_text("of lpm measure")
    for path in study.glob("*_fat.nii.gz"):
        path.write_bytes(b"")
    run(study, tmp_path / "out", options)
    assert (tmp_path / "out" / "measures.csv").read_text() == "of lpm measure"


def test_a_case_that_is_no_input_any_more_is_named(study, tmp_path, options):
    out = tmp_path / "out"
    run(study, out, options)
    for path in study.glob("B_*"):
        path.unlink()
    result = run(study, out, options)
    assert states(result) == {"A": "skipped"}
    assert result.earlier == ("B",)
    assert saved(out)["cases"]["B"]["state"] == "earlier"
    assert "B," in (out / "volumes.csv").read_text()
    assert "From an earlier run" in (out / "report.html").read_text(encoding="utf-8")
    for path in (out / "cases" / "B").iterdir():
        path.unlink()
    assert run(study, out, options).earlier == ()
    assert "B," not in (out / "volumes.csv").read_text()
    assert "B" not in saved(out)["cases"]


def test_an_older_record_of_a_failed_case_stays_out_when_others_are_run(study, tmp_path, options):
    out = tmp_path / "out"
    run(study, out, options)
    (study / "A_fat.nii.gz").write_bytes(b"")
    run(study, out, options)
    for path in study.glob("A_*"):
        path.unlink()
    assert run(study, out, options).earlier == ()
    assert saved(out)["cases"]["A"]["state"] == "failed"
    assert "A," not in (out / "volumes.csv").read_text()


@pytest.mark.parametrize("before", [False, True])
def test_a_lone_bad_case_is_recorded_where_the_folder_was_there(study, tmp_path, options, before):
    out = tmp_path / "out"
    out.mkdir()
    cases = api.find_cases([study / "A_water.nii.gz", study / "A_fat.nii.gz"])
    if before:
        cohort.run_cohort(cases, out, options)
    (study / "A_fat.nii.gz").write_bytes(b"")
    with pytest.raises(LpmError, match="empty"):
        cohort.run_cohort(cases, out, options)
    assert saved(out)["cases"]["A"]["state"] == "failed"
    assert "the file is empty" in saved(out)["cases"]["A"]["error"]
    assert not (out / "volumes.csv").exists()


def test_a_bug_stays_with_its_case(study, tmp_path, options, monkeypatch):
    real = CompactPredictor.predict

    def broken(self, *images):
        if not hasattr(broken, "done"):
            broken.done = True
            raise ZeroDivisionError("oops")
        return real(self, *images)

    monkeypatch.setattr(CompactPredictor, "predict", broken)
    result = run(study, tmp_path / "out", options)
    assert result.failures == {"A": "unexpected ZeroDivisionError: oops"}


def test_a_lone_bad_case_is_an_error_and_leaves_nothing(study, tmp_path, options):
    (study / "A_fat.nii.gz").write_bytes(b"")
    cases = api.find_cases([study / "A_water.nii.gz", study / "A_fat.nii.gz"])
    with pytest.raises(LpmError, match="empty"):
        cohort.run_cohort(cases, tmp_path / "new" / "deep", options)
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_written_to_ends_the_run(study, tmp_path, options):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(OutputError):
            run(study, out, options)
    assert (tmp_path / "file").read_text() == ""


def test_a_file_of_the_users_in_the_output_folder_stays(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "probe").write_text("mine")
    prepare_output(out)
    assert [path.name for path in out.iterdir()] == ["probe"]
    assert (out / "probe").read_text() == "mine"


def test_a_bad_slice_table_ends_the_run_before_it_begins(study, tmp_path, options):
    table = tmp_path / "slices.csv"
    table.write_text("case,from,to\nA,0,2\n")
    wrong = dataclasses.replace(options, slices=SliceTable(table, "inclusive"))
    with pytest.raises(LpmError, match="columns"):
        run(study, tmp_path / "out", wrong)
    assert not (tmp_path / "out").exists()


def test_a_case_that_the_table_lacks_fails_alone(study, tmp_path, options):
    table = tmp_path / "slices.csv"
    table.write_text("pid,slice_start,slice_stop\nA,1,3\n")
    some = dataclasses.replace(options, slices=SliceTable(table, "inclusive"))
    result = run(study, tmp_path / "out", some)
    assert states(result) == {"A": "done", "B": "failed"}
    assert "no row for the case 'B'" in result.failures["B"]
    (record,) = api.read_records(tmp_path / "out")
    assert record.slices == (1, 4)


@pytest.mark.skipif(os.name == "nt", reason="signals differ")
def test_states_are_told_as_they_come(study, tmp_path, options):
    out = tmp_path / "out"
    told = []
    run(study, out, options, on_event=lambda event: told.append((event.case, saved(out)["cases"])))
    assert [case for case, _ in told] == ["A", "B"]
    assert told[0][1]["B"]["state"] == "pending"


def test_a_case_without_any_muscle_is_empty_and_counts_as_failed(
    study, tmp_path, options, monkeypatch
):
    real = CompactPredictor.predict

    def blind(self, image):
        prediction = real(self, image)
        labels = prediction.labels
        return dataclasses.replace(prediction, labels=labels.with_array(labels.array * 0))

    monkeypatch.setattr(CompactPredictor, "predict", blind)
    result = run(study, tmp_path / "out", options)
    assert states(result) == {"A": "empty", "B": "empty"}
    assert saved(tmp_path / "out")["cases"]["A"]["state"] == "empty"
    with pytest.raises(CasesFailedError, match="2 of 2 cases failed"):
        result.raise_failures()
    assert "no erector spinae or multifidus" in result.failures["A"]
    for record in api.read_records(tmp_path / "out"):
        assert len(record.findings) == 1  # one line says it all
    assert not (tmp_path / "out" / "volumes.csv").exists()  # 0 mL is no measure
    again = run(study, tmp_path / "out", options)
    assert states(again) == {"A": "empty", "B": "empty"}
    assert all(event.seconds == 0 for event in again.events)
