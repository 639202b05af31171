"""Names of cases from DICOM, and identities."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from dicom_damage import encrypt
from dicom_files import Study
from dicom_studies import write_study
from exports import (
    JANE,
    JOHN,
    Lpm,
    dixon,
    leaks,
    record,
    states,
    t2w,
    table,
)


def test_no_identity_reaches_files_names_or_the_terminal(run_here: Lpm, tmp_path: Path):
    """Names are long: a short one occurs in compressed pictures by chance."""
    export = tmp_path / "in"
    her = Study(name="Featherstonehaugh^Wilhelmina")
    him = Study(
        name="Cholmondeley^Bartholomew", patient_id="PAT-0001-Z", accession="ACC-0002-Z",
        birth_date="19550228", date="20230701",
    )  # fmt: skip
    write_study(export, study=her)
    dixon(export / "second", him)
    encrypt(t2w(export / "broken", replace(her, date="20240401"))[1])
    said = run_here(export, "-o", tmp_path / "out")
    assert said.code == 1
    words = (*her.identity, *him.identity, her.date, him.date, "20240401", "2024-03-12")
    assert leaks(tmp_path / "out", words) == []
    assert not [word for word in words if word in said.out + said.err]
    # the path of the export is kept as part of the command line only
    assert leaks(tmp_path / "out", (str(export),)) == []


def test_identity_is_kept_on_request(run_here: Lpm, tmp_path: Path):
    dixon(tmp_path / "in")
    run_here(tmp_path / "in", "-o", tmp_path / "out", "--keep-identity")
    (row,) = table(tmp_path / "out", "cases")
    identity = (row["patient_id"], row["accession_number"], row["study_date"])
    assert identity == ("PAT-4711-X", "ACC-0815-Y", "20240312")
    assert record(tmp_path / "out")["examination"]["covariates"]["patient_id"] == "PAT-4711-X"
    assert leaks(tmp_path / "out", ("Jane", JANE.birth_date)) == []
    assert row["case"].startswith("sub-")


def test_pseudonyms_are_stable_in_a_folder_and_differ_between_folders(
    run_here: Lpm, tmp_path: Path
):
    dixon(tmp_path / "in")
    for out, more in (("a", ()), ("a", ("--dry-run",)), ("b", ())):
        run_here(tmp_path / "in", "-o", tmp_path / out, *more)
    first, second = (set(states(tmp_path / out)) for out in "ab")
    assert len(first) == len(second) == 1
    assert not first & second
    t2w(tmp_path / "later", replace(JANE, date="20250101"))
    run_here(tmp_path / "later", "-o", tmp_path / "a")
    subjects = {row["subject"] for row in table(tmp_path / "a", "cases")}
    assert len(states(tmp_path / "a")) == 2
    assert len(subjects) == 1


@pytest.mark.parametrize(
    ("case_from", "cases"),
    [
        ("PatientID", {"PAT-4711-X", "PAT-0001-Z"}),
        ("AccessionNumber", {"ACC-0815-Y", "ACC-0002-Z"}),
        ("folder", {"one", "two"}),
    ],
)
def test_cases_are_named_by_what_the_user_says(
    run_here: Lpm, tmp_path: Path, case_from: str, cases
):
    for folder, study in (("one", JANE), ("two", JOHN)):
        dixon(tmp_path / "in" / folder / "MR", study)
    said = run_here(
        tmp_path / "in", "-o", tmp_path / "out", "--case-from", case_from, "--dry-run", "--json"
    )
    assert {case["case"] for case in json.loads(said.out)["cases"]} == cases
