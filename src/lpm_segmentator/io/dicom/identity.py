"""The identity of a patient, read only when a user asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

from lpm_segmentator.core.errors import FileFormatError
from lpm_segmentator.io.dicom.content import content_of, file_name, open_archives
from lpm_segmentator.io.dicom.dataset import load
from lpm_segmentator.io.dicom.elements import NotDicomError
from lpm_segmentator.io.dicom.header import Frame

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
        If the file cannot be read any more. The message names no folder.
    """
    names = ("PatientID", "AccessionNumber", "StudyDate")
    try:
        with open_archives() as archives:
            content = content_of(frame, archives)
        data = load(BytesIO(content), frame.tags.syntax, pixels=False)
    except NotDicomError as error:
        what = f"the file {file_name(frame)} cannot be read any more ({error})"
        raise FileFormatError(what) from error
    return Identity(*(str(data.get(name) or "").strip() for name in names))
