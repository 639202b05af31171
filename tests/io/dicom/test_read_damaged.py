"""Pixels that cannot be read: the series and the file are named, the patient is not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import MPEG4HP41

from dicom_damage import (
    deflated,
    encrypt,
    jpeg_lossless,
    jpip,
    rewrite,
    rle,
    spoil_jpeg,
    strip_pixels,
    truncate,
    zip_files,
)
from dicom_dialects import (
    PHILIPS_CLASSIC,
    PHILIPS_ENHANCED,
    SIEMENS_CLASSIC,
    SIEMENS_XA_ENHANCED,
)
from dicom_files import (
    STUDY,
    as_written,
    only_volume,
    plane,
    ramp,
    stacks_in,
    write_dixon,
    write_series,
)
from lpm_segmentator.core.errors import (
    FileFormatError,
    GeometryError,
    LpmError,
    MissingExtraError,
)
from lpm_segmentator.io.dicom import read_stack, scan, series_name, stacks_of

SHAPE = (40, 36, 5)
AFFINE = plane(shape=SHAPE, spacing_mm=(5.0, 6.0, 4.0), tilt_deg=9, center_mm=(3, -40, 200))


def padded(data, _: int) -> None:
    data.PixelData += bytes(6)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncate, "s005_T2w_0003.dcm is truncated: 2780 of 2880 bytes of its pixels are there"),
        (strip_pixels, "s005_T2w_0003.dcm holds no pixels. Export the series again"),
        (encrypt, "s005_T2w_0003.dcm holds encrypted content and no pixels"),
        (jpip, "the address of a server (JPIP). Export it with its pixels"),
        (lambda path: truncate(rle(path)), "s005_T2w_0003.dcm is truncated within its pixels"),
        (lambda path: path.write_bytes(b""), "s005_T2w_0003.dcm holds no pixels"),
        (lambda path: path.unlink(), "s005_T2w_0003.dcm cannot be read (No such file"),
    ],
)
def test_the_file_that_cannot_be_read_is_named(tmp_path: Path, damage: Callable, message: str):
    paths = write_series(tmp_path, ramp(SHAPE), AFFINE)
    (stack,) = stacks_in(tmp_path)
    damage(paths[2])
    if paths[2].exists() and paths[2].stat().st_size:
        (stack,) = stacks_in(tmp_path)
    with pytest.raises(FileFormatError) as caught:
        read_stack(stack)
    assert message in str(caught.value)
    assert str(caught.value).startswith("series 5 (t2_tse_tra): the file ")
    assert not [part for part in STUDY.identity if part in str(caught.value)]


def _with(**tags: object) -> Callable:
    def edit(data) -> None:
        for name, value in tags.items():
            setattr(data, name, value)

    return lambda path: rewrite(path, edit)


def _of_floats(data) -> None:
    del data.PixelData
    data.FloatPixelData = bytes(4)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_with(Rows=10, Columns=10), "holds pixels of the shape .*, not one slice"),
        (_with(BitsAllocated=7), "cannot be decoded"),
        (_with(NumberOfFrames=3), "cannot be decoded"),
        (lambda path: rewrite(path, _of_floats), "holds floating point pixels"),
    ],
)
def test_pixels_that_are_not_those_of_the_header_are_named(
    tmp_path: Path, damage: Callable, message: str
):
    paths = write_series(tmp_path, ramp(SHAPE), AFFINE)
    (stack,) = stacks_in(tmp_path)
    damage(paths[2])
    with pytest.raises(FileFormatError, match=message):
        read_stack(stack)


def _video(data) -> None:
    data.PixelData = encapsulate([b"mpeg"])
    data["PixelData"].VR, data["PixelData"].is_undefined_length = "OB", True
    data.file_meta.TransferSyntaxUID = MPEG4HP41


def test_a_video_is_named(tmp_path: Path):
    paths = write_series(tmp_path, ramp((40, 36, 1)), AFFINE)
    rewrite(paths[0], _video)
    (stack,) = stacks_in(tmp_path)
    with pytest.raises(FileFormatError, match="is a video"):
        read_stack(stack)


def test_slopes_that_give_no_numbers_are_refused(tmp_path: Path):
    write_series(tmp_path, ramp(SHAPE), AFFINE, RescaleSlope="1e300", RescaleIntercept="0")
    (stack,) = stacks_in(tmp_path)
    with pytest.raises(FileFormatError, match="values that are no numbers"):
        read_stack(stack)


def test_a_stack_that_forms_no_image_is_refused(tmp_path: Path):
    write_series(tmp_path, ramp(SHAPE), AFFINE, PixelSpacing=None)
    (stack,) = stacks_in(tmp_path)
    with pytest.raises(GeometryError, match=r"series 5 \(t2_tse_tra\): the headers state no"):
        read_stack(stack)


def test_damage_that_ends_the_decoder_ends_nothing_else(tmp_path: Path, capfd):
    paths = write_series(tmp_path, ramp(SHAPE), AFFINE)
    for path in paths:
        jpeg_lossless(path)
    assert np.array_equal(as_written(only_volume(tmp_path)), ramp(SHAPE))
    spoil_jpeg(paths[2])
    with pytest.raises(FileFormatError, match=r"s005_T2w_0003.dcm holds .* \(the decoder ended"):
        only_volume(tmp_path)
    assert capfd.readouterr() == ("", "")


def _without_gdcm(folder: Path) -> Path:
    """Return a folder that hides GDCM from a process that looks for modules there."""
    folder.mkdir()
    (folder / "gdcm.py").write_text("raise ImportError")
    return folder


def test_a_missing_decoder_is_named_and_damage_is_not_taken_for_it(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "in"
    shutil.copytree(shared_data / "dicom" / "generic_compressed_jpegls_001", folder)
    (stack,) = stacks_in(folder)
    path = Path(stack.frames[1].path)
    path.write_bytes(path.read_bytes().replace(b"\xff\xd8\xff\xf7", bytes(4)))
    with pytest.raises(FileFormatError, match="cannot be decoded"):
        read_stack(stack)
    monkeypatch.setenv("PYTHONPATH", str(_without_gdcm(tmp_path / "modules")))
    with pytest.raises(MissingExtraError, match=r"series 4 .*lpm-segmentator\[dicom\]"):
        read_stack(stack)


def test_a_file_changed_in_an_archive_is_named(tmp_path: Path):
    paths = write_series(tmp_path / "in", ramp(SHAPE), AFFINE)
    archive = zip_files(tmp_path / "in.zip", paths)
    (stack,) = stacks_of(scan([archive]).frames)
    zip_files(archive, paths[1:])
    with pytest.raises(FileFormatError, match=r"the file s005_T2w_0001.dcm cannot be read"):
        read_stack(stack)


def test_nothing_is_printed_logged_or_warned(tmp_path: Path, capfd, caplog):
    paths = write_series(tmp_path, ramp(SHAPE), AFFINE, edit=padded)
    for path, old, new in zip(
        paths, (b"4000", b"LSPINE", b"20240312"), (b"4 k ", b"a~\\b?!", b"31122024"), strict=False
    ):
        path.write_bytes(path.read_bytes().replace(old, new))
    only_volume(tmp_path)
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_series_are_named_by_number_and_description(tmp_path: Path):
    write_series(tmp_path, ramp((40, 36, 1)), AFFINE, SeriesNumber=None, SeriesDescription=None)
    assert series_name(stacks_in(tmp_path)[0]) == "series"


DAMAGED = {
    "classic": (SIEMENS_CLASSIC, None, 5),
    "implicit": (PHILIPS_CLASSIC, None, 5),
    "deflated": (SIEMENS_CLASSIC, deflated, 5),
    "rle": (SIEMENS_CLASSIC, rle, 5),
    "enhanced Siemens": (SIEMENS_XA_ENHANCED, None, 23),
    "enhanced Philips": (PHILIPS_ENHANCED, None, 29),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_anywhere_is_read_or_refused(tmp_path: Path, name: str):
    dialect, change, step = DAMAGED[name]
    shape = (6, 4, 2)
    (path, *_) = write_dixon(tmp_path, {"water": ramp(shape)}, plane(shape=shape), dialect=dialect)
    content = (path if change is None else change(path)).read_bytes()
    for at in range(0, len(content), step):
        flipped = bytearray(content)
        flipped[at] ^= (0xFF, 0x01, 0x20)[at % 3]
        for damaged in (content[:at], bytes(flipped)):
            path.write_bytes(damaged)
            for stack in stacks_of(scan([path]).frames):
                try:
                    read_stack(stack)
                except LpmError as error:
                    text = str(error)
                    assert not [part for part in STUDY.identity if part in text]
