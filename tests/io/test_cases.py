from __future__ import annotations

from pathlib import Path

import pytest

from lpm_segmentator.core import FileFormatError, InputError, PairingError
from lpm_segmentator.io import (
    DixonCase,
    DixonName,
    ImageCase,
    case_id,
    dixon_name,
    find_images,
    is_label_name,
    pair_dixon,
)


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).touch()


@pytest.mark.parametrize(
    ("name", "case"),
    [("a.nii", "a"), ("a.NII.GZ", "a"), ("a.b.nii.gz", "a.b"), ("series", "series")],
)
def test_case_id_is_the_name_without_the_suffix(name, case):
    assert case_id(Path("folder") / name) == case


@pytest.mark.parametrize(
    ("name", "is_label"),
    [
        ("1_dseg.nii.gz", True),
        ("t2-005_label.nii.gz", True),
        ("a_SEG_b.nii", True),
        ("sub-1_desc-mask.nii", True),
        ("unlabelled.nii", False),
        ("segment.nii", False),
    ],
)
def test_label_names(name, is_label):
    assert is_label_name(name) is is_label


def test_folders_give_images_without_labels_and_hidden_files(tmp_path):
    touch(tmp_path, "10.nii.gz", "1.nii", "1_dseg.nii.gz", "._1.nii.gz", "a.csv", "sub/2.nii")
    assert find_images([tmp_path]) == [
        ImageCase("1", tmp_path / "1.nii"),
        ImageCase("10", tmp_path / "10.nii.gz"),
    ]


def test_a_named_file_is_taken_as_it_is_and_once(tmp_path):
    touch(tmp_path, "1_seg.nii.gz", "1.nii")
    label = tmp_path / "1_seg.nii.gz"
    assert [c.case for c in find_images([label, tmp_path, tmp_path / "1.nii"])] == ["1", "1_seg"]


def test_one_case_id_for_two_files_is_an_error(tmp_path):
    touch(tmp_path, "a/1.nii", "b/1.nii.gz")
    with pytest.raises(InputError, match="two images have the case id '1'"):
        find_images([tmp_path / "a", tmp_path / "b"])


@pytest.mark.parametrize(
    ("name", "words"),
    [("none.nii", "no such file"), ("a.csv", "not a NIfTI"), ("empty", "holds no .nii")],
)
def test_inputs_that_give_no_image(tmp_path, name, words):
    touch(tmp_path, "a.csv", "empty/1_dseg.nii")
    with pytest.raises(FileFormatError, match=words):
        find_images([tmp_path / name])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("TUM01_water_img_img_L2-L5.nii.gz", ("TUM01_img_img_L2-L5", "water")),
        ("TUM01_FAT.nii", ("TUM01", "fat")),
        ("fat_TUM01.nii", ("TUM01", "fat")),
        ("1_W.nii", ("1", "water")),
        ("1_f_crop.nii", ("1_crop", "fat")),
        ("sub-01_acq-water_dixon.nii.gz", ("sub-01_acq_dixon", "water")),
        ("A-F_water.nii", ("A-F", "water")),
        ("1_F_water.nii", ("1_F", "water")),  # a word goes before a letter
        ("1.water.nii", ("1", "water")),
    ],
)
def test_dixon_names(name, expected):
    assert dixon_name(name) == DixonName(*expected)


@pytest.mark.parametrize("name", ["waterman.nii", "T2.nii", "fatty_1.nii", "Wolf_1.nii", "A-F.nii"])
def test_parts_of_words_are_no_contrast(name):
    assert dixon_name(name) is None


@pytest.mark.parametrize("name", ["1_water_fat.nii", "1_W_F.nii", "water.nii"])
def test_names_that_cannot_be_read(name):
    with pytest.raises(PairingError):
        dixon_name(name)


def test_pairs_are_exact():
    names = ["1_fat.nii", "10_water.nii", "1_water.nii", "10_fat.nii", "1_fat_label.nii"]
    assert pair_dixon(names) == [
        DixonCase("1", Path("1_water.nii"), Path("1_fat.nii")),
        DixonCase("10", Path("10_water.nii"), Path("10_fat.nii")),
    ]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["1_water.nii"], "water image of the case '1' but no fat image"),
        (["1_F.nii", "10_W.nii"], "fat image of the case '1' but no water"),
        (["1_water.nii", "1_W.nii", "1_fat.nii"], "two water images"),
        (["a/1_water.nii", "b/1_water.nii", "1_fat.nii"], "two water images"),
        (["1_water.nii", "1_fat.nii", "1_T1.nii"], "neither water nor fat"),
    ],
)
def test_names_that_cannot_be_paired(names, words):
    with pytest.raises(PairingError, match=words):
        pair_dixon(names)


def test_real_pairs(shared_data):
    cases = pair_dixon((shared_data / "myosegmentum").glob("*.nii.gz"))
    assert [c.case for c in cases] == ["TUM01_img_img_L2-L5", "TUM02_img_img_L2-L5"]
    assert cases[0].water.name == "TUM01_water_img_img_L2-L5.nii.gz"
    assert cases[0].fat.name == "TUM01_fat_img_img_L2-L5.nii.gz"
