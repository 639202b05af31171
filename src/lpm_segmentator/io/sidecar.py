"""What converters write beside an image: the JSON sidecar of BIDS."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lpm_segmentator.core.contrast import Contrast, ContrastSource, KnownContrast
from lpm_segmentator.core.errors import FileFormatError
from lpm_segmentator.core.source import DicomUids
from lpm_segmentator.io.files import read_json
from lpm_segmentator.io.naming import case_id, contrast_in_text, parse_name

__all__ = ["contrast_of", "read_sidecar", "slice_thickness_mm", "uids_of"]

#: values of ImageType, as DICOM and dcm2niix write them
_IMAGE_TYPES = {
    "W": Contrast.WATER,
    "WATER": Contrast.WATER,
    "F": Contrast.FAT,
    "FAT": Contrast.FAT,
    "IP": Contrast.IN_PHASE,
    "IN_PHASE": Contrast.IN_PHASE,
    "INPHASE": Contrast.IN_PHASE,
    "OP": Contrast.OPPOSED_PHASE,
    "OPP_PHASE": Contrast.OPPOSED_PHASE,
    "OUT_PHASE": Contrast.OPPOSED_PHASE,
    "OUTPHASE": Contrast.OPPOSED_PHASE,
    "FF": Contrast.FAT_FRACTION,
    "FAT_FRACTION": Contrast.FAT_FRACTION,
}


def read_sidecar(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what ``NAME.json`` beside ``NAME.nii.gz`` says; empty if there is none to be read.

    A sidecar is a help, not a part of the image: a damaged one counts as none.
    """
    beside = Path(path).with_name(f"{case_id(path)}.json")
    try:
        values = read_json(beside)
    except FileFormatError:
        return {}
    return values if isinstance(values, dict) else {}


def uids_of(path: str | os.PathLike[str]) -> DicomUids:
    """Return the identifiers that the sidecar of an image states."""
    values = read_sidecar(path)
    study, series, frame = (
        str(values.get(key) or "")
        for key in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
    )
    return DicomUids(study, series, frame)


def slice_thickness_mm(path: str | os.PathLike[str]) -> float:
    """Return the slice thickness that the sidecar of an image states; nan if it states none."""
    value = read_sidecar(path).get("SliceThickness")
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        return float("nan")
    return float(value)


def contrast_of(path: str | os.PathLike[str]) -> KnownContrast:
    """Return the contrast of an image as far as its sidecar or else its name tells."""
    values = read_sidecar(path)
    types = values.get("ImageType")
    for value in types if isinstance(types, list) else ():
        if (contrast := _IMAGE_TYPES.get(str(value).upper())) is not None:
            return KnownContrast(contrast, ContrastSource.SIDECAR)
    for key in ("SeriesDescription", "ProtocolName", "SequenceName"):
        contrast = contrast_in_text(str(values.get(key) or ""))
        if contrast is not Contrast.UNKNOWN:
            return KnownContrast(contrast, ContrastSource.SIDECAR)
    return parse_name(path).contrast
