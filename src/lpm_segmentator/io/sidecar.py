"""What converters write beside an image: the JSON sidecar of BIDS."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lpm_segmentator.core.contrast import Contrast, ContrastSource, KnownContrast
from lpm_segmentator.core.errors import FileFormatError
from lpm_segmentator.core.source import DicomUids
from lpm_segmentator.io.files import read_json
from lpm_segmentator.io.formats import image_suffix
from lpm_segmentator.io.naming import case_id, contrast_in_text, parse_name
from lpm_segmentator.io.nifti.container import partner_paths

__all__ = ["contrast_of", "files_beside", "read_sidecar", "slice_thickness_mm", "uids_of"]

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
#: what each image of a Dixon scan is as well
_WEIGHTED = (Contrast.T1W, Contrast.T2W)


def read_sidecar(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what ``NAME.json`` beside ``NAME.nii.gz`` says; empty if there is none to be read.

    A sidecar is a help, not a part of the image: a damaged one counts as none.
    """
    try:
        values = read_json(_sidecar(path))
    except FileFormatError:
        return {}
    return values if isinstance(values, dict) else {}


def files_beside(path: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Return the sidecar of an image and, of a ``.hdr``, the file of the voxels, where they are."""
    is_header = image_suffix(path).lower().startswith(".hdr")
    partners = partner_paths(Path(path), ".hdr", ".img") if is_header else []
    return tuple(file for file in (_sidecar(path), *partners) if file.exists())


def _sidecar(path: str | os.PathLike[str]) -> Path:
    return Path(path).with_name(f"{case_id(path)}.json")


def uids_of(path: str | os.PathLike[str]) -> DicomUids:
    """Return the identifiers that the sidecar of an image states."""
    values = read_sidecar(path)
    study, series, frame = (
        str(values.get(key) or "")
        for key in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
    )
    instances = values.get("SOPInstanceUIDs")
    listed = tuple(map(str, instances)) if isinstance(instances, list) else ()
    return DicomUids(study, series, frame, listed)


def slice_thickness_mm(path: str | os.PathLike[str]) -> float:
    """Return the slice thickness that the sidecar of an image states; nan if it states none."""
    value = read_sidecar(path).get("SliceThickness")
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        return float("nan")
    return float(value)


def contrast_of(path: str | os.PathLike[str]) -> KnownContrast:
    """Return the contrast of an image as far as its sidecar or else its name tells.

    A description such as ``t1_vibe_dixon`` is of all images of a Dixon scan: which of them this is,
    a word in the name states.
    """
    named = parse_name(path)
    is_dixon_word = named.contrast.contrast in _IMAGE_TYPES.values() and not named.by_letter
    values = read_sidecar(path)
    types = values.get("ImageType")
    for value in types if isinstance(types, list) else ():
        if (contrast := _IMAGE_TYPES.get(str(value).upper())) is not None:
            return KnownContrast(contrast, ContrastSource.SIDECAR)
    for key in ("SeriesDescription", "ProtocolName", "SequenceName"):
        contrast = contrast_in_text(str(values.get(key) or ""))
        if contrast in _WEIGHTED and is_dixon_word:
            return named.contrast
        if contrast is not Contrast.UNKNOWN:
            return KnownContrast(contrast, ContrastSource.SIDECAR)
    return named.contrast
