"""Read the elements of a DICOM header up to the pixel module, fast.

An export of 100,000 files has to be looked through in a minute. Files in the two usual uncompressed
encodings of a header (little endian, explicit or implicit VR; compressed pixels have the first) are
walked here, all others by pydicom.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from io import BytesIO
from typing import IO

__all__ = ["NotDicomError", "read_elements"]

Elements = dict[int, bytes]
"""Value of each element as stored, by tag (``group << 16 | element``)."""

_PREAMBLE, _MAGIC = 128, b"DICM"
_TRANSFER_SYNTAX = 0x00020010
_IMPLICIT = b"1.2.840.10008.1.2"
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_BIG_ENDIAN = b"1.2.840.10008.1.2.2"
#: VRs whose length takes four bytes, after two that are reserved
_LONG = frozenset([b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR",
                   b"UT", b"UV"])  # fmt: skip
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_FIRST_READ, _MOST = 2**14, 2**26
_DEEPEST = 32
_TAG = struct.Struct("<HH")
_SHORT_LENGTH = struct.Struct("<H")
_LONG_LENGTH = struct.Struct("<I")


class NotDicomError(Exception):
    """A file is no DICOM file, or its header is damaged; the message states which."""


def read_elements(stream: IO[bytes], wanted: Collection[int], stop: int) -> Elements:
    """Return the wanted elements of a header.

    Parameters
    ----------
    stream : binary file
        At its beginning.
    wanted : collection of int
        Tags. Elements within sequences are not looked at.
    stop : int
        The first tag that is not read any more.

    Returns
    -------
    dict of int to bytes
        The stored value of each element that is there. The transfer syntax is always among them,
        except in files without the part that states it.

    Raises
    ------
    NotDicomError
        If the file is no DICOM file or ends within the header.
    """
    buffer = _Buffer(stream)
    start, meta, implicit = _start_of_data(buffer)
    syntax = meta.get(_TRANSFER_SYNTAX, b"").rstrip(b"\0 ")
    if syntax in (_DEFLATED, _BIG_ENDIAN):
        return {**_by_pydicom(buffer.whole(), wanted, stop), _TRANSFER_SYNTAX: syntax}
    if syntax:
        implicit = syntax == _IMPLICIT
    found, _ = _Walk(buffer, implicit=implicit).elements(start, wanted, stop)
    if syntax:
        found[_TRANSFER_SYNTAX] = syntax
    return found


class _Buffer:
    """The beginning of a stream, which grows as it is needed."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.data = stream.read(_FIRST_READ)

    def has(self, end: int) -> bool:
        """Read on until byte `end` is there; whether it is."""
        while len(self.data) < end:
            if end > _MOST:
                raise NotDicomError("the header is damaged: it would be longer than 64 MB")
            more = self._stream.read(max(end - len(self.data), len(self.data)))
            if not more:
                return False
            self.data += more
        return True

    def need(self, end: int) -> None:
        if not self.has(end):
            raise NotDicomError("the file is truncated: it ends within the header")

    def whole(self) -> bytes:
        return self.data + self._stream.read()


class _Walk:
    """Elements one after the other, in one encoding."""

    def __init__(self, buffer: _Buffer, *, implicit: bool) -> None:
        self.buffer = buffer
        self.implicit = implicit

    def elements(self, at: int, wanted: Collection[int], stop: int) -> tuple[Elements, int]:
        """Return wanted elements from a position on, and where the first one not read begins."""
        found: Elements = {}
        buffer, last = self.buffer, -1
        while buffer.has(at + 8):
            group, element = _TAG.unpack_from(buffer.data, at)
            tag = group << 16 | element
            if tag >= stop:
                return found, at
            if tag <= last:
                raise NotDicomError("the header is damaged: its elements are not in order")
            last = tag
            unknown = buffer.data[at + 4 : at + 6] == b"UN"
            length, at = self._length(at)
            if length == _UNDEFINED:
                # A sequence whose VR was lost is encoded implicitly, whatever surrounds it.
                walk = _Walk(buffer, implicit=True) if unknown else self
                at = walk._end_of_sequence(at, 0)
                continue
            if tag in wanted:
                buffer.need(at + length)
                found[tag] = buffer.data[at : at + length]
            at += length
        if not buffer.has(at):
            raise NotDicomError("the file is truncated: it ends within the header")
        return found, at

    def _length(self, at: int) -> tuple[int, int]:
        """Return the length of the element at a position, and where its value begins."""
        data = self.buffer.data
        if self.implicit:
            return _LONG_LENGTH.unpack_from(data, at + 4)[0], at + 8
        if data[at + 4 : at + 6] in _LONG:
            self.buffer.need(at + 12)
            return _LONG_LENGTH.unpack_from(self.buffer.data, at + 8)[0], at + 12
        return _SHORT_LENGTH.unpack_from(data, at + 6)[0], at + 8

    def _end_of_sequence(self, at: int, depth: int) -> int:
        """Return where a sequence of undefined length ends."""
        if depth > _DEEPEST:
            raise NotDicomError("the header is damaged: its sequences are nested too deeply")
        while True:
            self.buffer.need(at + 8)
            tag = self._tag(at)
            length = _LONG_LENGTH.unpack_from(self.buffer.data, at + 4)[0]
            at += 8
            if tag == _SEQUENCE_END:
                return at
            if tag != _ITEM:
                raise NotDicomError("the header is damaged: a sequence holds no items")
            at = self._end_of_item(at, depth) if length == _UNDEFINED else at + length

    def _end_of_item(self, at: int, depth: int) -> int:
        while True:
            self.buffer.need(at + 8)
            if self._tag(at) == _ITEM_END:
                return at + 8
            length, at = self._length(at)
            at = self._end_of_sequence(at, depth + 1) if length == _UNDEFINED else at + length

    def _tag(self, at: int) -> int:
        group, element = _TAG.unpack_from(self.buffer.data, at)
        return int(group) << 16 | int(element)


def _start_of_data(buffer: _Buffer) -> tuple[int, Elements, bool]:
    """Return where the data set begins, the file's meta elements, and a guess of the encoding."""
    data = buffer.data
    if data[_PREAMBLE : _PREAMBLE + len(_MAGIC)] == _MAGIC:
        at = _PREAMBLE + len(_MAGIC)
        meta, at = _Walk(buffer, implicit=False).elements(at, [_TRANSFER_SYNTAX], 0x00030000)
        return at, meta, False
    # Old files have no preamble and begin with group 0008.
    if data[:2] != b"\x08\x00" or len(data) < 16 or data[3:4] != b"\0":
        raise NotDicomError("this is no DICOM file")
    return 0, {}, not data[4:6].isalpha()


def _by_pydicom(content: bytes, wanted: Collection[int], stop: int) -> Elements:
    """Read a header in an unusual encoding; numbers are returned in little endian."""
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        data = dcmread(BytesIO(content), stop_before_pixels=True, specific_tags=list(wanted))
        return {
            int(element.tag): _as_little_endian(element.VR, element.value)
            for element in data
            if element.tag < stop and element.VR != "SQ"
        }
    except (InvalidDicomError, OSError, ValueError, EOFError, NotImplementedError) as error:
        raise NotDicomError(f"the header cannot be read ({error})") from error


def _as_little_endian(vr: str, value: object) -> bytes:
    if vr == "US" and isinstance(value, int):
        return _SHORT_LENGTH.pack(value)
    if isinstance(value, bytes):
        return value
    several = isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue"
    text = "\\".join(map(str, value)) if several else str(value)  # type: ignore[call-overload]
    return text.encode()
