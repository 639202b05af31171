"""Decode compressed pixels in a process of its own.

GDCM prints to the terminal, and ends its process, on some damaged JPEG data. Here only the child
ends, and the file is named.
"""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lpm_segmentator.io.dicom import _decoder_process
from lpm_segmentator.io.dicom.elements import NotDicomError

if TYPE_CHECKING:  # in typing only from Python 3.11 on
    from typing_extensions import Self

__all__ = ["Decoder", "MissingDecoderError"]


class MissingDecoderError(Exception):
    """No decoder of a transfer syntax is installed."""


class Decoder:
    """Decodes frames; the process is started with the first and ends with the block."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def frames(self, content: bytes, indices: Sequence[int | None]) -> list[npt.NDArray[Any]]:
        """Return the stored values of some frames of a file; None is all of them.

        Raises
        ------
        NotDicomError
            If they cannot be decoded.
        MissingDecoderError
            If no decoder is installed.
        """
        try:
            sent, received = self._pipes()
            sent.write(_decoder_process.request(content, indices))
            sent.flush()
            return [_answer(received) for _ in indices]
        except (OSError, struct.error) as error:
            raise NotDicomError("the decoder ended on it") from error

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._process is None:
            self._process = subprocess.Popen(
                # By its path: what is imported here may not be found from there.
                [sys.executable, str(Path(_decoder_process.__file__))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        sent, received = self._process.stdin, self._process.stdout
        assert sent is not None
        assert received is not None
        return sent, received


def _answer(received: IO[bytes]) -> npt.NDArray[Any]:
    status, size = _decoder_process.ANSWER.unpack(received.read(_decoder_process.ANSWER.size))
    content = received.read(size)
    if status == _decoder_process.MISSING:
        raise MissingDecoderError
    if status == _decoder_process.FAILED:
        raise NotDicomError(content.decode())
    array: npt.NDArray[Any] = np.load(BytesIO(content), allow_pickle=False)
    return array
