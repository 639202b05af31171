"""What gives no case: each is named with its reason, and the rest goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from dicom_cases import JOHN, SHAPE, discover, reasons, t2w
from dicom_damage import encrypt, jpip, strip_pixels, truncate, zip_bomb, zip_slip
from dicom_files import plane, ramp, write_series
from dicom_studies import write_screenshot
from lpm_segmentator.core import FileFormatError, InputError, MissingExtraError
from lpm_segmentator.study.dicom.source import import_images


def test_an_examination_without_an_axial_series_is_named_and_the_others_go_on(tmp_path: Path):
    t2w(tmp_path / "in" / "a")
    sagittal = plane("sagittal", SHAPE)
    write_series(tmp_path / "in" / "b", ramp(SHAPE), sagittal, study=JOHN, protocol="t2_sag")
    found = discover(tmp_path)
    assert len(found.cases) == 1
    assert "series 5 (t2_sag): sagittal, not axial" in reasons(found)
    assert str(found.unused[-1].path).startswith("examination ")
    with pytest.raises(InputError, match="sagittal, not axial"):
        discover(tmp_path, tmp_path / "in" / "b")


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"StudyDescription": "MRI cervical spine", "BodyPartExamined": "SPINE"}, "neck"),
        ({"BodyPartExamined": "KNEE"}, "leg or foot"),
        ({"Modality": "CT"}, "its modality is CT, not MR"),
    ],
)
def test_another_part_of_the_body_and_other_modalities_are_refused(tmp_path: Path, tags, reason):
    t2w(tmp_path / "in", **tags)
    with pytest.raises(InputError, match=reason):
        discover(tmp_path)


def test_screenshots_alone_are_refused(tmp_path: Path):
    write_screenshot(tmp_path / "in" / "capture.dcm")
    with pytest.raises(InputError, match=r"series 90 \(Screen captures\): its modality is OT"):
        discover(tmp_path)


@pytest.mark.parametrize("damage", [strip_pixels, encrypt, jpip, truncate])
def test_unreadable_pixels_concern_their_case_alone(tmp_path: Path, damage):
    """Headers tell nothing of it: the case is found, and its import is the error."""
    t2w(tmp_path / "in" / "a")
    damage(t2w(tmp_path / "in" / "b", study=JOHN)[1])
    cases = discover(tmp_path).cases
    assert len(cases) == 2
    states = []
    for files in cases:
        try:
            import_images(files.dicom, files.paths)
            states.append("read")
        except FileFormatError as error:
            states.append(str(error))
    states.sort(key=len)
    assert states[0] == "read"
    assert "series 5 (t2_tse_tra): the file s005_T2w_0002.dcm" in states[1]


def test_a_damaged_header_concerns_its_series_alone(tmp_path: Path):
    t2w(tmp_path / "in" / "a", number=5)
    truncate(t2w(tmp_path / "in" / "b", number=6)[1], 400)
    found = discover(tmp_path)
    (files,) = found.cases
    assert files.examination is not None
    assert "unevenly spaced" in {s.number: s.reason for s in files.examination.series}[6]
    assert "the file is truncated" in reasons(found)


def test_archives_that_harm_are_named_and_the_rest_goes_on(tmp_path: Path):
    paths = t2w(tmp_path / "in")
    zip_bomb(tmp_path / "in" / "bomb.zip")
    zip_slip(tmp_path / "in" / "slip.zip", paths[0])
    (tmp_path / "in" / "broken.zip").write_bytes(b"PK\3\4 no archive")
    found = discover(tmp_path)
    assert len(found.cases) == 1
    for part in ("bomb.dcm: would grow to 268 MB", "outside.dcm: leads out", "cannot be read"):
        assert part in reasons(found)
    assert not list(tmp_path.rglob("outside.dcm"))


def test_an_input_that_is_missing_or_no_dicom_is_an_error(tmp_path: Path):
    with pytest.raises(FileFormatError, match="there is no such file or folder"):
        discover(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "letter.pdf").write_bytes(b"%PDF-1.4")
    with pytest.raises(InputError, match="no DICOM image was found"):
        discover(tmp_path)


def test_without_pydicom_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    t2w(tmp_path / "in")
    monkeypatch.setitem(__import__("sys").modules, "pydicom", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lpm-segmentator\[dicom\]'"):
        discover(tmp_path)
