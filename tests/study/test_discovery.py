"""Which files are a case."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lpm_segmentator.core import (
    Contrast,
    FileFormatError,
    InputError,
    PairingError,
    Remedy,
)
from lpm_segmentator.io import write_image
from lpm_segmentator.study.discovery import discover, find_cases
from phantoms import pair_of, phantom, write_pair, write_reference


@pytest.fixture
def folder(tmp_path):
    """A Dixon pair, a single image and label maps of both."""
    write_pair(tmp_path, "A")
    write_image(pair_of(phantom()).water, tmp_path / "B.nii.gz")
    for case in "AB":
        write_reference(tmp_path, case)
    return tmp_path


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).touch()
    return folder


def pairs(folder: Path) -> dict[str, tuple[str, str]]:
    return {
        files.case: (files.water.name, files.fat.name)
        for files in find_cases(folder)
        if files.water is not None and files.fat is not None
    }


def test_a_folder_gives_pairs_and_single_images_without_label_maps(folder):
    pair, single = find_cases([folder])
    assert (pair.case, pair.image) == ("A", None)
    assert (pair.water, pair.fat) == (folder / "A_water.nii.gz", folder / "A_fat.nii.gz")
    assert (single.case, single.image, single.water) == ("B", folder / "B.nii.gz", None)
    assert pair.ids == ("A", "A_water", "A_fat")


@pytest.mark.parametrize("kind", [str, Path])
def test_one_input_may_be_given_alone(folder, kind):
    assert [files.case for files in find_cases(kind(folder))] == ["A", "B"]
    assert [files.case for files in find_cases(kind(folder / "B.nii.gz"))] == ["B"]


def test_files_and_folders_may_be_mixed(folder, tmp_path):
    other = tmp_path / "other"
    write_pair(other, "C", 1)
    names = [files.case for files in find_cases([folder / "B.nii.gz", other])]
    assert names == ["B", "C"]


def test_a_pair_may_be_named(folder):
    write_image(pair_of(phantom()).fat, folder / "in.nii.gz")
    write_image(pair_of(phantom()).fat, folder / "opp.nii.gz")
    (files,) = find_cases([], water=folder / "in.nii.gz", fat=folder / "opp.nii.gz")
    assert files.case == "in"
    assert (files.water, files.fat) == (folder / "in.nii.gz", folder / "opp.nii.gz")
    (named,) = find_cases([], water=folder / "A_water.nii.gz", fat=folder / "A_fat.nii.gz")
    assert named.case == "A"


def test_half_of_a_named_pair_is_refused(folder):
    with pytest.raises(PairingError, match="without the other") as caught:
        find_cases([], water=folder / "A_water.nii.gz")
    assert caught.value.remedies == (Remedy.NAME_PAIR,)
    with pytest.raises(PairingError, match="same file"):
        find_cases([], water=folder / "B.nii.gz", fat=folder / "B.nii.gz")
    with pytest.raises(InputError, match="leave out the other inputs"):
        find_cases([folder], water=folder / "A_water.nii.gz", fat=folder / "A_fat.nii.gz")
    with pytest.raises(InputError, match="no input"):
        find_cases([])


@pytest.mark.parametrize("alone", [True, False])
def test_half_a_pair_runs_as_what_it_is_and_says_so(folder, alone):
    (folder / "A_fat.nii.gz").unlink()
    files = find_cases(folder / "A_water.nii.gz" if alone else folder)[0]
    assert files.case == "A_water"
    assert files.contrast.contrast is Contrast.WATER
    assert "no fat image" in files.notes[0]
    assert not files.problem


def test_a_letter_without_its_partner_states_nothing(tmp_path):
    (files,) = find_cases(touch(tmp_path, "P01_F.nii.gz"))
    assert files.contrast.contrast is Contrast.UNKNOWN
    assert "letter" in files.notes[0]
    (files,) = find_cases(touch(tmp_path, "P01_W.nii.gz"))
    assert files.water is not None


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["1_fat", "10_water", "1_water", "10_fat"], ["1", "10"]),
        (["P1_water_5", "P1_fat_6"], ["P1"]),
        (["P1_W_0012", "P1_F_0013"], ["P1"]),
        (["P1_water_5", "P1_fat_6", "P1_water_15", "P1_fat_16"], ["P1_5", "P1_15"]),
        (["P1_dixon_W_a", "P1_dixon_F_b"], ["P1_dixon"]),
        (["a/img_water", "a/img_fat", "b/img_water", "b/img_fat"], ["a_img", "b_img"]),
        (["water/1", "fat/1", "water/2", "fat/2"], ["1", "2"]),
        (["a/P1_water", "b/P1_fat"], ["P1"]),
        (["P1/water", "P1/fat", "P2/water", "P2/fat"], ["P1", "P2"]),
        (["P1/water", "P2/fat"], []),
        (["P1/img_water", "P2/img_fat"], []),
        (["P1_T2_FAT_SAT", "P1_T2_water_excited"], []),
        (["sub-01_F_T2w", "sub-02_F_T2w"], []),
    ],
)
def test_pairs_by_name(tmp_path, names, expected):
    touch(tmp_path, *(f"{name}.nii.gz" for name in names))
    assert sorted(pairs(tmp_path)) == sorted(expected)


def test_series_numbers_pair_neighbours(tmp_path):
    touch(tmp_path, *(f"P1_{n}.nii" for n in ("fat_16", "water_15", "fat_6", "water_5")))
    assert pairs(tmp_path) == {
        "P1_5": ("P1_water_5.nii", "P1_fat_6.nii"),
        "P1_15": ("P1_water_15.nii", "P1_fat_16.nii"),
    }


@pytest.mark.parametrize(
    "names",
    [
        ["P1_water_5", "P1_water_7", "P1_fat_6"],
        ["P1_water_5", "P1_water_15", "P1_fat_6", "P1_fat_19"],
        ["1_water", "1_W", "1_fat"],
    ],
)
def test_pairs_that_cannot_be_told_apart_are_a_problem_of_their_case(tmp_path, names):
    touch(tmp_path, *(f"{name}.nii" for name in names), "B.nii")
    ambiguous, single = sorted(find_cases(tmp_path), key=lambda files: not files.problem)
    assert "images belong to the case" in ambiguous.problem
    assert single.case == "B"


def test_sidecars_state_contrasts(tmp_path):
    touch(tmp_path, "P1_101.nii.gz", "P1_102.nii.gz")
    for number, kind in ((101, "WATER"), (102, "FAT")):
        sidecar = {"ImageType": ["DERIVED", "PRIMARY", "DIXON", kind]}
        (tmp_path / f"P1_{number}.json").write_text(json.dumps(sidecar))
    contrasts = {files.case: str(files.contrast) for files in find_cases(tmp_path)}
    assert contrasts == {"P1_101": "water (JSON sidecar)", "P1_102": "fat (JSON sidecar)"}


def test_the_other_images_of_a_dixon_scan_are_listed_as_unused(tmp_path):
    names = ("P1_dixon_W", "P1_dixon_F", "P1_dixon_in-phase", "P1_dixon_opp", "P1_T2")
    plan = discover(touch(tmp_path, *(f"{name}.nii" for name in names)))
    assert [files.case for files in plan.cases] == ["P1_T2", "P1_dixon"]
    assert [entry.path.stem for entry in plan.unused] == ["P1_dixon_in-phase", "P1_dixon_opp"]
    assert all("Dixon scan" in entry.reason for entry in plan.unused)


def test_the_user_may_state_the_contrast(tmp_path):
    touch(tmp_path, "P1_F.nii", "P1_W.nii")
    files = find_cases(tmp_path, contrast=Contrast.T2W)
    assert [str(f.contrast) for f in files] == ["T2w (user)"] * 2


def test_case_ids_that_some_systems_mix_up_are_refused(tmp_path):
    touch(tmp_path, "X.nii.gz", "x.nii.gz")
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("this system is one of them")
    with pytest.raises(InputError, match="case"):
        find_cases([tmp_path])


def test_two_cases_of_one_name_are_refused(folder):
    write_image(pair_of(phantom()).water, folder / "A.nii.gz")
    with pytest.raises(InputError, match="'A' and 'A' are equal"):
        find_cases([folder])


def test_references_and_masks_are_given_to_their_cases(folder):
    cases = find_cases(folder, reference=folder, masks=str(folder))
    assert [files.reference for files in cases] == [
        folder / "A_dseg.nii.gz",
        folder / "B_dseg.nii.gz",
    ]
    assert [files.mask for files in cases] == [files.reference for files in cases]


def test_the_one_reference_is_no_case_though_its_name_says_nothing(folder):
    only = folder / "only"
    write_pair(only, "A")
    (only / "manual.nii.gz").write_bytes((folder / "A_dseg.nii.gz").read_bytes())
    (files,) = find_cases(only, reference=only / "manual.nii.gz")
    assert files.reference == only / "manual.nii.gz"


def test_missing_inputs_are_refused(tmp_path):
    with pytest.raises(FileFormatError, match="no such file"):
        find_cases(tmp_path / "nowhere")
