"""The identity of a patient, read only when a user asks for it."""

from __future__ import annotations

import zipfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lpm_segmentator.core.errors import FileFormatError
from lpm_segmentator.io.dicom.dataset import load
from lpm_segmentator.io.dicom.elements import NotDicomError
from lpm_segmentator.io.dicom.header import Frame
from lpm_segmentator.io.dicom.scan import ARCHIVE_ERRORS

__all__ = ["Identity", "read_identity"]


@dataclass(frozen=True)
class Identity:
    """What identifies a patient or an examination; empty where not stated.

    Attributes
    ----------
    patient_id, accession_number, study_date : str
    """

    patient_id: str
    accession_number: str
    study_date: str


def read_identity(frame: Frame) -> Identity:
    """Read the identity from the file of a slice.

    Raises
    ------
    FileFormatError
        If the file cannot be read any more.
    """
    names = ("PatientID", "AccessionNumber", "StudyDate")
    try:
        with ExitStack() as resources:
            stream: IO[bytes]
            if frame.member:
                archive = resources.enter_context(zipfile.ZipFile(frame.path))
                stream = resources.enter_context(archive.open(frame.member))
            else:
                stream = resources.enter_context(Path(frame.path).open("rb"))
            data = load(stream, frame.tags.syntax, pixels=False)
    except (KeyError, *ARCHIVE_ERRORS, NotDicomError) as error:
        raise FileFormatError(f"cannot be read any more ({error})", where=frame.path) from error
    return Identity(*(str(data.get(name) or "").strip() for name in names))
