"""What is in an export, and what would be done with it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lpm_segmentator.io.dicom import Skipped, scan
from lpm_segmentator.study.dicom.describe import Described
from lpm_segmentator.study.dicom.examinations import Examination, examinations

__all__ = ["ExaminationSummary", "ExportSummary", "SeriesSummary", "summarise"]


@dataclass(frozen=True)
class SeriesSummary:
    """A stack of a series.

    Attributes
    ----------
    uid : str
        Series instance UID.
    number : int or None
    description, plane, contrast : str
    evidence : str
        What the contrast is known from.
    fat_suppressed : bool
    body_part : str
    slices : int
    extent_mm : float or None
        Length that the slices cover.
    use : str
        ``"water"``, ``"fat"``, ``"image"``, ``"stack 1"`` and so on, or ``"levels"``; empty if it
        is not used.
    case : int or None
        Number of the case within the examination, from 1.
    reason : str
        Why it is used, or why it is not.
    """

    uid: str
    number: int | None
    description: str
    plane: str
    contrast: str
    evidence: str
    fat_suppressed: bool
    body_part: str
    slices: int
    extent_mm: float | None
    use: str
    case: int | None
    reason: str


@dataclass(frozen=True)
class ExaminationSummary:
    """An examination.

    Attributes
    ----------
    patient, number : int
        Counted from 1: patients, and examinations of the patient.
    uid : str
        Study instance UID.
    scanner : str
    series : tuple of SeriesSummary
    """

    patient: int
    number: int
    uid: str
    scanner: str
    series: tuple[SeriesSummary, ...]


@dataclass(frozen=True)
class ExportSummary:
    """An export.

    Attributes
    ----------
    examinations : tuple of ExaminationSummary
    skipped : tuple of Skipped
        Files that were left out.
    n_files : int
    """

    examinations: tuple[ExaminationSummary, ...]
    skipped: tuple[Skipped, ...]
    n_files: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def summarise(
    inputs: Sequence[str | os.PathLike[str]],
    series: Sequence[str] = (),
    *,
    cache: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> ExportSummary:
    """Read the headers of an export and say what is in it.

    Parameters
    ----------
    inputs : sequence of path-like
    series : sequence of str
        Series that the user would name.
    cache, progress
        As of `lpm_segmentator.io.dicom.scan`.

    Raises
    ------
    LpmError
        If an input does not exist or no series is the one named.
    """
    found = scan(inputs, cache=cache, progress=progress)
    patients: dict[str, int] = {}
    numbers: dict[int, int] = {}
    summaries = []
    for exam in examinations(found, series):
        patient = patients.setdefault(exam.patient or exam.study, len(patients) + 1)
        numbers[patient] = numbers.get(patient, 0) + 1
        summaries.append(_examination(exam, patient, numbers[patient]))
    return ExportSummary(tuple(summaries), found.skipped, found.n_files)


def _examination(exam: Examination, patient: int, number: int) -> ExaminationSummary:
    tags = exam.tags
    field = "" if math.isnan(tags.field_t) else f"{tags.field_t:g} T"
    scanner = " ".join(filter(None, (tags.manufacturer, tags.model, field)))
    rows = [_row(image, "", None, reason) for image, reason in exam.choice.others]
    for case, candidate in enumerate(exam.choice.chosen, start=1):
        reason = "; ".join(candidate.reasons)
        rows += [
            _row(image, role.replace("-", " "), case, reason)
            for role, image in candidate.roles.items()
        ]
    if exam.choice.sagittal is not None:
        rows.append(_row(exam.choice.sagittal, "levels", None, "locates the discs"))
    rows.sort(key=lambda row: (row.number or 0, row.uid))
    return ExaminationSummary(patient, number, exam.study, scanner, tuple(rows))


def _row(image: Described, use: str, case: int | None, reason: str) -> SeriesSummary:
    tags = image.tags
    extent = image.extent_mm
    return SeriesSummary(
        uid=tags.series,
        number=tags.number,
        description=tags.description,
        plane=image.plane,
        contrast=str(image.contrast),
        evidence=image.evidence,
        fat_suppressed=image.fat_suppressed,
        body_part=image.body_part,
        slices=image.n_slices,
        extent_mm=None if math.isnan(extent) else round(extent, 1),
        use=use,
        case=case,
        reason=reason,
    )
