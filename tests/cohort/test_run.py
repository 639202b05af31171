from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lpm_segmentator import api, cohort
from lpm_segmentator.api.levels import LevelOptions
from lpm_segmentator.core import CasesFailedError, LpmError, OutputError
from lpm_segmentator.segment import CompactPredictor
from phantoms import write_pair, write_reference

TABLES = (
    "measures.csv",
    "profiles.csv",
    "volumes.csv",
    "fat_ratios.csv",
    "accuracy.csv",
    "accuracy_levels.csv",
    "accuracy_slices.csv",
    "paired_measures.csv",
)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two phantoms with references."""
    folder = tmp_path / "study"
    for seed, case in enumerate(("A", "B")):
        write_pair(folder, case, seed)
        write_reference(folder, case, seed)
    return folder


@pytest.fixture
def options(tiny_path: Path) -> api.RunOptions:
    return api.RunOptions(model=str(tiny_path), mode="fast")


def run(folder: Path, out: Path, options: api.RunOptions, **more) -> cohort.CohortResult:
    return cohort.run_cohort(api.find_cases([folder], reference=folder), out, options, **more)


def states(result: cohort.CohortResult) -> dict[str, str]:
    return {event.case: event.state for event in result.events}


def saved(out: Path) -> dict:
    return json.loads((out / "run.json").read_text(encoding="utf-8"))


def hidden(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.startswith(".")]


def test_it_leaves_the_files_that_are_promised(study, tmp_path, options):
    out = tmp_path / "out"
    result = run(study, out, options)
    assert states(result) == {"A": "done", "B": "done"}
    found = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
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
    assert found == {*cases, *TABLES, "report.html", "run.json"}
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


def test_a_second_run_does_nothing_twice(study, tmp_path, options):
    out = tmp_path / "out"
    run(study, out, options)
    tables = {name: (out / name).read_bytes() for name in TABLES}
    before = {path: path.stat().st_mtime_ns for path in (out / "cases").rglob("*")}
    result = run(study, out, options)
    assert states(result) == {"A": "skipped", "B": "skipped"}
    assert {path: path.stat().st_mtime_ns for path in (out / "cases").rglob("*")} == before
    assert {name: (out / name).read_bytes() for name in TABLES} == tables


def test_a_changed_input_is_run_again(study, tmp_path, options):
    out = tmp_path / "out"
    run(study, out, options)
    write_pair(study, "B", seed=5)
    assert states(run(study, out, options)) == {"A": "skipped", "B": "done"}


def test_a_lost_result_is_made_again(study, tmp_path, options):
    out = tmp_path / "out"
    run(study, out, options)
    (out / "cases" / "A" / "A_dseg.nii.gz").unlink()
    (out / "cases" / "B" / "case.json").write_text("{")
    assert states(run(study, out, options)) == {"A": "done", "B": "done"}


def test_changed_options_are_run_again(study, tmp_path, options):
    out = tmp_path / "out"
    run(study, out, options)
    exact = api.RunOptions(model=options.model, mode="exact")
    assert states(run(study, out, exact)) == {"A": "done", "B": "done"}


def test_another_model_of_the_same_name_is_run_again(study, tmp_path, options, tiny_bytes):
    out = tmp_path / "out"
    model = tmp_path / "model.onnx"
    model.write_bytes(tiny_bytes)
    named = api.RunOptions(model=str(model), mode="fast")
    run(study, out, named)
    model.write_bytes(tiny_bytes.replace(b'"tiny"', b'"tine"'))
    assert states(run(study, out, named)) == {"A": "done", "B": "done"}


def test_a_bad_case_does_not_stop_the_others(study, tmp_path, options):
    out = tmp_path / "out"
    (study / "A_fat.nii.gz").write_bytes(b"")
    write_pair(study, "C", 2)
    (study / "C_water.nii.gz").unlink()
    seen = []
    result = run(study, out, options, on_event=seen.append)
    assert states(result) == {"A": "failed", "B": "done", "C": "failed"}
    assert [event.case for event in seen] == ["A", "B", "C"]
    told = saved(out)["cases"]
    assert "A_fat.nii.gz: the file is empty" in told["A"]["error"]
    assert "no water image" in told["C"]["error"]
    assert told["B"] == {"state": "done", "error": None, "seconds": told["B"]["seconds"]}
    assert not (out / "cases" / "A").exists()
    assert "A," not in (out / "volumes.csv").read_text()
    assert "could not be done" in (out / "report.html").read_text(encoding="utf-8")
    with pytest.raises(CasesFailedError, match="2 of 3 cases failed") as caught:
        result.raise_failures()
    assert caught.value.exit_code == 1


def test_a_case_that_failed_later_leaves_the_tables(study, tmp_path, options):
    out = tmp_path / "out"
    run(study, out, options)
    (study / "A_fat.nii.gz").write_bytes(b"")
    assert states(run(study, out, options)) == {"A": "failed", "B": "skipped"}
    assert "A," not in (out / "volumes.csv").read_text()


def test_a_mended_case_is_done_by_running_again(study, tmp_path, options):
    out = tmp_path / "out"
    kept = (study / "A_fat.nii.gz").read_bytes()
    (study / "A_fat.nii.gz").write_bytes(kept[:1000])
    assert states(run(study, out, options)) == {"A": "failed", "B": "done"}
    (study / "A_fat.nii.gz").write_bytes(kept)
    assert states(run(study, out, options)) == {"A": "done", "B": "skipped"}


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
    assert {path.name for path in out.iterdir()} == {"cases", "run.json"}


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


def test_a_fault_of_the_program_stays_with_its_case(study, tmp_path, options, monkeypatch):
    real = CompactPredictor.predict_dixon

    def broken(self, *images):
        if not hasattr(broken, "done"):
            broken.done = True
            raise ZeroDivisionError("oops")
        return real(self, *images)

    monkeypatch.setattr(CompactPredictor, "predict_dixon", broken)
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
    api.prepare_output(out)
    assert [path.name for path in out.iterdir()] == ["probe"]
    assert (out / "probe").read_text() == "mine"


def test_an_interrupted_run_goes_on_where_it_was(study, tmp_path, options, monkeypatch):
    out = tmp_path / "out"
    real, calls = CompactPredictor.predict_dixon, []

    def interrupted(self, *images):
        calls.append(images)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, *images)

    monkeypatch.setattr(CompactPredictor, "predict_dixon", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(study, out, options)
    assert saved(out)["cases"]["A"]["state"] == "done"
    assert saved(out)["cases"]["B"] == {"state": "pending"}
    assert not hidden(out)
    assert states(run(study, out, options)) == {"A": "skipped", "B": "done"}


def test_a_case_interrupted_while_done_again_is_not_taken_for_done(
    study, tmp_path, options, monkeypatch
):
    out = tmp_path / "out"
    run(study, out, options)

    def interrupted(result, path):
        raise KeyboardInterrupt

    other = dataclasses.replace(options, mode="exact")
    with monkeypatch.context() as patch:
        patch.setattr("lpm_segmentator.api.run._write_picture", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(study, out, other)
    assert [record["case"] for record in api.read_records(out)] == ["B"]
    assert states(run(study, out, options)) == {"A": "done", "B": "skipped"}


def test_a_case_done_again_keeps_no_map_or_levels_of_an_earlier_run(study, tmp_path, options):
    out, image = tmp_path / "out", tmp_path / "T.nii.gz"
    image.write_bytes((study / "A_water.nii.gz").read_bytes())
    cases = api.find_cases([image])
    first = dataclasses.replace(
        options, levels=LevelOptions(slices=(4, 1)), keep_doubtful=True, brightness=True
    )
    cohort.run_cohort(cases, out, first)
    folder = out / "cases" / "T"
    (folder / "T_fatmap-dixon.nii.gz").write_bytes(b"of a run on a pair of this name")
    (folder / "notes.txt").write_text("the user's own")
    before = {path.name for path in folder.iterdir()}
    assert {"T_levels.json", "T_levels.png"} < before
    cohort.run_cohort(cases, out, dataclasses.replace(options, brightness=False))
    assert {p.name for p in folder.iterdir()} == {
        "T_dseg.nii.gz", "T_qc.png", "case.json", "notes.txt"
    }  # fmt: skip


def test_a_case_is_done_again_once_brightness_can_be_measured(
    study, tmp_path, options, monkeypatch
):
    out, image = tmp_path / "out", tmp_path / "T.nii.gz"
    image.write_bytes((study / "A_water.nii.gz").read_bytes())
    cases = api.find_cases([image])
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "sklearn", None)  # as if it were not installed
        patch.setitem(sys.modules, "sklearn.mixture", None)
        cohort.run_cohort(cases, out, options)
        assert states(cohort.run_cohort(cases, out, options)) == {"T": "skipped"}
    assert states(cohort.run_cohort(cases, out, options)) == {"T": "done"}
    assert states(cohort.run_cohort(cases, out, options)) == {"T": "skipped"}


KILLED = """
import os, signal, sys
import nibabel
from pathlib import Path
from lpm_segmentator import api, cohort

