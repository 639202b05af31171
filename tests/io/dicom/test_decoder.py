"""Decoding of compressed pixels in a process of its own."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest

from dicom_damage import rle
from dicom_dialects import PHILIPS_ENHANCED
from dicom_files import dixon_images, plane, write_dixon
from lpm_segmentator.io.dicom import _decoder_process
from lpm_segmentator.io.dicom._decoder_process import DONE, FAILED
from lpm_segmentator.io.dicom.decoder import Decoder

SHAPE = (6, 4, 3)


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    """A file of twelve compressed frames."""
    dialect = PHILIPS_ENHANCED
    (path,) = write_dixon(tmp_path, dixon_images(SHAPE), plane(shape=SHAPE), dialect=dialect)
    return rle(path).read_bytes()


def test_frames_are_decoded_in_the_order_in_which_they_were_requested(content: bytes):
    expected = pydicom.dcmread(BytesIO(content)).pixel_array
    with Decoder() as decoder:
        for indices in ([7, 0], [3]):
            frames = decoder.frames(content, indices)
            assert all(map(np.array_equal, frames, expected[indices]))
        (everything,) = decoder.frames(content, [None])
    assert np.array_equal(everything, expected)


def test_a_file_is_parsed_once_for_all_of_its_frames(
    content: bytes, monkeypatch: pytest.MonkeyPatch
):
    parsed = []
    read = pydicom.dcmread
    monkeypatch.setattr(pydicom, "dcmread", lambda *a, **k: parsed.append(1) or read(*a, **k))
    answers = list(_decoder_process.answers(content, range(12)))
    assert [status for status, _ in answers] == [DONE] * 12
    assert len(parsed) == 1


def test_every_frame_of_a_file_that_cannot_be_parsed_has_an_answer():
    answers = list(_decoder_process.answers(b"no DICOM", [0, 1]))
    assert [status for status, _ in answers] == [FAILED] * 2
