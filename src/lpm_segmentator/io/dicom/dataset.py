"""Call pydicom: without its warnings, and with one kind of error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from lpm_segmentator.core.errors import LpmError
from lpm_segmentator.core.quiet import quiet
from lpm_segmentator.io.dicom.elements import DEFLATED, NotDicomError, check_growth

if TYPE_CHECKING:
    from pydicom import FileDataset

__all__ = ["PYDICOM_LOG", "load", "reading"]

#: pydicom logs its warnings as well; what matters is checked here
PYDICOM_LOG = "pydicom"


@contextmanager
def reading() -> Iterator[None]:
    """Leave out warnings, and let what pydicom raises on damaged data be a `NotDicomError`."""
    try:
        with quiet(PYDICOM_LOG):
            yield
    except (NotDicomError, LpmError):
        raise
    except Exception as error:  # on damaged data pydicom raises errors of any kind
        lines = str(error).split("\n") if str(error) else [type(error).__name__]
        raise NotDicomError("; ".join(line.strip(" :") for line in lines)) from error


def load(stream: IO[bytes], syntax: str, *, pixels: bool) -> FileDataset:
    """Read a file with pydicom.

    Parameters
    ----------
    stream : binary file
        At its beginning.
    syntax : str
        Transfer syntax; empty if the file does not state it.
    pixels : bool
        Whether to read the pixels.

    Raises
    ------
    NotDicomError
        If the file is damaged, or deflated and fills the memory.
    """
    from pydicom import dcmread
    from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

    with reading():
        if syntax == DEFLATED:
            check_growth(stream)
        data = dcmread(stream, stop_before_pixels=not pixels, force=True)
        if "TransferSyntaxUID" not in data.file_meta:
            implicit, _ = data.original_encoding
            encoding = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
            data.file_meta.TransferSyntaxUID = encoding
        return data
