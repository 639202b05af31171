"""Pseudonyms, and names that a user asks for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dicom_damage import zip_files
from dicom_dialects import SIEMENS_CLASSIC
from dicom_files import Study, dixon_images, plane, ramp, write_dixon, write_series
from lpm_segmentator.core import InputError
from lpm_segmentator.io.dicom import scan
from lpm_segmentator.study.dicom.examinations import Examination, examinations
from lpm_segmentator.study.dicom.names import Pseudonyms, case_names

SHAPE = (8, 8, 4)
JANE = Study()
JOHN = Study(name="Roe^John", patient_id="PAT/0001 Z", accession="ACC-2", sex="M")
LATER = Study(accession="ACC-3", date="20250101")
SECRET = Pseudonyms("secret")


def t2w(folder: Path, study: Study = JANE, number: int = 5, z_mm: float = 0.0) -> list[Path]:
    affine = plane(shape=SHAPE, spacing_mm=(8.0, 8.0, 30.0), center_mm=(0, 0, z_mm))
    return write_series(folder, ramp(SHAPE), affine, study=study, number=number)


def found(*inputs: Path) -> list[Examination]:
    return examinations(scan(inputs))


def names(inputs: list[Path], case_from: str = "pseudonym", secret: Pseudonyms = SECRET):
    return case_names(found(*inputs), secret, case_from, inputs)


def test_the_secret_of_a_study_is_drawn_once_and_kept(tmp_path: Path):
    one = Pseudonyms.of_study(tmp_path / "a", keep=True)
    assert len(one.salt) == 32
    assert Pseudonyms.of_study(tmp_path / "a", keep=True) == one
    assert Pseudonyms.of_study(tmp_path / "b", keep=True) != one


def test_a_trial_leaves_nothing(tmp_path: Path):
    Pseudonyms.of_study(tmp_path / "a", keep=False)
    assert not (tmp_path / "a").exists()


def test_a_secret_that_was_emptied_is_refused(tmp_path: Path):
    """Without it, names could be guessed from identifiers."""
    (tmp_path / ".salt").write_text("\n")
    with pytest.raises(InputError, match="holds no secret"):
        Pseudonyms.of_study(tmp_path, keep=True)


def test_pseudonyms_are_stable_and_differ_between_patients_sessions_and_secrets(tmp_path: Path):
    for folder, study in (("a", JANE), ("b", LATER), ("c", JOHN)):
        t2w(tmp_path / folder, study)
    inputs = [tmp_path / folder for folder in "abc"]
    first = names(inputs)
    assert all(re.fullmatch(r"sub-[a-z2-7]{8}_ses-[a-z2-7]{4}_acq-5_T2w", own[0]) for own in first)
    (jane,), (later,), (john,) = first
    assert jane[:12] == later[:12] != john[:12]
    assert len({jane, later, john}) == 3
    assert names(inputs) == first
    assert names(inputs[:1]) == first[:1]
    other = names(inputs, secret=Pseudonyms("other"))
    assert not {name for own in first for name in own} & {name for own in other for name in own}


def test_what_was_chosen_is_in_the_name(tmp_path: Path):
    write_dixon(tmp_path / "a", dixon_images(SHAPE), plane(shape=SHAPE), dialect=SIEMENS_CLASSIC)
    assert names([tmp_path / "a"])[0][0].endswith("_acq-dixon10")
    for number in (5, 7):
        t2w(tmp_path / "b", number=number)
    ends = [name.split("_", 2)[2] for name in names([tmp_path / "b"])[0]]
    assert ends == ["acq-5_T2w", "acq-7_T2w"]


def test_cases_of_one_series_are_numbered(tmp_path: Path):
    """Stacks that are too long for one examination in several."""
    for z, first in ((-300.0, 1), (300.0, 5)):
        affine = plane(shape=SHAPE, spacing_mm=(8.0, 8.0, 30.0), center_mm=(0, 0, z))
        write_series(tmp_path / "a", ramp(SHAPE), affine, first_instance=first)
    ends = [name.split("_", 2)[2] for name in names([tmp_path / "a"])[0]]
    assert ends == ["chunk-1_acq-5_T2w", "chunk-2_acq-5_T2w"]


def test_names_by_identifiers_hold_letters_and_digits_only(tmp_path: Path):
    t2w(tmp_path / "a")
    t2w(tmp_path / "b", JOHN)
    inputs = [tmp_path / "a", tmp_path / "b"]
    assert names(inputs, "PatientID") == [["PAT-4711-X"], ["PAT-0001-Z"]]
    assert names(inputs, "AccessionNumber") == [["ACC-0815-Y"], ["ACC-2"]]


def test_examinations_of_one_name_get_their_session(tmp_path: Path):
    t2w(tmp_path / "a")
    t2w(tmp_path / "b", LATER)
    t2w(tmp_path / "b", LATER, number=7)
    (one,), (two, three) = names([tmp_path / "a", tmp_path / "b"], "PatientID")
    assert re.fullmatch(r"PAT-4711-X_ses-[a-z2-7]{4}", one)
    assert two.startswith("PAT-4711-X_ses-")
    assert two.endswith("_acq-5_T2w")
    assert three.endswith("_acq-7_T2w")
    assert one[:19] != two[:19] == three[:19]


@pytest.mark.parametrize("case_from", ["PatientID", "AccessionNumber"])
def test_an_examination_without_the_identifier_keeps_its_pseudonym(tmp_path: Path, case_from: str):
    write_series(tmp_path, ramp(SHAPE), plane(shape=SHAPE), **{case_from: None})
    ((name,),) = names([tmp_path], case_from)
    assert re.fullmatch(r"sub-[a-z2-7]{8}_ses-[a-z2-7]{4}_acq-5_T2w", name)


def test_names_by_folders_are_the_first_below_the_input(tmp_path: Path):
    t2w(tmp_path / "in" / "P 1" / "MR" / "5")
    t2w(tmp_path / "in" / "P2" / "MR", JOHN)
    assert names([tmp_path / "in"], "folder") == [["P-1"], ["P2"]]
    # files directly in it, and files that are named themselves, have the name of its folder
    assert names([tmp_path / "in" / "P2" / "MR"], "folder") == [["MR"]]
    assert names(sorted((tmp_path / "in" / "P2" / "MR").iterdir()), "folder") == [["MR"]]


def test_an_archive_stands_for_a_folder(tmp_path: Path):
    jane, john = t2w(tmp_path / "a"), t2w(tmp_path / "b", JOHN)
    inside = {f"P{n}/MR/{path.name}": path for n, own in ((1, jane), (2, john)) for path in own}
    both = zip_files(tmp_path / "both.zip", inside)
    assert names([both], "folder") == [["P1"], ["P2"]]
    (tmp_path / "in").mkdir()
    for name, own in (("one", jane), ("two", john)):
        zip_files(tmp_path / "in" / f"{name}.zip", {f"DICOM/{path.name}": path for path in own})
    assert names([tmp_path / "in"], "folder") == [["one"], ["two"]]
    assert names([zip_files(tmp_path / "flat.zip", jane)], "folder") == [["flat"]]


def test_a_folder_without_letters_gives_no_name(tmp_path: Path):
    t2w(tmp_path / "in" / "患者")
    ((name,),) = names([tmp_path / "in"], "folder")
    assert name.startswith("sub-")
