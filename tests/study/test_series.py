from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from lpm_segmentator.core import FileFormatError, InputError
from lpm_segmentator.study.discovery import find_cases
from lpm_segmentator.study.series import with_sagittal

AXIAL = np.diag([2.0, 2.0, 4.0, 1.0])
SAGITTAL = np.array([[0, 0, 4.0, 0], [0, 2.0, 0, 0], [2.0, 0, 0, 0], [0, 0, 0, 1.0]])


def save(folder: Path, name: str, affine: np.ndarray, *, shift: float = 0.0) -> Path:
    moved = affine.copy()
    moved[:3, 3] += shift
    shape = (20, 20, 10) if affine is AXIAL else (30, 20, 8)
    path = folder / f"{name}.nii.gz"
    nib.save(nib.Nifti1Image(np.arange(np.prod(shape), dtype=np.int16).reshape(shape), moved), path)
    return path


def series(folder: Path, given: Path | None = None) -> dict[str, str | None]:
    plan = with_sagittal(find_cases([folder]), given)
    return {c.case: None if c.sagittal is None else c.sagittal.name for c in plan.cases}


def test_each_image_gets_the_series_of_its_own_subject(tmp_path: Path) -> None:
    for subject in ("sub-1", "sub-10"):
        save(tmp_path, f"{subject}_acq-ax_T2w", AXIAL)
        save(tmp_path, f"{subject}_acq-sag_T2w", SAGITTAL)
    save(tmp_path, "sub-2_T1w", AXIAL)
    assert series(tmp_path) == {
        "sub-1_acq-ax_T2w": "sub-1_acq-sag_T2w.nii.gz",
        "sub-10_acq-ax_T2w": "sub-10_acq-sag_T2w.nii.gz",
        "sub-2_T1w": None,
    }


def test_every_image_of_a_subject_shares_the_series(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        save(tmp_path, f"P1_ax_{number}", AXIAL)
    save(tmp_path, "P1_sag_T1", SAGITTAL)
    assert set(series(tmp_path).values()) == {"P1_sag_T1.nii.gz"}


def test_names_may_say_nothing_where_there_is_one_subject(tmp_path: Path) -> None:
    save(tmp_path, "scout2", SAGITTAL)
    save(tmp_path, "muscles", AXIAL)
    assert series(tmp_path) == {"muscles": "scout2.nii.gz"}


def test_a_series_that_lies_elsewhere_is_not_taken(tmp_path: Path) -> None:
    save(tmp_path, "P1_sag", SAGITTAL, shift=500)
    save(tmp_path, "P1_ax", AXIAL)
    assert series(tmp_path) == {"P1_ax": None}


def test_of_two_series_the_one_that_shows_more_is_taken(tmp_path: Path) -> None:
    save(tmp_path, "P1_ax", AXIAL)
    save(tmp_path, "P1_sag_T1", SAGITTAL, shift=12)
    save(tmp_path, "P1_sag_T2", SAGITTAL)
    assert series(tmp_path) == {"P1_ax": "P1_sag_T2.nii.gz"}


def test_a_pair_that_lost_one_origin_is_placed_by_the_other(tmp_path: Path) -> None:
    save(tmp_path, "P1_sag", SAGITTAL, shift=500)
    save(tmp_path, "P1_water", AXIAL)
    save(tmp_path, "P1_fat", AXIAL, shift=500)
    assert series(tmp_path) == {"P1": "P1_sag.nii.gz"}


def test_a_series_is_named_or_searched_in_a_folder(tmp_path: Path) -> None:
    save(tmp_path, "P1_ax", AXIAL)
    other = tmp_path.with_name(f"{tmp_path.name}-sagittal")
    other.mkdir()
    path = save(other, "sagittal", SAGITTAL)
    assert series(tmp_path, path) == {"P1_ax": "sagittal.nii.gz"}
    assert series(tmp_path, other) == {"P1_ax": "sagittal.nii.gz"}


def test_a_sagittal_series_is_a_case_where_it_is_all_there_is(tmp_path: Path) -> None:
    save(tmp_path, "P1_sag", SAGITTAL)
    assert series(tmp_path) == {"P1_sag": None}


def test_what_is_not_sagittal_is_refused(tmp_path: Path) -> None:
    save(tmp_path, "P1_ax", AXIAL)
    other = tmp_path.with_name(f"{tmp_path.name}-other")
    other.mkdir()
    axial = save(other, "x", AXIAL)
    with pytest.raises(InputError, match="not a sagittal series"):
        series(tmp_path, axial)
    with pytest.raises(InputError, match="holds no sagittal series"):
        series(tmp_path, other)
    with pytest.raises(FileFormatError, match="no such file"):
        series(tmp_path, tmp_path / "none.nii.gz")


@pytest.mark.parametrize("name", ["P1_sag_T2", "P1_sag_T2_0004", "P1_sag_b", "P1_L1-S1_sag"])
def test_numbers_letters_and_levels_at_the_end_do_not_lose_the_series(tmp_path, name) -> None:
    save(tmp_path, name, SAGITTAL)
    save(tmp_path, "P1_T2_tra_0005_L4-L5", AXIAL)
    assert set(series(tmp_path).values()) == {f"{name}.nii.gz"}


def test_the_series_of_another_subject_is_not_used_and_listed(tmp_path) -> None:
    path = save(tmp_path, "P1_sag", SAGITTAL)
    for number in (1, 2):
        save(tmp_path, f"P2_tra_{number}", AXIAL)
    plan = with_sagittal(find_cases(tmp_path))
    assert [files.sagittal for files in plan.cases] == [None, None]
    (unused,) = plan.unused
    assert unused.path == path
    assert "sagittal=PATH" in unused.reason
    assert set(series(tmp_path, path).values()) == {"P1_sag.nii.gz"}


def test_only_stacks_get_a_series_and_other_subjects_stay_as_they_are(tmp_path: Path) -> None:
    for number in (1, 2):
        save(tmp_path, f"P1_tra_stack{number}", AXIAL)
    for name in ("P1_sag_T1", "P1_sag_T2", "P2_sag"):
        save(tmp_path, name, SAGITTAL)
    for name in ("P1_T1w", "P2_tra"):
        save(tmp_path, name, AXIAL)
    plan = with_sagittal(find_cases(tmp_path), stacks_only=True)
    assert {c.case: c.sagittal is not None for c in plan.cases} == {
        "P1_T1w": False, "P1_tra": True, "P2_sag": False, "P2_tra": False,
    }  # fmt: skip
    assert [unused.path.name for unused in plan.unused] == ["P1_sag_T2.nii.gz"]
