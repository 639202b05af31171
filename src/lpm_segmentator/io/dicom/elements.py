"""Read the elements of a DICOM header up to the pixel module, fast.

An export of 100,000 files has to be looked through in a minute; pydicom takes several times as
long, hence this walk over the bytes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Collection
from typing import IO

__all__ = ["DEFLATED", "HARMLESS_BYTES", "MOST_GROWTH", "TRANSFER_SYNTAX", "NotDicomError",
           "OtherFormatError", "check_growth", "read_elements"]  # fmt: skip

Elements = dict[int, bytes]
"""Value of each element as stored, by tag (``group << 16 | element``)."""

DEFLATED = "1.2.840.10008.1.2.1.99"
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_PREAMBLE, _MAGIC = 128, b"DICM"
TRANSFER_SYNTAX = 0x00020010
_END_OF_META = 0x00030000
#: VRs whose length takes four bytes, after two that are reserved
_LONG = frozenset([b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR",
                   b"UT", b"UV"])  # fmt: skip
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_FIRST_READ, _MOST = 2**14, 2**26
_DEEPEST = 32
_TRUNCATED = "the file is truncated: it ends within the header"
#: data that grow by more than this and beyond this size are no image
MOST_GROWTH, HARMLESS_BYTES = 200, 2**27


class NotDicomError(Exception):
    """A file is no DICOM file, or its header is damaged; the message states which."""


class OtherFormatError(NotDicomError):
    """A file is of another format than DICOM."""


def read_elements(stream: IO[bytes], wanted: Collection[int], stop: int) -> Elements:
    """Return the wanted elements of a header.

    Whether the VRs are stated is read from the first element: some files state another encoding
    than they have. Numbers of two bytes are returned in little endian.

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
        If the file is no DICOM file (`OtherFormatError`), or its header is damaged.
    """
    buffer = _Buffer(stream.read)
    at, meta = _start_of_data(buffer)
    stored = meta.get(TRANSFER_SYNTAX, b"")
    syntax = stored.rstrip(b"\0 ").decode("latin-1")
    if syntax == DEFLATED:
        buffer, at = _Buffer(_Inflated(stream, buffer.data[at:]).read), 0
    buffer.need(at + 8)
    found, _ = _Walk(
        buffer,
        implicit=not _has_vr(buffer.data, at),
        order=">" if syntax == _BIG_ENDIAN else "<",
    ).elements(at, wanted, stop)
    return {**found, TRANSFER_SYNTAX: stored} if syntax else found


def check_growth(stream: IO[bytes]) -> None:
    """Check that a deflated file does not fill the memory; the stream is set to its beginning.

    Raises
    ------
    NotDicomError
        If it grows by more than 200 times and beyond 128 MB.
    """
    buffer = _Buffer(stream.read)
    at, _ = _start_of_data(buffer)
    packed = buffer.data[at:] + stream.read()
    inflated, size = _Inflated(stream, packed), 0
    most = max(HARMLESS_BYTES, MOST_GROWTH * len(packed))
    while more := len(inflated.read(2**20)):
        size += more
        if size > most:
            raise NotDicomError(f"it would grow to more than {most / 1e6:.0f} MB")
    stream.seek(0)


class _Buffer:
    """The beginning of a stream, which grows as it is needed."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self.data = read(_FIRST_READ)

    def has(self, end: int) -> bool:
        """Read on until byte `end` is there; whether it is."""
        while len(self.data) < end:
            if end > _MOST:
                raise NotDicomError("the header is damaged: it would be longer than 64 MB")
            more = self._read(max(end - len(self.data), len(self.data)))
            if not more:
                return False
            self.data += more
        return True

    def need(self, end: int) -> None:
        if not self.has(end):
            raise NotDicomError(_TRUNCATED)


