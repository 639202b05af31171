from __future__ import annotations

from pathlib import Path

import pytest

from lpm_segmentator.core import Contrast, ContrastSource
from lpm_segmentator.io import case_id, contrast_in_text, is_label_name, parse_name, subject_key


@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("a.nii", "a"),
        ("a.NII.GZ", "a"),
        ("a.b.nii.gz", "a.b"),
        ("a.hdr", "a"),
        ("series", "series"),
    ],
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


@pytest.mark.parametrize(
    ("name", "case", "contrast"),
    [
        ("TUM01_water_img_img_L2-L5.nii.gz", "TUM01_img_img_L2-L5", "water"),
        ("TUM01_FAT.nii", "TUM01", "fat"),
        ("fat_TUM01.nii", "TUM01", "fat"),
        ("1_W.nii", "1", "water"),
        ("1_f_crop.nii", "1_crop", "fat"),
        ("sub-01_acq-water_dixon.nii.gz", "sub-01_acq_dixon", "water"),
        ("A-F_water.nii", "A-F", "water"),
        ("1_F_water.nii", "1_F", "water"),  # a word goes before a letter
        ("1.water.nii", "1", "water"),
        ("P1_T1_vibe_dixon_fat.nii", "P1_T1_vibe_dixon", "fat"),
    ],
)
def test_halves_of_dixon_pairs(name, case, contrast):
    parsed = parse_name(name)
    assert (parsed.pair_key, str(parsed.contrast.contrast)) == (case, contrast)


@pytest.mark.parametrize(
    ("name", "contrast"),
    [
        ("waterman.nii", "unknown"),
        ("fatty_1.nii", "unknown"),
        ("Wolf_1.nii", "unknown"),
        ("A-F.nii", "unknown"),
        ("1_water_fat.nii", "unknown"),
        ("1_W_F.nii", "unknown"),
        ("P1_w_contrast.nii", "unknown"),
        ("T2.nii", "T2w"),
        ("P1_T2_FAT_SAT.nii", "T2w"),
        ("P1_t1_tse_fat-suppressed.nii", "T1w"),
        ("sub-01_F_T2w.nii.gz", "T2w"),
        ("P1_dixon_opp_phase.nii", "opposed-phase"),
        ("P1_in-phase.nii", "in-phase"),
        ("P1_fat_fraction.nii", "fat-fraction"),
    ],
)
def test_names_that_are_no_halves_of_pairs(name, contrast):
    assert str(parse_name(name).contrast.contrast) == contrast


def test_where_a_contrast_is_known_from():
    assert parse_name("a_T2.nii").contrast.source is ContrastSource.NAME
    assert parse_name("sub-1_T2w.nii").contrast.source is ContrastSource.BIDS
    assert parse_name("a.nii").contrast.source is ContrastSource.NOTHING
    assert contrast_in_text("t1_vibe_dixon_tra_W") is Contrast.WATER


def test_a_letter_alone_is_known_as_such():
    assert parse_name("P1_F.nii").by_letter
    assert not parse_name("P1_fat.nii").by_letter
    assert not parse_name("P1_t1_vibe_dixon_F.nii").by_letter
    assert not parse_name("P1_T2.nii").by_letter


@pytest.mark.parametrize(
    ("name", "subject", "number"),
    [
        ("P1_T2_tra_L4-L5.nii", ("p1",), ""),
        ("P1_T2_sag_3.nii", ("p1",), "3"),
        ("P1_fat_0012.nii", ("p1",), "0012"),
        ("case12_T2W_TRA_a.nii", ("case12",), "a"),
        ("P_1_T2_tra.nii", ("p", "1"), ""),
        ("P_2_T2_tra.nii", ("p", "2"), ""),
        ("T2_1.nii", ("1",), ""),
        ("sub-01_ses-2_acq-ax_run-3_T2w.nii.gz", ("sub", "01", "ses", "2"), ""),
        ("P1_ax_stack1.nii", ("p1",), ""),
        ("sagittal.nii", (), ""),
    ],
)
def test_a_number_belongs_to_the_series_only_after_the_series(name, subject, number):
    parsed = parse_name(name)
    assert parsed.subject == subject
    if not parsed.entities:
        assert parsed.number == number


def test_bids_entities():
    name = parse_name("sub-01_ses-2_acq-ax_desc-manual_T2w.nii.gz")
    assert dict(name.entities) == {"sub": "01", "ses": "2", "acq": "ax", "desc": "manual"}
    assert dict(name.source_entities) == {"sub": "01", "ses": "2", "acq": "ax"}
    assert name.suffix == "T2w"


@pytest.mark.parametrize("name", ["P1_T2_tra.nii", "sub-01.nii", "acq-ax_T2w.nii", "sub-1_x-2_T2w"])
def test_a_name_that_is_not_of_bids_has_no_entities(name):
    assert (dict(parse_name(name).entities), parse_name(name).suffix) == ({}, "")


def test_owner_keys_leave_out_what_states_the_kind():
    assert subject_key("TUM01_fat_manual_label_segmentation_L2-L5") == ("TUM01", "L2-L5")
    assert subject_key("sub-1_desc-edited_dseg") == subject_key("sub-1")
    assert subject_key("1") != subject_key("10")
