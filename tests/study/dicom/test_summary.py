"""What is in an export, and what would be done with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dicom_damage import truncate
from dicom_files import Study, plane, ramp, write_series
from dicom_studies import write_multi_stack, write_study
from lpm_segmentator.core import FileFormatError, InputError
from lpm_segmentator.study.dicom import summarise

SHAPE = (8, 8, 4)
AFFINE = plane(shape=SHAPE, spacing_mm=(8.0, 8.0, 30.0))


def test_each_series_has_its_use_and_a_reason(tmp_path: Path):
    (exam,) = summarise([write_study(tmp_path)]).examinations
    assert (exam.patient, exam.number, exam.scanner) == (1, 1, "SIEMENS Skyra 3 T")
    assert [row.number for row in exam.series] == [
        1,
        1,
        1,
        2,
        3,
        3,
        3,
        10,
        11,
        12,
        13,
        *range(90, 94),
    ]
    used = {row.number: (row.use, row.case) for row in exam.series if row.use}
    assert used == {2: ("levels", None), 10: ("water", 1), 11: ("fat", 1)}
    assert all(row.reason for row in exam.series)
    water = next(row for row in exam.series if row.use == "water")
    assert (water.plane, water.contrast, water.evidence) == ("axial", "water", "image type")
    assert (water.slices, water.extent_mm, water.body_part) == (8, 32.0, "lumbar")
    report = exam.series[-2]
    assert (report.slices, report.extent_mm, report.plane) == (0, None, "")


def test_stacks_are_numbered_from_foot_to_head(tmp_path: Path):
    write_multi_stack(tmp_path)
    (exam,) = summarise([tmp_path]).examinations
    assert [(row.use, row.case) for row in exam.series] == [
        ("stack 1", 1), ("stack 2", 1), ("stack 3", 1)
    ]  # fmt: skip


def test_named_series_change_the_use(tmp_path: Path):
    write_study(tmp_path)
    (exam,) = summarise([tmp_path], ["3"]).examinations
    assert {row.number for row in exam.series if row.case} == {3}
    with pytest.raises(InputError, match="no series is called 'nothing'"):
        summarise([tmp_path], ["nothing"])


def test_patients_and_their_examinations_are_counted(tmp_path: Path):
    john = Study(name="Roe^John", patient_id="PAT-2")
    for n, study in enumerate((Study(), john, Study(date="20250101"))):
        write_series(tmp_path / str(n), ramp(SHAPE), AFFINE, study=study)
    found = summarise([tmp_path]).examinations
    assert [(exam.patient, exam.number) for exam in found] == [(1, 1), (2, 1), (1, 2)]


def test_the_summary_is_plain_values_without_identity(tmp_path: Path):
    paths = write_series(tmp_path / "in", ramp(SHAPE), AFFINE)
    truncate(paths[0], 400)
    (tmp_path / "in" / "notes.txt").write_text("text")
    summary = summarise([tmp_path / "in"])
    text = json.dumps(summary.to_dict(), allow_nan=False)
    assert summary.n_files == 5
    assert {skipped.count for skipped in summary.skipped} == {1}
    assert not [word for word in Study().identity if word in text]
    assert Study().date not in text


def test_an_export_without_images_is_an_error(tmp_path: Path):
    with pytest.raises(InputError, match="no DICOM image was found"):
        summarise([tmp_path])
    with pytest.raises(FileFormatError, match="no such file"):
        summarise([tmp_path / "nothing"])
