from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from lpm_segmentator import api, cohort
from lpm_segmentator.api import LevelOptions
from lpm_segmentator.core import (
    CasesFailedError,
    Disc,
    LpmError,
    OutputError,
    RecordError,
    Remedy,
)
from lpm_segmentator.segment import CompactPredictor
from lpm_segmentator.study.layout import StudyFolder
from lpm_segmentator.study.options import SliceTable
from lpm_segmentator.study.outputs import prepare_output
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
    return api.RunOptions(model=str(tiny_path), mode="fast", keep_low_confidence=True)


def run(folder: Path, out: Path, options: api.RunOptions, **more) -> cohort.CohortResult:
    return cohort.run_cohort(api.find_cases([folder], reference=folder), out, options, **more)


def states(result: cohort.CohortResult) -> dict[str, str]:
    return {event.case: event.state for event in result.events}


def saved(out: Path) -> dict:
    return json.loads((out / "run.json").read_text(encoding="utf-8"))


def hidden(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.name.startswith(".") and p.name != ".run.lock"]


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


def test_a_fixed_case_is_done_by_running_again(study, tmp_path, options):
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


def test_two_runs_at_once_into_one_folder_are_refused(study, tmp_path, options):
    out = tmp_path / "out"
    refused = []

    def second(event):
        with pytest.raises(OutputError, match="another run is writing") as caught:
            run(study, out, options)
        refused.append(caught.value.remedies)

    assert states(run(study, out, options, on_event=second)) == {"A": "done", "B": "done"}
    assert refused == [(Remedy.OUTPUT,)] * 2
    assert states(run(study, out, options)) == {"A": "skipped", "B": "skipped"}


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


# -- masks that are edited, or imported


def edit(path: Path, slice_index: int = 2) -> None:
    """Erase a slice of a mask, as an editor would."""
    image = nib.load(path)
    array = np.asarray(image.dataobj).copy()
    assert array[..., slice_index].any()
    array[..., slice_index] = 0
    nib.Nifti1Image(array, image.affine, image.header).to_filename(path)


def volumes(out: Path) -> str:
    return (out / "volumes.csv").read_text()


@pytest.mark.parametrize("in_place", [True, False])
def test_an_edited_mask_is_noticed_measured_and_never_overwritten(
    study, tmp_path, options, in_place
):
    out = tmp_path / "out"
    run(study, out, options)
    folder = StudyFolder(out).case("A")
    before = volumes(out)
    mask = folder.mask if in_place else folder.edited_mask
    if not in_place:
        mask.write_bytes(folder.mask.read_bytes())
    edit(mask)
    content = mask.read_bytes()
    # The same command measures nothing anew, and says that the numbers are not about the edit.
    assert states(run(study, out, options)) == {"A": "skipped", "B": "skipped"}
    assert volumes(out) == before
    assert "edited after it was measured" in (out / "report.html").read_text(encoding="utf-8")
    assert "edited after it was measured" in (out / "measures.csv").read_text()
    (record,) = api.remeasure(out)
    api.write_results(out)
    assert (record.case, record.mask.kind, record.mask.file) == ("A", "edited", mask.name)
    assert record.mask.edited
    assert (record.mask.changed_voxels is None) is in_place
    assert volumes(out) != before
    assert "edited after it was measured" not in (out / "measures.csv").read_text()
    assert api.remeasure(out) == []
    assert states(run(study, out, options)) == {"A": "skipped", "B": "skipped"}
    # Another option runs the case again; the edited mask stays, and so do its numbers.
    edited = volumes(out)
    other = dataclasses.replace(options, accept_origin_mismatch=True)
    assert states(run(study, out, other)) == {"A": "done", "B": "done"}
    assert folder.edited_mask.read_bytes() == content
    assert volumes(out) == edited


def test_an_edit_that_another_program_turned_is_measured(study, tmp_path, options):
    out = tmp_path / "out"
    run(study, out, options)
    folder = StudyFolder(out).case("A")
    expected = api.read_records(out)[0].volumes
    image = nib.load(folder.mask)
    turned = nib.as_closest_canonical(image)
    assert turned.affine[0, 0] != image.affine[0, 0]
    nib.save(turned, folder.edited_mask)
    (record,) = api.remeasure(str(out), ["A"])
    assert record.volumes == expected
    assert record.mask.changed_voxels == 0


def test_cases_that_are_not_there_are_named(study, tmp_path, options):
    run(study, tmp_path / "out", options)
    with pytest.raises(LpmError, match="no finished case 'Z'"):
        api.remeasure(tmp_path / "out", ["Z"])


def test_masks_from_elsewhere_are_measured_instead_of_segmented(study, tmp_path, options):
    cases = api.find_cases([study], masks=study, reference=study)
    result = cohort.run_cohort(cases, tmp_path / "out", options)
    assert states(result) == {"A": "done", "B": "done"}
    for record in api.read_records(tmp_path / "out"):
        assert record.mask.kind == "imported"
        assert record.quality is None
        assert record.accuracy["dsc_global"] == 1.0
