"""The identity of a patient, read only when a user asks for it."""

from __future__ import annotations

from dataclasses import dataclass

from lpm_segmentator.core.errors import FileFormatError
from lpm_segmentator.io.dicom.header import Frame
from lpm_segmentator.io.dicom.scan import open_file

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
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    tags = ("PatientID", "AccessionNumber", "StudyDate")
    try:
        with open_file(frame.path, frame.member) as stream:
            data = dcmread(stream, stop_before_pixels=True, force=True, specific_tags=list(tags))
    except (InvalidDicomError, OSError, ValueError, EOFError) as error:
        raise FileFormatError(f"cannot be read any more ({error})", where=frame.path) from error
    return Identity(*(str(data.get(tag) or "").strip() for tag in tags))
