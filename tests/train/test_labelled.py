"""Subjects from names."""

from __future__ import annotations

import pytest

from lpm_segmentator.core import InputError, Remedy
from lpm_segmentator.train.labelled import subject_of


@pytest.mark.parametrize(
    ("case", "subject"),
    [
        ("sub-07_ses-1_T2w", "sub-07"),
        ("P1_T2w", "P1"),
        ("P1_water_img", "P1"),
        ("a_sub-3_fat", "sub-3"),
    ],
)
def test_the_subject_is_the_name_without_the_sequence(case, subject):
    assert subject_of(case) == subject


def test_a_pattern_states_the_subject():
    assert subject_of("P1_s3", "^[^_]+") == "P1"
    assert subject_of("scan-P1_s3", "scan-(P[0-9]+)") == "P1"
    for pattern, message in (("(", "not a regular expression"), ("^x", "does not match")):
        with pytest.raises(InputError, match=message) as caught:
            subject_of("P1_s3", pattern)
        assert caught.value.remedies == (Remedy.SUBJECT_PATTERN,)
