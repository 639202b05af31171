"""Subjects from names, and folds that separate them."""

from __future__ import annotations

import pytest

from lpm_segmentator.core import InputError, Remedy
from lpm_segmentator.train.labelled import assign_folds, subject_of


@pytest.mark.parametrize(
    ("case", "subject"),
    [
        ("sub-07_ses-1_T2w", "sub-07"),
        ("P1_T2w", "P1"),
        ("P1_water_img", "P1"),
        ("a_sub-3_fat", "sub-3"),
        ("P1_tra_stack2", "P1_tra"),
        ("P1_T2w_slice-12", "P1"),
        ("P1_chunk-2_T2w", "P1"),
        ("P1_slices", "P1_slices"),
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


def test_folds_are_of_about_the_same_size():
    assert assign_folds("abbbcc", 2) == {"b": 0, "c": 1, "a": 1}
    assert assign_folds("abca", 3) == {"a": 0, "b": 1, "c": 2}


def test_the_message_states_the_possible_number_of_folds():
    with pytest.raises(InputError, match=r"5 folds .* have 2 \(a, b\).*2 folds") as caught:
        assign_folds("abb", 5)
    assert caught.value.remedies == (Remedy.FOLDS,)
    with pytest.raises(InputError, match="have 1") as caught:
        assign_folds("aa", 5)
    assert caught.value.remedies == (Remedy.SUBJECT_PATTERN,)
