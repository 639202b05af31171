"""What converters write beside an image: the JSON sidecar of BIDS."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lpm_segmentator.core.contrast import Contrast, ContrastSource, KnownContrast
from lpm_segmentator.core.errors import FileFormatError
from lpm_segmentator.core.source import DicomUids
from lpm_segmentator.io.descriptions import contrast_in_header
from lpm_segmentator.io.files import read_json
from lpm_segmentator.io.formats import image_suffix
from lpm_segmentator.io.naming import case_id, parse_name
from lpm_segmentator.io.nifti.container import partner_paths

__all__ = [
    "contrast_of",
    "files_beside",
    "read_sidecar",
    "sidecar_path",
    "slice_thickness_mm",
    "uids_of",
]

_DIXON_IMAGES = frozenset(Contrast) - {Contrast.T1W, Contrast.T2W, Contrast.UNKNOWN}


def read_sidecar(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what ``NAME.json`` beside ``NAME.nii.gz`` says; empty if there is none to be read.

    A sidecar is a help, not a part of the image: a damaged one counts as none.
    """
    try:
        values = read_json(sidecar_path(path))
    except FileFormatError:
        return {}
    return values if isinstance(values, dict) else {}


def files_beside(path: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Return the sidecar of an image and, of a ``.hdr``, the file of the voxels, where they are."""
    is_header = image_suffix(path).lower().startswith(".hdr")
    partners = partner_paths(Path(path), ".hdr", ".img") if is_header else []
    return tuple(file for file in (sidecar_path(path), *partners) if file.exists())


def sidecar_path(path: str | os.PathLike[str]) -> Path:
    """Return where the sidecar of an image lies, whether there is one or not."""
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

    The sidecar is read as the header of a DICOM image (`contrast_in_header`). A description of T1w
    or T2w is of all images of a Dixon scan: which of them this is, a word in the name states.
    """
    named = parse_name(path)
    values = read_sidecar(path)
    types = values.get("ImageType")
    contrast, _ = contrast_in_header(
        [str(value).strip().upper() for value in types] if isinstance(types, list) else [],
        [str(values.get(key) or "") for key in ("SeriesDescription", "ProtocolName")],
    )
    if contrast is None or contrast is Contrast.UNKNOWN:
        return named.contrast
    is_dixon_word = named.contrast.contrast in _DIXON_IMAGES and not named.by_letter
    if contrast not in _DIXON_IMAGES and is_dixon_word:
        return named.contrast
    return KnownContrast(contrast, ContrastSource.SIDECAR)
