"""Which stacks form one examination in several stacks."""

from __future__ import annotations

import math

import pytest

from dicom_headers import described
from lpm_segmentator.study.dicom.describe import Described
from lpm_segmentator.study.dicom.slabs import stacks_of_one_scan

STEP_MM = (16.0, 16.0, 4.0)


def slab(height_mm: float, tilt_deg: float = 0.0, slices: int = 4, **tags: object) -> Described:
    place = {"tilt_deg": tilt_deg, "center_mm": (0.0, 0.0, height_mm), "spacing_mm": STEP_MM}
    return described(slices=slices, **{**place, **tags})


def sizes(images: list[Described]) -> list[int]:
    return [len(group) for group in stacks_of_one_scan(images)]


def test_stacks_along_the_discs_are_one_scan():
    assert sizes([slab(40, -8), slab(0, 2), slab(-40, 15)]) == [3]


def test_they_may_be_series_of_their_own():
    assert sizes([slab(40, -8, number=3), slab(0, 2, number=4), slab(-40, 15, number=5)]) == [3]


def test_stacks_may_overlap_if_their_directions_differ():
    assert sizes([slab(0, 0), slab(4, 20)]) == [2]
    assert sizes([slab(0, 0), slab(14, 2)]) == [2]


def test_a_repeated_stack_begins_another_group():
    images = [slab(40, -8), slab(0, 2), slab(0, 2, number=9), slab(40, -8, number=9)]
    groups = stacks_of_one_scan(images)
    assert [[images.index(image) for image in group] for group in groups] == [[0, 1], [2, 3]]


def test_a_long_stack_is_by_itself():
    assert sizes([slab(0, slices=23), slab(60, -8)]) == [1, 1]
    assert sizes([slab(0, slices=22), slab(60, -8)]) == [2]


@pytest.mark.parametrize(
    "tags",
    [
        {"description": "t1_tse_tra", "protocol": "t1_tse_tra"},
        {"frame_of_reference": "1.8"},
        {"tr_ms": 5000.0},
        {"te_ms": 120.0},
        {"te_ms": math.nan},
        {"description": "t2_fs_tra"},
        {"spacing_mm": (12.0, 12.0, 4.0)},
    ],
)
def test_stacks_of_other_scans_are_apart(tags):
    assert sizes([slab(40), slab(0, **tags)]) == [1, 1]


def test_times_that_the_scanner_adapts_to_the_slices_are_of_one_scan():
    assert sizes([slab(40, tr_ms=4000.0), slab(0, tr_ms=3800.0)]) == [2]
    missing = {"tr_ms": math.nan, "te_ms": math.nan}
    assert sizes([slab(40, **missing), slab(0, **missing)]) == [2]


def test_nothing_gives_nothing():
    assert stacks_of_one_scan([]) == []