class _Inflated:
    """What a deflated stream holds, as it is needed."""

    def __init__(self, stream: IO[bytes], packed: bytes) -> None:
        self._stream = stream
        self._packed = packed
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; none at the end."""
        while not self._inflate.eof:
            packed = self._packed or self._stream.read(_FIRST_READ)
            try:
                data = self._inflate.decompress(packed, size)
            except zlib.error as error:
                raise NotDicomError(
                    f"the header is damaged: it is no deflated data ({error})"
                ) from error
            self._packed = self._inflate.unconsumed_tail
            if data or not packed:
                return data
        return b""


class _Walk:
    """Elements one after the other, in one encoding."""

    def __init__(self, buffer: _Buffer, *, implicit: bool, order: str = "<") -> None:
        self.buffer = buffer
        self.implicit = implicit
        self.order = order
        self.tag = struct.Struct(f"{order}HH").unpack_from
        self.short = struct.Struct(f"{order}H").unpack_from
        self.long = struct.Struct(f"{order}I").unpack_from

    def elements(self, at: int, wanted: Collection[int], stop: int) -> tuple[Elements, int]:
        """Return wanted elements from a position on, and where the first one not read begins."""
        found: Elements = {}
        buffer, last, swapped = self.buffer, -1, self.order == ">"
        while buffer.has(at + 8):
            group, element = self.tag(buffer.data, at)
            tag = group << 16 | element
            if tag >= stop:
                return found, at
            if tag <= last:
                raise NotDicomError("the header is damaged: its elements are not in order")
            last, start = tag, at
            length, at = self._length(at)
            if length == _UNDEFINED:
                at = self._after_sequence(start, at, 0)
                continue
            if tag in wanted:
                buffer.need(at + length)
                value = buffer.data[at : at + length]
                is_number = swapped and buffer.data[start + 4 : start + 6] == b"US"
                found[tag] = _swapped(value) if is_number else value
            at += length
        if len(buffer.data) != at:
            raise NotDicomError(_TRUNCATED)
        return found, at

    def _length(self, at: int) -> tuple[int, int]:
        """Return the length of the element at a position, and where its value begins."""
        data = self.buffer.data
        if self.implicit:
            return self.long(data, at + 4)[0], at + 8
        if data[at + 4 : at + 6] in _LONG:
            self.buffer.need(at + 12)
            return self.long(self.buffer.data, at + 8)[0], at + 12
        return self.short(data, at + 6)[0], at + 8

    def _after_sequence(self, start: int, at: int, depth: int) -> int:
        """Return where a sequence of undefined length ends: its element, its value, its depth."""
        if depth > _DEEPEST:
            raise NotDicomError("the header is damaged: its sequences are nested too deeply")
        # A sequence whose VR was lost is encoded implicitly, whatever surrounds it (CP-246).
        is_unknown = not self.implicit and self.buffer.data[start + 4 : start + 6] == b"UN"
        walk = _Walk(self.buffer, implicit=True, order=self.order) if is_unknown else self
        while True:
            tag, length = walk._item(at)
            at += 8
            if tag == _SEQUENCE_END:
                return at
            if tag != _ITEM:
                raise NotDicomError("the header is damaged: a sequence holds no items")
            at = walk._after_item(at, depth) if length == _UNDEFINED else at + length

    def _after_item(self, at: int, depth: int) -> int:
        while self._item(at)[0] != _ITEM_END:
            start = at
            length, at = self._length(at)
            if length == _UNDEFINED:
                at = self._after_sequence(start, at, depth + 1)
            else:
                at += length
        return at + 8

    def _item(self, at: int) -> tuple[int, int]:
        """Return tag and length of what delimits items and sequences."""
        self.buffer.need(at + 8)
        group, element = self.tag(self.buffer.data, at)
        return int(group) << 16 | int(element), self.long(self.buffer.data, at + 4)[0]


def _start_of_data(buffer: _Buffer) -> tuple[int, Elements]:
    """Return where the data set begins, and the transfer syntax."""
    data = buffer.data
    if data[_PREAMBLE : _PREAMBLE + len(_MAGIC)] == _MAGIC:
        at = _PREAMBLE + len(_MAGIC)
    elif data[:4] == b"\x02\0\0\0":  # no preamble, as pydicom writes on request
        at = 0
    elif data[:2] == b"\x08\0" and data[3:4] == b"\0" and len(data) >= 16:  # old files
        return 0, {}
    else:
        raise OtherFormatError("this is no DICOM file")
    meta, at = _Walk(buffer, implicit=False).elements(at, [TRANSFER_SYNTAX], _END_OF_META)
    return at, meta


def _swapped(value: bytes) -> bytes:
    count = len(value) // 2
    return struct.pack(f"<{count}H", *struct.unpack_from(f">{count}H", value))


def _has_vr(data: bytes, at: int) -> bool:
    """Whether the element at a position states its VR: two capital letters."""
    vr = data[at + 4 : at + 6]
    return vr.isalpha() and vr.isupper()
