"""``lpm run`` on DICOM exports: cases, choice, options."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import pytest

from dicom_damage import zip_files
from dicom_studies import write_screenshot
from exports import (
    JOHN,
    Lpm,
    dixon,
    record,
    sagittal,
    stacks,
    states,
    t2w,
    table,
)
from phantoms import phantom, write_pair
from stacked import write_discs


def test_an_export_becomes_cases_tables_and_a_report(run_here: Lpm, tmp_path: Path):
    """At any depth, packed or not, of several patients, beside other files."""
    export = tmp_path / "in"
    dixon(export / "a" / "b" / "c")
    t2w(tmp_path / "john", JOHN)
    zip_files(export / "john.zip", sorted((tmp_path / "john").iterdir()))
    write_screenshot(export / "capture", study=JOHN)
    (export / "letter.pdf").write_bytes(b"%PDF-1.4")
    said = run_here(export, "-o", tmp_path / "out")
    assert said.code == 0, said.err
    assert "2 done" in said.out
    kinds = {row["case"].split("_", 2)[2]: row for row in table(tmp_path / "out", "cases")}
    assert set(kinds) == {"acq-dixon10", "acq-5_T2w"}
    assert (kinds["acq-dixon10"]["sex"], kinds["acq-5_T2w"]["sex"]) == ("F", "M")
    assert kinds["acq-dixon10"]["age_years"] == "62.0"
    assert float(kinds["acq-dixon10"]["height_m"]) == 1.68
    assert len(table(tmp_path / "out", "fat_ratios")) == 1
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "axial Dixon pair; one grid, two series" in page
    assert "its modality is OT, not MR" in page


def test_a_repeated_run_skips_finished_cases(run_here: Lpm, tmp_path: Path):
    dixon(tmp_path / "in")
    run_here(tmp_path / "in", "-o", tmp_path / "out")
    assert "1 skipped" in run_here(tmp_path / "in", "-o", tmp_path / "out").out
    # also where the results lie in the export
    run_here(tmp_path / "in", "-o", tmp_path / "in" / "out")
    assert "1 skipped" in run_here(tmp_path / "in", "-o", tmp_path / "in" / "out").out


def test_reference_and_masks_belong_to_cases_named_by_identifier(run_here: Lpm, tmp_path: Path):
    dixon(tmp_path / "in")
    made = phantom()
    for folder in ("reference", "masks"):
        (tmp_path / folder).mkdir()
        nib.Nifti1Image(made.labels, made.affine).to_filename(
            tmp_path / folder / "PAT-4711-X_dseg.nii.gz"
        )
    said = run_here(
        tmp_path / "in", "-o", tmp_path / "out", "--case-from", "PatientID",
        "--reference", tmp_path / "reference", "--masks", tmp_path / "masks",
    )  # fmt: skip
    assert said.code == 0, said.err
    (row,) = table(tmp_path / "out", "accuracy")
    assert (row["case"], float(row["dsc_global"])) == ("PAT-4711-X", 1.0)


def test_levels_are_located_where_there_is_a_sagittal_series(run_here: Lpm, tmp_path: Path):
    dixon(tmp_path / "in" / "without", JOHN)
    dixon(tmp_path / "in" / "with" / "tra")
    sagittal(tmp_path / "in" / "with" / "sag")
    run_here(tmp_path / "in", "-o", tmp_path / "out")
    records = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in (tmp_path / "out").rglob("case.json")
    ]
    with_levels = {"sagittal" in one["inputs"]: one["levels"] is not None for one in records}
    assert with_levels == {True: True, False: False}
    run_here(tmp_path / "in", "-o", tmp_path / "none", "--levels", "none")
    assert all(
        json.loads(path.read_text(encoding="utf-8"))["levels"] is None
        for path in (tmp_path / "none").rglob("case.json")
    )


def test_series_overrules_the_choice(run_here: Lpm, tmp_path: Path):
    dixon(tmp_path / "in" / "a")
    t2w(tmp_path / "in" / "b", SeriesDescription="t2_fs_tra")
    run_here(tmp_path / "in", "-o", tmp_path / "out", "--series", "t2_fs")
    series = record(tmp_path / "out")["examination"]["series"]
    assert [(s["number"], s["reason"]) for s in series if s["role"]] == [(5, "named by the user")]
    assert {s["reason"] for s in series if not s["role"]} == {"another series was named"}


def test_ties_are_all_run(run_here: Lpm, tmp_path: Path):
    for number in (5, 7):
        t2w(tmp_path / "in", number=number)
    assert "2 done" in run_here(tmp_path / "in", "-o", tmp_path / "out").out
    ends = sorted(case.split("_", 2)[2] for case in states(tmp_path / "out"))
    assert ends == ["acq-5_T2w", "acq-7_T2w"]


@pytest.mark.slow
def test_cases_are_imported_by_worker_processes(run_here: Lpm, tmp_path: Path):
    dixon(tmp_path / "in" / "a")
    stacks(tmp_path / "in" / "b")
    t2w(tmp_path / "in" / "c", JOHN)
    said = run_here(tmp_path / "in", "-o", tmp_path / "out", "--workers", "2")
    assert said.code == 0, said.err
    assert "2 done" in said.out


def test_a_folder_of_both_is_run_as_nifti_with_a_note(run_here: Lpm, tmp_path: Path):
    write_pair(tmp_path / "in" / "nifti", "A")
    dixon(tmp_path / "in" / "dicom")
    said = run_here(tmp_path / "in", "-o", tmp_path / "out")
    assert said.code == 0, said.err
    assert states(tmp_path / "out") == {"A": "done"}
    assert "its DICOM files are left out since it holds NIfTI images" in said.text
    # given apart, both are run
    said = run_here(tmp_path / "in/nifti", tmp_path / "in/dicom", "-o", tmp_path / "both")
    assert "2 done" in said.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--contrast", "T1w"), "--contrast is about NIfTI"),
        (("--water", "w.nii.gz"), "--water names a NIfTI image, and an input is DICOM"),
        (("--sagittal", ".", "--levels", "auto"), "--sagittal . is a folder"),
        (("--from-slice", "0", "--to-slice", "1"), "--from-slice is about one image, and 2 cases"),
        (("--levels", "auto", "--anchor", "L4-L5=1"), "--anchor is about one image, and 2 cases"),
        (("--levels", "discs.json"), "--levels is about one image, and 2 cases were given"),
    ],
)
def test_options_that_would_have_no_effect_are_refused(
    run_here: Lpm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options, message
):
    monkeypatch.chdir(tmp_path)
    write_discs(tmp_path / "discs.json")
    dixon(tmp_path / "in" / "a")
    t2w(tmp_path / "in" / "b", JOHN)
    said = run_here(tmp_path / "in", "-o", tmp_path / "out", *options)
    assert said.code == 2
    assert message in said.text


@pytest.mark.parametrize(
    "options", [("--series", "5"), ("--case-from", "folder"), ("--keep-identity",)]
)
def test_options_about_dicom_are_refused_where_there_is_none(
    run_here: Lpm, tmp_path: Path, options
):
    write_pair(tmp_path / "in", "A")
    said = run_here(tmp_path / "in", "-o", tmp_path / "out", *options)
    assert said.code == 2
    assert f"{options[0]} is about DICOM, and no input is DICOM" in said.err


def test_a_trial_writes_nothing(run_here: Lpm, tmp_path: Path):
    dixon(tmp_path / "in")
    said = run_here(tmp_path / "in", "-o", tmp_path / "out", "--dry-run")
    assert said.code == 0
    assert "Dixon pair" in said.out
    assert not (tmp_path / "out").exists()
