"""From slices to examinations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dicom_headers import stack_of
from lpm_segmentator.core import InputError, Remedy
from lpm_segmentator.io.dicom import Scan, Skipped, Stack
from lpm_segmentator.study.dicom.examinations import examinations


def scan_of(*stacks: Stack, skipped: tuple[Skipped, ...] = ()) -> Scan:
    frames = tuple(frame for stack in stacks for frame in stack.frames)
    return Scan(frames, skipped, len(frames))


def test_patients_and_studies_are_told_apart_and_series_ordered():
    found = examinations(
        scan_of(
            stack_of(number=7, patient="a", study="1"),
            stack_of(number=5, patient="a", study="1"),
            stack_of(number=5, patient="a", study="2", series="2.5"),
            stack_of(number=5, patient="b", study="3", series="3.5"),
        )
    )
    assert [(exam.patient, exam.study) for exam in found] == [("a", "1"), ("a", "2"), ("b", "3")]
    assert [image.tags.number for image in found[0].images] == [5, 7]


def test_one_study_identifier_of_two_patients_is_two_examinations():
    """As of programs that give every study one identifier."""
    stacks = [stack_of(patient=patient, series=f"s.{patient}") for patient in ("a", "b")]
    assert len(examinations(scan_of(*stacks))) == 2


def test_the_header_of_an_examination_is_that_of_what_is_segmented():
    found = examinations(
        scan_of(stack_of("sagittal", number=2, model="Old"), stack_of(number=5, model="New"))
    )
    assert found[0].tags.model == "New"
    (nothing,) = examinations(scan_of(stack_of("sagittal", number=2, model="Old")))
    assert nothing.tags.model == "Old"


def test_frames_of_one_series_in_two_planes_are_two_images():
    localiser = [stack_of(n, series="1.1", number=1) for n in ("axial", "sagittal", "coronal")]
    frames = [replace(f, sop=f"{f.sop}.{n}") for n, s in enumerate(localiser) for f in s.frames]
    (exam,) = examinations(Scan(tuple(frames), (), len(frames)))
    assert {image.plane for image in exam.images} == {"axial", "sagittal", "coronal"}


def test_a_series_that_no_examination_has_is_an_error_that_lists_what_there_is():
    stacks = scan_of(stack_of(number=5), stack_of("sagittal", number=2, description="t2_sag"))
    with pytest.raises(InputError, match=r"no series is called '9'; there are 2 \(t2_sag\), 5"):
        examinations(stacks, ["9"])
    with pytest.raises(InputError) as caught:
        examinations(stacks, ["5", "nothing"])
    assert caught.value.remedies == (Remedy.SERIES,)


def test_a_series_that_one_of_several_examinations_has_is_enough():
    stacks = scan_of(stack_of(number=5, study="1"), stack_of(number=6, study="2", series="2.6"))
    first, second = examinations(stacks, ["6"])
    assert not first.choice.chosen
    assert second.choice.chosen


def test_without_an_image_the_reasons_are_named():
    skipped = Skipped("the file is truncated", ("/export/Doe/a.dcm",), 1)
    with pytest.raises(InputError, match=r"no DICOM image was found \(a\.dcm: the file is trunc"):
        examinations(scan_of(skipped=(skipped,)))
    with pytest.raises(InputError, match="there is no file"):
        examinations(scan_of())
