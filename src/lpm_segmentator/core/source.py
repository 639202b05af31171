"""Where an image came from: what results about it are written like."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["DicomUids", "Source"]


@dataclass(frozen=True)
class DicomUids:
    """Identifiers of a DICOM series, as far as they are known.

    Attributes
    ----------
    study, series, frame_of_reference : str
        Unique identifiers; empty where they are not known.
    instances : tuple of str
        SOP instance UIDs, one a slice in the order of the slice axis; empty where not known.
    """

    study: str = ""
    series: str = ""
    frame_of_reference: str = ""
    instances: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """The origin of an image.

    Attributes
    ----------
    path : Path or None
        The file or folder that it was read from; None for an image made in memory.
    nifti_header : bytes
        The binary NIfTI-1 or NIfTI-2 header (348 or 540 bytes); empty where the file is of another
        format. Results on the image's grid keep it, so that they overlay the image in any viewer.
    uids : DicomUids
        From the DICOM header or the JSON sidecar.
    """

    path: Path | None = None
    nifti_header: bytes = b""
    uids: DicomUids = field(default_factory=DicomUids)

    @property
    def name(self) -> str:
        """File name, for messages; ``"image"`` where there is no file."""
        return "image" if self.path is None else self.path.name
