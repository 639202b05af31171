"""Cases in DICOM exports: examinations, the choice of series, names, import as NIfTI.

``describe.py`` says what a stack shows, ``pairs.py`` pairs water and fat images, ``choose.py``
chooses what is segmented and states why; ``names.py`` gives pseudonyms; ``source.py`` writes the
chosen images as NIfTI when a case is run.
"""

from __future__ import annotations

from lpm_segmentator.study.dicom.cases import DicomOptions, discover_dicom, scan_cache
from lpm_segmentator.study.dicom.names import CaseFrom
from lpm_segmentator.study.dicom.summary import (
    ExaminationSummary,
    ExportSummary,
    SeriesSummary,
    summarise,
)

__all__ = [
    "CaseFrom",
    "DicomOptions",
    "ExaminationSummary",
    "ExportSummary",
    "SeriesSummary",
    "discover_dicom",
    "scan_cache",
    "summarise",
]
