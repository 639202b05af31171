"""The DICOM images behind the files of a case, and their import as NIfTI."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lpm_segmentator.core import Contrast, FileFormatError, InputError
from lpm_segmentator.io import read_sidecar, remove_file, sidecar_path, write_image, write_json
from lpm_segmentator.io.dicom import Stack, read_stack, series_name, source_hash

__all__ = ["DicomSource", "import_images", "is_imported"]

_HASH = "LpmSegmentatorSourceHash"
_SAGITTAL = "sagittal"


@dataclass(frozen=True, eq=False)
class DicomSource:
    """Where the images of a case come from.

    Attributes
    ----------
    stacks : mapping of str to Stack
        By the role that the image has in the case.
    contrasts : mapping of str to Contrast
    """

    stacks: Mapping[str, Stack]
    contrasts: Mapping[str, Contrast]


def import_images(source: DicomSource, paths: Mapping[str, Path]) -> InputError | None:
    """Write the images as NIfTI with a sidecar, those that are not there yet.

    Nothing that identifies the patient is written, unless a series description does.

    Parameters
    ----------
    source : DicomSource
    paths : mapping of str to Path
        Where each image is written, by role.

    Returns
    -------
    InputError or None
        Why the sagittal series, which the case can do without, cannot be read.

    Raises
    ------
    LpmError
        As `read_stack`, or if a file cannot be written.
    """
    for role, stack in source.stacks.items():
        try:
            _import(stack, source.contrasts[role], paths[role])
        except InputError as error:
            if role != _SAGITTAL:
                raise
            return error
    return None


def _import(stack: Stack, contrast: Contrast, path: Path) -> None:
    try:
        stamp = source_hash(stack.frames)
    except OSError as error:
        raise FileFormatError(
            f"a file of the export cannot be read any more ({error.strerror})",
            where=series_name(stack),
            hint="Check that the export is still there, and run the case again",
        ) from error
    if _is_current(path, stamp):
        return
    volume = read_stack(stack, contrast)
    # The sidecar is written last: without it, or with an old hash, the image is read again.
    remove_file(sidecar_path(path))
    write_image(volume, path)
    write_json(_description(stack, stamp), sidecar_path(path))


def is_imported(source: DicomSource, paths: Mapping[str, Path]) -> bool:
    """Return whether the images are there as the files of the export are now."""
    try:
        return all(
            _is_current(paths[role], source_hash(stack.frames))
            for role, stack in source.stacks.items()
            if role != _SAGITTAL or paths[role].exists()  # the case can do without it
        )
    except OSError:  # the export is not there any more
        return False


def _is_current(path: Path, stamp: str) -> bool:
    return path.exists() and read_sidecar(path).get(_HASH) == stamp


def _description(stack: Stack, stamp: str) -> dict[str, Any]:
    """Return the sidecar of an image, with the names and units of BIDS."""
    tags = stack.tags
    values = {
        "Manufacturer": tags.manufacturer,
        "ManufacturersModelName": tags.model,
        "MagneticFieldStrength": tags.field_t,
        "ImageType": list(tags.image_type),
        "SeriesNumber": tags.number,
        "SeriesDescription": tags.description,
        "ProtocolName": tags.protocol,
        "SequenceName": tags.sequence_name,
        "MRAcquisitionType": tags.acquisition_type,
        "RepetitionTime": tags.tr_ms / 1e3,
        "EchoTime": tags.te_ms / 1e3,
        "InversionTime": tags.ti_ms / 1e3,
        "FlipAngle": tags.flip_deg,
        "SliceThickness": tags.thickness_mm,
        "StudyInstanceUID": tags.study,
        "SeriesInstanceUID": tags.series,
        "FrameOfReferenceUID": tags.frame_of_reference,
        "SOPInstanceUIDs": [frame.sop for frame in stack.frames],
        "FrameNumbers": [frame.index + 1 for frame in stack.frames],
        _HASH: stamp,
    }
    return {key: value for key, value in values.items() if not _is_missing(value)}


def _is_missing(value: object) -> bool:
    return value is None or value in ("", []) or (isinstance(value, float) and math.isnan(value))
