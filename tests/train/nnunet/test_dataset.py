"""The raw dataset and its folds: no subject in two folds, nothing written on an error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lpm_segmentator.core import InputError
from lpm_segmentator.io import read_image
from lpm_segmentator.train.labelled import assign_folds
from lpm_segmentator.train.nnunet.cases import TrainingCase, find_training_cases
from lpm_segmentator.train.nnunet.dataset import splits, write_dataset
from phantoms import write_pair, write_reference


def cases_of(subjects: list[str]) -> list[TrainingCase]:
    path = Path("x.nii.gz")
    return [TrainingCase(f"{s}_{i}", s, "T2w", path, path) for i, s in enumerate(subjects)]


@given(st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=30), st.integers(2, 5))
def test_no_subject_is_in_two_folds(subjects: list[str], count: int) -> None:
    cases = cases_of(subjects)
    assume(len(set(subjects)) >= count)
    parts = splits(cases, assign_folds(subjects, count), count)
    owner = {c.case: c.subject for c in cases}
    held_out = [case for part in parts for case in part["val"]]
    assert sorted(held_out) == sorted(owner)  # each case once
    for part in parts:
        trained = {owner[c] for c in part["train"]}
        assert part["val"]
        assert trained
        assert not trained & {owner[c] for c in part["val"]}


def test_the_dataset_is_what_nnunet_reads(tmp_path: Path) -> None:
    write_pair(tmp_path / "i", "A", 0)
    write_reference(tmp_path / "l", "A", 0)
    cases = find_training_cases(tmp_path / "i", tmp_path / "l")
    write_dataset(cases, tmp_path / "Dataset515_x")
    names = {str(p.relative_to(tmp_path / "Dataset515_x")) for p in tmp_path.glob("Data*/*/*")}
    assert names == {
        "imagesTr/A_fat_0000.nii.gz",
        "imagesTr/A_water_0000.nii.gz",
        "labelsTr/A_fat.nii.gz",
        "labelsTr/A_water.nii.gz",
    }
    content = json.loads((tmp_path / "Dataset515_x" / "dataset.json").read_text())
    assert content["labels"] == {"background": 0, "ES_R": 1, "MF_R": 2, "MF_L": 3, "ES_L": 4}
    image = read_image(tmp_path / "Dataset515_x/imagesTr/A_fat_0000.nii.gz").volume
    assert image.geometry.axis_codes == ("L", "P", "S")


def test_one_wrong_case_leaves_nothing_behind(tmp_path: Path) -> None:
    for name in ("A", "B"):
        write_pair(tmp_path / "i", name, 0)
        write_reference(tmp_path / "l", name, 0)
    write_reference(tmp_path / "l", "A", 1)
    (tmp_path / "l" / "B_dseg.nii.gz").write_bytes(b"nothing")
    cases = find_training_cases(tmp_path / "i", tmp_path / "l")
    with pytest.raises(InputError, match="2 of 4 cases cannot be used"):
        write_dataset(cases, tmp_path / "raw" / "Dataset515_x")
    assert not list((tmp_path / "raw").iterdir())


def test_one_subject_under_two_names_is_refused(tmp_path: Path) -> None:
    for name in ("A_visit1", "A_visit2"):
        write_pair(tmp_path / "i", name, 0)
        write_reference(tmp_path / "l", name, 0)
    cases = find_training_cases(tmp_path / "i", tmp_path / "l")
    with pytest.raises(InputError, match=r"'A_visit2' and 'A_visit1'.*subject_pattern=REGEX"):
        write_dataset(cases, tmp_path / "raw")
    joined = find_training_cases(tmp_path / "i", tmp_path / "l", subject_pattern="^[^_]+")
    write_dataset(joined, tmp_path / "raw")
