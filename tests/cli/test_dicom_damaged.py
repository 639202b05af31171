"""DICOM exports with damaged, harmful or useless files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dicom_damage import encrypt, jpip, strip_pixels, truncate, zip_bomb, zip_slip
from dicom_dialects import SIEMENS_CLASSIC
from dicom_files import dixon_images, plane, ramp, write_dixon, write_series
from dicom_studies import write_screenshot
from exports import (
    JOHN,
    Lpm,
    dixon,
    errors,
    record,
    sagittal,
    states,
    t2w,
)

SHAPE = (8, 8, 4)
AFFINE = plane(shape=SHAPE, spacing_mm=(8.0, 8.0, 30.0))


def test_a_sagittal_series_that_cannot_be_read_is_no_failure(run_here: Lpm, tmp_path: Path):
    dixon(tmp_path / "in" / "tra")
    strip_pixels(sagittal(tmp_path / "in" / "sag")[2])
    said = run_here(tmp_path / "in", "-o", tmp_path / "out")
    assert said.code == 0, said.err
    assert "the sagittal series was not used: series 2 (t2_tse_sag)" in said.text
    assert record(tmp_path / "out")["levels"] is None


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (strip_pixels, "holds no pixels"),
        (encrypt, "holds encrypted content and no pixels"),
        (jpip, "the address of a server (JPIP)"),
        (truncate, "is truncated"),
    ],
)
def test_a_case_whose_pixels_cannot_be_read_fails_alone(
    run_here: Lpm, tmp_path: Path, damage, message
):
    t2w(tmp_path / "in" / "good")
    damage(t2w(tmp_path / "in" / "bad", JOHN)[1])
    said = run_here(tmp_path / "in", "-o", tmp_path / "out")
    assert said.code == 1
    assert sorted(states(tmp_path / "out").values()) == ["done", "failed"]
    (error,) = filter(None, errors(tmp_path / "out").values())
    assert message in error
    assert error.startswith("series 5 (t2_tse_tra): ")
    assert message in said.err


def test_the_only_case_that_fails_is_told_in_one_line(run_here: Lpm, tmp_path: Path):
    encrypt(t2w(tmp_path / "in")[1])
    said = run_here(tmp_path / "in", "-o", tmp_path / "out")
    assert said.code == 2
    assert "holds encrypted content and no pixels. Export the series again." in said.err
    assert said.err.count("\n") == 1


def test_what_harms_or_is_useless_is_named_and_the_rest_goes_on(run_here: Lpm, tmp_path: Path):
    export = tmp_path / "in"
    paths = t2w(export / "good")
    zip_bomb(export / "bomb.zip")
    zip_slip(export / "slip.zip", paths[0])
    truncate(t2w(export / "cut", JOHN)[1], 400)
    write_series(export / "sag", ramp(SHAPE), plane("sagittal", SHAPE), protocol="t2_sag",
                 study=replace(JOHN, patient_id="P3"))  # fmt: skip
    write_series(export / "neck", ramp(SHAPE), AFFINE, StudyDescription="MRI neck",
                 BodyPartExamined="NECK", study=replace(JOHN, patient_id="P4"))  # fmt: skip
    said = run_here(export, "-o", tmp_path / "out")
    assert said.code == 0, said.err
    assert list(states(tmp_path / "out").values()) == ["done"]
    for part in (
        "bomb.dcm: would grow to 268 MB",
        "leads out of the archive",
        "the file is truncated",
        "1 of 6 slices are missing",
        "series 5 (t2_sag): sagittal, not axial",
        "another part of the body (neck)",
    ):
        assert part in said.text
    assert not list(tmp_path.rglob("outside.dcm"))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: write_screenshot(path / "a"), "its modality is OT, not MR"),
        (
            lambda path: write_series(path, ramp(SHAPE), plane("sagittal", SHAPE)),
            "sagittal, not axial",
        ),
        (
            lambda path: write_dixon(
                path,
                {k: v for k, v in dixon_images(SHAPE).items() if "phase" in k},
                AFFINE,
                dialect=SIEMENS_CLASSIC,
            ),
            "do not tell whether water or fat predominates",
        ),
        (lambda path: zip_bomb(path / "a.zip"), "would grow to"),
    ],
)
def test_an_export_without_anything_to_segment_is_an_error(
    run_here: Lpm, tmp_path: Path, write, message
):
    (tmp_path / "in").mkdir()
    write(tmp_path / "in")
    said = run_here(tmp_path / "in", "-o", tmp_path / "out")
    assert said.code == 2
    assert message in said.text
    assert "Traceback" not in said.err
    assert not (tmp_path / "out").exists()
