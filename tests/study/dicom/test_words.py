"""Parts of the body and kinds of maps, of several vendors and in several languages."""

from __future__ import annotations

import pytest

from lpm_segmentator.study.dicom.words import PARAMETRIC_TYPES, body_part_of


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("MRI lumbar spine", "lumbar"),
        ("LWS nativ", "lumbar"),
        ("L-SPINE", "lumbar"),
        ("IRM rachis lombaire", "lumbar"),
        ("Ax L4_L5", "lumbar"),
        ("C-SPINE", "neck"),
        ("MRI cervical spine", "neck"),
        ("t2_c_spine_tra", "neck"),
        ("HWS", "neck"),
        ("thoracic spine", "thoracic spine"),
        ("T SPINE", "thoracic spine"),
        ("thigh dixon", "thigh"),
        ("Oberschenkel beidseits", "thigh"),
        ("MRI KNEE", "leg or foot"),
        ("liver dixon", "abdomen"),
        ("ISG tra", "pelvis or hip"),
        ("SPINE", "spine"),
        ("whole spine", "spine"),
        ("t2_tse_tra", ""),
        ("", ""),
    ],
)
def test_parts_of_the_body(text, part):
    assert body_part_of(text) == part


def test_the_first_text_that_names_a_part_counts():
    assert body_part_of("t2_tse_tra", "", "PELVIS", "LSPINE") == "pelvis or hip"


def test_maps_projections_and_subtractions_are_known_by_their_types():
    for value in ("ADC", "R2_STAR", "MPR", "SUBTRACTION", "MIP", "P", "T2 MAP"):
        assert PARAMETRIC_TYPES[value]
    assert not {"M", "ND", "NORM", "PRIMARY", "WATER", "FAT"} & set(PARAMETRIC_TYPES)