def half(self, path):
    Path(path).write_bytes(b"half a file")
    os.kill(os.getpid(), signal.SIGKILL)

def work():
    study, out, model, when = sys.argv[1:]
    options = api.RunOptions(model=model, mode="fast")
    def on_event(event):
        if event.case == when:
            nibabel.Nifti1Image.to_filename = half
    if not when:
        nibabel.Nifti1Image.to_filename = half
    cases = api.find_cases([study], reference=study)
    cohort.run_cohort(cases, Path(out), options, on_event=on_event)

work()
"""


@pytest.mark.parametrize("when", ["", "A"])
def test_a_killed_run_leaves_no_half_file_and_is_resumed(study, tmp_path, options, when):
    out = tmp_path / "out"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(study), str(out), options.model, when],
        check=False,
        timeout=300,
    )
    assert killed.returncode == -signal.SIGKILL
    assert not list(out.rglob("B_dseg.nii.gz"))
    assert hidden(out)  # the file that was being written, under a name nobody reads
    result = run(study, out, options)
    assert states(result) == {"A": "skipped" if when else "done", "B": "done"}
    assert not hidden(out)


def test_two_workers_find_what_one_finds(study, tmp_path, options):
    (study / "A_fat.nii.gz").write_bytes(b"")
    write_pair(study, "C", 2)
    one, two = tmp_path / "one", tmp_path / "two"
    for out, workers in ((one, 1), (two, 2)):
        result = run(study, out, options, workers=workers)
        assert states(result) == {"A": "failed", "B": "done", "C": "done"}
    for name in TABLES:
        assert (one / name).read_bytes() == (two / name).read_bytes()
    assert saved(one)["cases"].keys() == saved(two)["cases"].keys()
    assert not (two / "cases" / "A").exists()


def test_dask_without_its_package_names_the_extra(study, tmp_path, options, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(LpmError, match=r"lpm-segmentator\[dask\]"):
        run(study, tmp_path / "out", options, engine="dask")


def test_a_bad_slice_table_ends_the_run_before_it_begins(study, tmp_path, options):
    table = tmp_path / "slices.csv"
    table.write_text("case,from,to\nA,0,2\n")
    wrong = api.RunOptions(
        model=options.model, mode="fast", slices=api.SliceTable(table, "inclusive")
    )
    with pytest.raises(LpmError, match="columns"):
        run(study, tmp_path / "out", wrong)
    assert not (tmp_path / "out").exists()


def test_a_case_that_the_table_lacks_fails_alone(study, tmp_path, options):
    table = tmp_path / "slices.csv"
    table.write_text("pid,slice_start,slice_stop\nA,1,3\n")
    some = api.RunOptions(
        model=options.model, mode="fast", slices=api.SliceTable(table, "inclusive")
    )
    result = run(study, tmp_path / "out", some)
    assert states(result) == {"A": "done", "B": "failed"}
    assert "no row for the case 'B'" in result.failures["B"]
    (record,) = api.read_records(tmp_path / "out")
    assert record["slices"] == [1, 4]


@pytest.mark.skipif(os.name == "nt", reason="signals differ")
def test_states_are_told_as_they_come(study, tmp_path, options):
    out = tmp_path / "out"
    told = []
    run(study, out, options, on_event=lambda event: told.append((event.case, saved(out)["cases"])))
    assert [case for case, _ in told] == ["A", "B"]
    assert told[0][1]["B"] == {"state": "pending"}
