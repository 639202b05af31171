"""DICOM: find images by their headers (`scan`), sort them into stacks, read their pixels."""

from __future__ import annotations

from lpm_segmentator.io.dicom.content import archive_holds_dicom
from lpm_segmentator.io.dicom.header import Frame, SeriesTags
from lpm_segmentator.io.dicom.identity import Identity, read_identity
from lpm_segmentator.io.dicom.read import read_stack, series_name
from lpm_segmentator.io.dicom.scan import DICOMDIR, Scan, Skipped, scan, source_hash
from lpm_segmentator.io.dicom.stacks import Stack, stacks_of

__all__ = [
    "DICOMDIR",
    "Frame",
    "Identity",
    "Scan",
    "SeriesTags",
    "Skipped",
    "Stack",
    "archive_holds_dicom",
    "read_identity",
    "read_stack",
    "scan",
    "series_name",
    "source_hash",
    "stacks_of",
]
