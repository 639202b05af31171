"""Runs into a folder that holds results: what is skipped, done again, resumed or refused."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys

import pytest

from cohort_runs import TABLES, hidden, run, saved, states
from lpm_segmentator import api, cohort
from lpm_segmentator.api import LevelOptions
from lpm_segmentator.core import (
    Disc,
    OutputError,
    RecordError,
    Remedy,
)
from lpm_segmentator.segment import CompactPredictor
from phantoms import write_pair


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
    other = dataclasses.replace(options, keep_low_confidence=False)
    assert states(run(study, out, other)) == {"A": "done", "B": "done"}


def test_another_model_of_the_same_name_is_run_again(study, tmp_path, options, tiny_bytes):
    out = tmp_path / "out"
    model = tmp_path / "model.onnx"
    model.write_bytes(tiny_bytes)
    named = dataclasses.replace(options, model=str(model))
    run(study, out, named)
    model.write_bytes(tiny_bytes.replace(b'"tiny"', b'"tine"'))
    assert states(run(study, out, named)) == {"A": "done", "B": "done"}


def test_a_fixed_case_is_done_by_running_again(study, tmp_path, options):
    out = tmp_path / "out"
    kept = (study / "A_fat.nii.gz").read_bytes()
    (study / "A_fat.nii.gz").write_bytes(kept[:1000])
    assert states(run(study, out, options)) == {"A": "failed", "B": "done"}
    (study / "A_fat.nii.gz").write_bytes(kept)
    assert states(run(study, out, options)) == {"A": "done", "B": "skipped"}


def test_an_interrupted_run_goes_on_where_it_was(study, tmp_path, options, monkeypatch):
    out = tmp_path / "out"
    real, calls = CompactPredictor.predict, []

    def interrupted(self, *images):
        calls.append(images)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, *images)

    monkeypatch.setattr(CompactPredictor, "predict", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(study, out, options)
    assert saved(out)["cases"]["A"]["state"] == "done"
    assert saved(out)["cases"]["B"]["state"] == "pending"
    assert not hidden(out)
    assert states(run(study, out, options)) == {"A": "skipped", "B": "done"}


def test_a_case_interrupted_while_done_again_is_not_taken_for_done(
    study, tmp_path, options, monkeypatch
):
    out = tmp_path / "out"
    run(study, out, options)

    def interrupted(result, path):
        raise KeyboardInterrupt

    other = dataclasses.replace(options, intensity_fat=False)
    with monkeypatch.context() as patch:
        patch.setattr("lpm_segmentator.study.writing.write_pictures", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(study, out, other)
    assert [record.case for record in api.read_records(out)] == ["B"]
    assert states(run(study, out, options)) == {"A": "done", "B": "skipped"}


def test_a_case_done_again_keeps_no_map_or_levels_of_an_earlier_run(study, tmp_path, options):
    out, image = tmp_path / "out", tmp_path / "T.nii.gz"
    image.write_bytes((study / "A_water.nii.gz").read_bytes())
    cases = api.find_cases([image])
    first = dataclasses.replace(
        options, levels=LevelOptions(anchors=((Disc.L1_L2, 4), (Disc.L5_S1, 1)))
    )
    cohort.run_cohort(cases, out, first)
    folder = out / "cases" / "T"
    (folder / "T_fatmap-dixon.nii.gz").write_bytes(b"of a run on a pair of this name")
    (folder / "notes.txt").write_text("the user's own")
    before = {path.name for path in folder.iterdir()}
    assert {"T_levels.json", "T_levels.png"} < before
    cohort.run_cohort(cases, out, dataclasses.replace(options, intensity_fat=False))
    assert {p.name for p in folder.iterdir()} == {
        "T_dseg.nii.gz", "T_qc.png", "case.json", "notes.txt"
    }  # fmt: skip


def test_a_case_is_done_again_once_intensity_fat_can_be_measured(
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
    options = api.RunOptions(model=model, mode="fast", keep_low_confidence=True)
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


def test_results_of_another_version_are_refused_before_anything_is_done(study, tmp_path, options):
    out = tmp_path / "out"
    run(study, out, options)
    record = out / "cases" / "B" / "case.json"
    old = json.loads(record.read_text())
    del old["schema_version"]
    record.write_text(json.dumps(old))
    for path in study.glob("B_*"):
        path.unlink()
    (study / "A_water.nii.gz").touch()
    with pytest.raises(RecordError, match=r"has version 1.*remove its folder"):
        run(study, out, options)
    assert json.loads((out / "cases" / "A" / "case.json").read_text())["case"] == "A"


def test_two_runs_at_once_into_one_folder_are_refused(study, tmp_path, options):
    out = tmp_path / "out"
    refused = []

    def second(event):
        with pytest.raises(OutputError, match="another run is writing") as caught:
            run(study, out, options)
        refused.append(caught.value.remedies)
        for again in (api.remeasure, api.write_results):
            with pytest.raises(OutputError, match="another run is writing"):
                again(out)

    assert states(run(study, out, options, on_event=second)) == {"A": "done", "B": "done"}
    assert refused == [(Remedy.OUTPUT,)] * 2
    assert states(run(study, out, options)) == {"A": "skipped", "B": "skipped"}


def test_results_of_other_options_are_named_before_they_are_replaced(
    study, tmp_path, options, caplog
):
    out = tmp_path / "out"
    run(study, out, options)
    run(study, out, options)
    assert "replaced" not in caplog.text
    changed = dataclasses.replace(options, slices=(1, 3), intensity_fat=False)
    assert len(api.find_cases([study])) == 2
    told = []
    run(study, out, changed, on_event=lambda _: told.append(caplog.text))
    expected = (
        "2 cases were run with other options (slices, intensity-based fat) and will be replaced: "
        "A, B"
    )
    assert told[0].count(expected) == 1  # before the first case
    caplog.clear()
    (study / "A_fat.nii.gz").touch()  # another input is no other option
    run(study, out, changed)
    assert "replaced" not in caplog.text


def test_another_version_or_model_is_named(study, tmp_path, options, caplog):
    out = tmp_path / "out"
    run(study, out, options)
    path = out / "cases" / "A" / "case.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    record["version"], record["model"]["sha256"] = "0.0.1", "0" * 64
    record["fingerprint"] = "other"
    path.write_text(json.dumps(record), encoding="utf-8")
    assert states(run(study, out, options)) == {"A": "done", "B": "skipped"}
    assert (
        "1 case was run with other options (model, version of the program) and will be replaced: A"
    ) in caplog.text
