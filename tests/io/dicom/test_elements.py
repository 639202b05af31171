"""Elements of headers: as pydicom reads them, in every encoding, and damage."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from lpm_segmentator.io.dicom.elements import NotDicomError, check_growth, read_elements

ENCODINGS = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian,
             ExplicitVRBigEndian)  # fmt: skip
SYNTAX = 0x00020010
ROWS = 0x00280010

values = st.one_of(
    st.tuples(st.just("LO"), st.text("abc XYZ", min_size=1, max_size=20)),
    st.tuples(st.just("DS"), st.sampled_from(["1.5", "-3e-5", "0"])),
    st.tuples(st.just("US"), st.integers(0, 65535)),
    st.tuples(st.just("US"), st.lists(st.integers(0, 65535), min_size=2, max_size=3)),
    st.tuples(st.just("FD"), st.floats(-1e9, 1e9)),
    st.tuples(st.sampled_from(["UN", "OB"]), st.binary(max_size=20)),
    st.tuples(st.just("UN"), st.binary(min_size=2**14, max_size=2**14 + 20)),
)
#: private ones: their VRs are free
tags = st.builds(
    lambda group, element: group << 16 | element,
    st.sampled_from([0x0009, 0x0019, 0x0021]),
    st.integers(0x1001, 0x10FF),
)


@st.composite
def datasets(draw: st.DrawFn, depth: int = 2) -> Dataset:
    data = Dataset()
    for tag in draw(st.lists(tags, max_size=5, unique=True)):
        if depth and draw(st.integers(0, 3)) == 0:
            items = draw(st.lists(datasets(depth - 1), max_size=2))
            data.add_new(tag, "SQ", items)
            data[tag].is_undefined_length = draw(st.booleans())
            for item in items:
                item.is_undefined_length_sequence_item = draw(st.booleans())
        else:
            data.add_new(tag, *draw(values))
    return data


def written(data: Dataset, syntax: str) -> bytes:
    data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.4", "1.2.3"
    data.Rows, data.PixelData = 300, b"\1\2"
    data["PixelData"].VR = "OW"
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    buffer = BytesIO()
    data.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def every_tag(content: bytes) -> list[int]:
    return [int(tag) for tag in dcmread(BytesIO(content)).keys()]  # noqa: SIM118 - no mapping


@pytest.mark.parametrize("syntax", ENCODINGS, ids=lambda uid: uid.name)
@given(data=datasets())
def test_the_stored_values_are_those_that_pydicom_reads(data: Dataset, syntax: str):
    content = written(data, syntax)
    found = read_elements(BytesIO(content), every_tag(content), 0x00290000)
    expected = dcmread(BytesIO(content))
    assert struct.unpack("<H", found.pop(ROWS)) == (300,)
    assert found.pop(SYNTAX).rstrip(b"\0").decode() == syntax
    for tag in [tag for tag in every_tag(content) if tag < 0x00290000 and tag != ROWS]:
        raw = expected.get_item(tag, keep_deferred=True)
        if not isinstance(raw, RawDataElement) or raw.length == 0xFFFFFFFF:
            assert tag not in found  # a sequence of undefined length
        elif raw.VR == "US" and syntax == ExplicitVRBigEndian:
            numbers = struct.unpack(f">{len(raw.value) // 2}H", raw.value)
            assert struct.unpack(f"<{len(numbers)}H", found.pop(tag)) == numbers
        else:
            assert found.pop(tag) == (raw.value or b"")
    assert not found


@settings(max_examples=20)
@given(data=datasets(), syntax=st.sampled_from(ENCODINGS), keep=st.floats(0, 1))
def test_a_file_that_ends_early_is_read_up_to_there_or_refused(data, syntax, keep):
    content = written(data, syntax)
    whole = read_elements(BytesIO(content), every_tag(content), 0x00290000)
    cut = content[: int(len(content) * keep)]
    try:
        part = read_elements(BytesIO(cut), every_tag(content), 0x00290000)
    except NotDicomError:
        return
    assert part.items() <= whole.items()


def meta(syntax: str) -> bytes:
    value = syntax.encode() + b"\0" * (len(syntax) % 2)
    return bytes(128) + b"DICM" + b"\2\0\x10\0UI" + struct.pack("<H", len(value)) + value


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)) + value


def test_a_sequence_that_lost_its_vr_is_read_implicitly_at_any_depth():
    # (0018,0010) LO "1", once explicit and once implicit
    implicit_item = struct.pack("<HHI", 0x18, 0x10, 2) + b"1 "
    item, item_end, end = b"\xfe\xff\0\xe0", b"\xfe\xff\r\xe0", b"\xfe\xff\xdd\xe0"
    undefined, none = b"\xff" * 4, bytes(4)
    lost = (
        b"\x09\0\1\x10UN\0\0" + undefined
        + item + undefined + implicit_item + item_end + none + end + none
    )  # fmt: skip
    outer = (
        b"\x08\0\x40\x11SQ\0\0" + undefined
        + item + undefined + lost + item_end + none + end + none
    )  # fmt: skip
    content = meta(ExplicitVRLittleEndian) + outer + lost + element(ROWS, b"US", b"\7\0")
    found = read_elements(BytesIO(content), [ROWS], 0x00290000)
    assert found[ROWS] == b"\7\0"


def test_the_encoding_is_read_from_the_data_where_the_file_states_another():
    rows = struct.pack("<HHI", 0x28, 0x10, 2) + b"\7\0"
    content = meta(ExplicitVRLittleEndian) + rows
    assert read_elements(BytesIO(content), [ROWS], 0x00290000)[ROWS] == b"\7\0"


def test_a_file_may_begin_with_its_meta_elements():
    content = meta(ExplicitVRLittleEndian)[132:] + element(ROWS, b"US", b"\7\0")
    content = b"\2\0\0\0UL\4\0" + struct.pack("<I", len(content) - 10) + content
    assert read_elements(BytesIO(content), [ROWS], 0x00290000)[ROWS] == b"\7\0"


EXPLICIT = meta(ExplicitVRLittleEndian)
NESTED = b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no DICOM file"),
        (b"some text that is longer than its first elements", "no DICOM file"),
        (bytes(300), "no DICOM file"),
        (EXPLICIT, "truncated"),
        (EXPLICIT + element(ROWS, b"US", b"\7\0")[:-1], "truncated"),
        (EXPLICIT + element(ROWS, b"US", b"\7\0") + element(ROWS, b"US", b""), "not in order"),
        (EXPLICIT + NESTED * 40, "nested too deeply"),
        (EXPLICIT + NESTED[:12] + bytes(8), "holds no items"),
        (EXPLICIT + NESTED[:12] + b"\xfe\xff\0\xe0\xff\xff\xff\x0f" + bytes(99), "64 MB"),
        (meta(DeflatedExplicitVRLittleEndian) + b"\xff" * 40, "no deflated data"),
    ],
)  # fmt: skip
def test_damage_is_named(content: bytes, message: str):
    with pytest.raises(NotDicomError, match=message):
        read_elements(BytesIO(content), [ROWS], 0x00290000)


def test_only_the_beginning_of_a_file_is_read():
    class Counting(BytesIO):
        n_read = 0

        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            self.n_read += len(data)
            return data

    content = EXPLICIT + element(ROWS, b"US", b"\7\0") + struct.pack("<HH", 0x7FE0, 0x10)
    stream = Counting(content + bytes(2**22))
    read_elements(stream, [ROWS], 0x00290000)
    assert stream.n_read == 2**14


def test_a_deflated_file_that_fills_the_memory_is_refused():
    bomb = zlib.compress(bytes(2**27 + 2**20), 9)[2:-4]
    with pytest.raises(NotDicomError, match="grow to more than 134 MB"):
        check_growth(BytesIO(meta(DeflatedExplicitVRLittleEndian) + bomb))
    stream = BytesIO(meta(DeflatedExplicitVRLittleEndian) + zlib.compress(bytes(2**20))[2:-4])
    check_growth(stream)
    assert stream.tell() == 0
