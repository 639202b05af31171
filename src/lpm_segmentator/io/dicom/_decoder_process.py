"""The process that decodes compressed pixels: files in, arrays out (`decoder`).

It is run by its path and imports nothing of this package.
"""

from __future__ import annotations

import os
import struct
import sys
import warnings
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pydicom import FileDataset

__all__ = ["ANSWER", "DONE", "FAILED", "MISSING", "answers", "request"]

#: number of bytes and of frames; then the frames, then the file
_REQUEST = struct.Struct("<QI")
_FRAME = struct.Struct("<q")
#: status and number of bytes; then the array, or the error in words
ANSWER = struct.Struct("<BQ")
DONE, FAILED, MISSING = range(3)
_ALL = -1


def request(content: bytes, indices: Sequence[int | None]) -> bytes:
    """Return what to send for some frames of a file."""
    frames = b"".join(_FRAME.pack(_ALL if index is None else index) for index in indices)
    return _REQUEST.pack(len(content), len(indices)) + frames + content


def answers(content: bytes, indices: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """Yield the status and the content of the answer for each frame; the file is parsed once."""
    from pydicom import dcmread

    try:
        data = dcmread(BytesIO(content), force=True)
    except Exception as error:  # noqa: BLE001 - damaged data raise errors of any kind
        yield from [_failure(error)] * len(indices)
        return
    for index in indices:
        yield _decoded(data, index)


def _decoded(data: FileDataset, index: int) -> tuple[int, bytes]:
    from pydicom.pixels.utils import pixel_array

    try:
        array = pixel_array(data, index=None if index == _ALL else index, raw=True)
    except Exception as error:  # noqa: BLE001 - damaged data raise errors of any kind
        return _failure(error)
    buffer = BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return DONE, buffer.getvalue()


def _failure(error: Exception) -> tuple[int, bytes]:
    is_missing = "missing dependencies" in str(error)
    lines = (line.strip(" :") for line in (str(error) or type(error).__name__).split("\n"))
    return MISSING if is_missing else FAILED, "; ".join(lines).encode()


def main() -> None:
    """Answer requests until there are no more."""
    warnings.simplefilter("ignore")
    received, sent = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a decoder prints is no answer
    while len(head := received.read(_REQUEST.size)) == _REQUEST.size:
        size, count = _REQUEST.unpack(head)
        indices = [_FRAME.unpack(received.read(_FRAME.size))[0] for _ in range(count)]
        content = received.read(size)
        for status, answer in answers(content, indices):
            sent.write(ANSWER.pack(status, len(answer)) + answer)
        sent.flush()


if __name__ == "__main__":
    main()
