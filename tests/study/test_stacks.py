"""NIfTI files that are stacks of one examination, by their names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dicom_files import plane
from lpm_segmentator.core import Volume
from lpm_segmentator.io import HeaderOptions, write_image
from lpm_segmentator.study.discovery import find_cases

SHAPE = (6, 5, 3)


def write(folder: Path, *names: str, name: str = "axial") -> None:
    for n, stem in enumerate(names):
        affine = plane(name, SHAPE, (2.0, 2.0, 4.0), center_mm=(0, 0, 30.0 * n))
        image = Volume(np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE), affine)
        write_image(image, folder / f"{stem}.nii.gz")


def found(folder: Path, **options: object) -> dict[str, list[str]]:
    """Stacks by case, or the image."""
    return {
        files.case: [path.name.partition(".")[0] for path in files.images]
        for files in find_cases([folder], **options)
    }


@pytest.mark.parametrize(
    "pattern",
    ["P1_T2_tra_stack{}", "P1_T2_tra_slab-0{}", "P1_stack_{}_T2_tra", "P1_T2_tra_Stack {}",
     "sub-1_chunk-{}_T2w"],
)  # fmt: skip
def test_names_that_differ_in_the_number_of_a_stack_are_one_case(tmp_path: Path, pattern: str):
    names = [pattern.format(n) for n in (1, 2, 10)]
    write(tmp_path, *reversed(names))
    (case,) = found(tmp_path).items()
    assert case[1] == names  # by number, not by letters
    assert not {"stack", "slab", "chunk", "10"} & set(case[0].lower().replace("-", "_").split("_"))


def test_subjects_are_told_apart(tmp_path: Path):
    write(tmp_path, "P1_stack1", "P1_stack2", "P2_stack1", "P2_stack2")
    assert found(tmp_path) == {
        "P1": ["P1_stack1", "P1_stack2"], "P2": ["P2_stack1", "P2_stack2"],
    }  # fmt: skip


def test_a_single_stack_is_an_image(tmp_path: Path):
    write(tmp_path, "P1_stack1", "P2")
    assert found(tmp_path) == {"P1_stack1": ["P1_stack1"], "P2": ["P2"]}


def test_numbers_of_other_words_part_no_examination(tmp_path: Path):
    write(tmp_path, "P1_run1", "P1_run2", "haystack1", "haystack2")
    assert len(found(tmp_path)) == 4


def test_sagittal_images_are_no_stacks(tmp_path: Path):
    write(tmp_path, "P1_stack1", "P1_stack2", name="sagittal")
    assert set(found(tmp_path)) == {"P1_stack1", "P1_stack2"}


def test_an_image_of_the_name_without_number_keeps_its_name(tmp_path: Path):
    write(tmp_path, "P1", "P1_stack1", "P1_stack2")
    assert set(found(tmp_path)) == {"P1", "P1_stack1", "P1_stack2"}


def test_names_of_a_number_alone_stay(tmp_path: Path):
    write(tmp_path, "stack1", "stack2")
    assert set(found(tmp_path)) == {"stack1", "stack2"}


def test_joining_can_be_left_out(tmp_path: Path):
    write(tmp_path, "P1_stack1", "P1_stack2")
    assert set(found(tmp_path, join_stacks=False)) == {"P1_stack1", "P1_stack2"}


def test_an_image_that_cannot_be_read_is_left_to_its_run(tmp_path: Path):
    write(tmp_path, "P1_stack1", "P1_stack2")
    (tmp_path / "P1_stack3.nii.gz").write_bytes(b"no image")
    cases = found(tmp_path, header=HeaderOptions())
    assert cases == {"P1": ["P1_stack1", "P1_stack2"], "P1_stack3": ["P1_stack3"]}


def test_stacks_of_different_folders_are_different_examinations(tmp_path: Path):
    (tmp_path / "A").mkdir()
    (tmp_path / "B").mkdir()
    write(tmp_path / "A", *(f"T2_tra_stack{n}" for n in (1, 2, 4)))
    write(tmp_path / "B", *(f"T2_tra_stack{n}" for n in (1, 2, 3)))
    cases = {f.case: [str(p.relative_to(tmp_path)) for p in f.images] for f in find_cases(tmp_path)}
    assert cases == {
        "A_T2_tra": [f"A/T2_tra_stack{n}.nii.gz" for n in (1, 2, 4)],
        "B_T2_tra": [f"B/T2_tra_stack{n}.nii.gz" for n in (1, 2, 3)],
    }
