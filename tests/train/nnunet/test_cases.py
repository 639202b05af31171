"""Training cases: paired by name, refused where image and label map do not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lpm_segmentator.core import (
    GeometryError,
    InputError,
    LabelError,
    LabelMap,
    Remedy,
    Volume,
    reorient,
)
from lpm_segmentator.io import write_image, write_label_map
from lpm_segmentator.train.nnunet.cases import (
    TrainingCase,
    find_training_cases,
    load_training_case,
)
from phantoms import labels_of, pair_of, phantom, write_pair, write_reference


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    for seed, name in enumerate(("A01", "A02")):
        write_pair(tmp_path / "images", name, seed)
        write_reference(tmp_path / "labels", name, seed)
    return tmp_path / "images", tmp_path / "labels"


def case_of(tmp_path: Path, image: Volume, labels: LabelMap) -> TrainingCase:
    paths = tmp_path / "A_T2w.nii.gz", tmp_path / "A_dseg.nii.gz"
    write_image(image, paths[0])
    write_label_map(labels, paths[1])
    return TrainingCase("A_T2w", "A", "T2w", *paths)


def test_one_label_map_serves_water_and_fat(folders: tuple[Path, Path]) -> None:
    cases = find_training_cases(*folders)
    assert [(c.case, c.subject, c.sequence, c.labels.name) for c in cases] == [
        ("A01_fat", "A01", "fat", "A01_dseg.nii.gz"),
        ("A01_water", "A01", "water", "A01_dseg.nii.gz"),
        ("A02_fat", "A02", "fat", "A02_dseg.nii.gz"),
        ("A02_water", "A02", "water", "A02_dseg.nii.gz"),
    ]


def test_each_contrast_takes_its_own_label_map(folders: tuple[Path, Path]) -> None:
    for contrast in ("water", "fat"):
        path = folders[1] / f"A01_{contrast}_manual_label.nii.gz"
        write_label_map(labels_of(phantom(0)), path)
    (folders[1] / "A01_dseg.nii.gz").unlink()
    cases = find_training_cases(*folders)
    assert [c.labels.name for c in cases[:2]] == [
        "A01_fat_manual_label.nii.gz",
        "A01_water_manual_label.nii.gz",
    ]


@pytest.mark.parametrize(
    ("name", "subject", "sequence"),
    [
        ("sub-07_ses-1_T2w", "sub-07", "T2w"),
        ("07_t1", "07", "T1w"),
        ("07-T2w", "07", "T2w"),
        ("07_water_img", "07", "water"),
        ("L07_inphase", "L07_inphase", "other"),
        ("T2w", "T2w", "T2w"),
    ],
)
def test_subject_and_sequence_come_from_the_name(
    tmp_path: Path, name: str, subject: str, sequence: str
) -> None:
    write_image(pair_of(phantom()).water, tmp_path / "i" / f"{name}.nii.gz")
    write_label_map(labels_of(phantom()), tmp_path / "l" / f"{name}_dseg.nii.gz")
    (case,) = find_training_cases(tmp_path / "i", tmp_path / "l")
    assert (case.subject, case.sequence) == (subject, sequence)


def test_a_pattern_states_what_the_subject_is(folders: tuple[Path, Path]) -> None:
    assert {c.subject for c in find_training_cases(*folders, subject_pattern="^A0")} == {"A0"}
    cases = find_training_cases(*folders, subject_pattern="^A(..)")
    assert {c.subject for c in cases} == {"01", "02"}
    with pytest.raises(InputError, match="does not match this name"):
        find_training_cases(*folders, subject_pattern="^B")
    with pytest.raises(InputError, match="not a regular expression"):
        find_training_cases(*folders, subject_pattern="(")


def test_all_images_without_labels_are_listed(folders: tuple[Path, Path]) -> None:
    write_pair(folders[0], "A1", 2)  # "A1" is no part of "A01" here
    with pytest.raises(InputError, match="2 of 6 images") as caught:
        find_training_cases(*folders)
    assert "A1_fat.nii.gz" in str(caught.value)
    assert "A1_water.nii.gz" in str(caught.value)
    with pytest.raises(InputError, match=r"has no \.nii"):
        find_training_cases(folders[0], folders[0] / "nowhere")


def test_images_are_brought_into_one_orientation(tmp_path: Path) -> None:
    made = phantom()
    image, labels = Volume(made.water, made.affine), labels_of(made)
    turned = case_of(tmp_path, reorient(image, "RAS"), reorient(labels, "RSA"))
    with pytest.raises(GeometryError, match="not on the same grid"):
        load_training_case(turned)
    turned = case_of(tmp_path, reorient(image, "SRA"), reorient(labels, "SRA"))
    image, marks = load_training_case(turned)
    assert image.geometry.axis_codes == ("L", "P", "S")
    np.testing.assert_array_equal(image.array, made.water)
    np.testing.assert_array_equal(marks.array, made.labels)


def test_swapped_sides_and_muscles_are_refused(tmp_path: Path) -> None:
    made = phantom()
    image = Volume(made.water, made.affine)

    def relabelled(*values: int) -> TrainingCase:
        return case_of(tmp_path, image, LabelMap(np.uint8(values)[made.labels], made.affine))

    load_training_case(relabelled(0, 1, 2, 3, 4))
    with pytest.raises(LabelError, match="left and right are swapped"):
        load_training_case(relabelled(0, 4, 3, 2, 1))
    with pytest.raises(LabelError, match=r"muscles are mixed up.*MF_R, ES_R, ES_L, MF_L"):
        load_training_case(relabelled(0, 2, 1, 4, 3))
    with pytest.raises(LabelError, match="no voxel of MF_R"):
        load_training_case(relabelled(0, 1, 1, 3, 4))


def test_a_lost_origin_is_repaired_only_on_request(tmp_path: Path) -> None:
    made = phantom()
    affine = made.affine.copy()
    affine[:3, 3] = 0
    lost = case_of(tmp_path, Volume(made.water, made.affine), LabelMap(made.labels, affine))
    with pytest.raises(GeometryError, match="accept_origin_mismatch=True") as caught:
        load_training_case(lost)
    assert caught.value.remedies == (Remedy.ACCEPT_ORIGIN_MISMATCH,)
    _, labels = load_training_case(lost, accept_origin_mismatch=True)
    np.testing.assert_array_equal(labels.affine, made.affine)
