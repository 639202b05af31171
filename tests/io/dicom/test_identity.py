"""The identity of a patient, from files and from archives."""

from __future__ import annotations

from pathlib import Path

import pytest

from dicom_damage import deflated, no_preamble, zip_files
from dicom_dialects import PHILIPS_ENHANCED, SIEMENS_CLASSIC, Dialect
from dicom_files import plane, ramp, write_series
from lpm_segmentator.core.errors import FileFormatError
from lpm_segmentator.io.dicom import Frame, Identity, read_identity, scan

SHAPE = (6, 4, 2)
JANE = Identity("PAT-4711-X", "ACC-0815-Y", "20240312")


def write(folder: Path, dialect: Dialect = SIEMENS_CLASSIC, **tags: object) -> list[Path]:
    return write_series(folder, ramp(SHAPE), plane(shape=SHAPE), dialect=dialect, **tags)


def identity(path: Path) -> Identity:
    return read_identity(scan([path]).frames[-1])


@pytest.mark.parametrize("dialect", [SIEMENS_CLASSIC, PHILIPS_ENHANCED], ids=str)
def test_it_is_read_from_the_file_of_a_slice(tmp_path: Path, dialect: Dialect):
    write(tmp_path, dialect)
    assert identity(tmp_path) == JANE


def test_it_is_read_from_an_archive(tmp_path: Path):
    packed = zip_files(tmp_path / "a.zip", {"x/y/1.dcm": write(tmp_path / "in")[0]})
    assert identity(packed) == JANE


@pytest.mark.parametrize("encode", [deflated, no_preamble])
def test_it_is_read_in_other_encodings(tmp_path: Path, encode):
    assert identity(encode(write(tmp_path)[0])) == JANE


def test_what_is_not_stated_is_empty(tmp_path: Path):
    write(tmp_path, PatientID=None, AccessionNumber="", StudyDate=None)
    assert identity(tmp_path) == Identity("", "", "")


def error_of(frame: Frame) -> str:
    with pytest.raises(FileFormatError, match="cannot be read any more") as caught:
        read_identity(frame)
    return str(caught.value)


def test_a_file_that_is_gone_is_an_error_that_names_no_folder(tmp_path: Path):
    paths = write(tmp_path / "Featherstonehaugh")
    frame = scan([tmp_path]).frames[0]
    paths[0].unlink()
    assert error_of(frame) == (
        f"the file {paths[0].name} cannot be read any more (No such file or directory)."
    )


def test_an_archive_that_was_replaced_is_an_error_that_names_no_folder(tmp_path: Path):
    folder = tmp_path / "Featherstonehaugh"
    (path,) = write(tmp_path / "in")[:1]
    folder.mkdir()
    packed = zip_files(folder / "a.zip", {"Featherstonehaugh/IM1": path})
    frame = scan([packed]).frames[0]
    whole = packed.read_bytes()
    at = len(whole) // 2
    packed.write_bytes(whole[:at] + bytes(50) + whole[at + 50 :])
    errors = [error_of(frame)]
    zip_files(packed, {"other": b""})
    errors.append(error_of(frame))
    packed.write_bytes(b"")
    errors.append(error_of(frame))
    packed.unlink()
    errors.append(error_of(frame))
    assert all(text.startswith("the file IM1 ") for text in errors)
    assert not [text for text in errors if "Featherstonehaugh" in text]
