"""From results to records: every number of a case as it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import numpy as np

from lpm_segmentator import __version__
from lpm_segmentator.core import Finding, KnownContrast
from lpm_segmentator.measure import Accuracy, CaseMeasures, fat_ratio_row, volume_row
from lpm_segmentator.measure.checks import Coverage
from lpm_segmentator.pipeline import CaseResult
from lpm_segmentator.study.record import (
    CaseRecord,
    CoverageRecord,
    ImageRecord,
    LevelsRecord,
    MaskRecord,
    QualityRecord,
    Row,
)

if TYPE_CHECKING:
    from lpm_segmentator.segment import Quality
    from lpm_segmentator.study.cases import CaseFiles
    from lpm_segmentator.study.options import RunOptions

__all__ = ["coverage_record", "image_record", "quality_record", "record_of", "rows_of"]


def record_of(
    result: CaseResult,
    *,
    files: CaseFiles,
    options: RunOptions,
    image: ImageRecord,
    mask: MaskRecord,
    levels: LevelsRecord | None,
    findings: tuple[Finding, ...],
    fingerprint: str,
) -> CaseRecord:
    """Return the record of a case.

    Parameters
    ----------
    result : CaseResult
    files : CaseFiles
    options : RunOptions
    image : ImageRecord
    mask : MaskRecord
    levels : LevelsRecord or None
    findings : tuple of Finding
    fingerprint : str
        Of the inputs, options, model and version.
    """
    measures, reference = result.measures, result.reference_measures
    return CaseRecord(
        case=files.case,
        version=__version__,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        fingerprint=fingerprint,
        inputs={role: str(path) for role, path in files.paths.items()},
        image=image,
        mask=mask,
        slices=result.slices,
        levels=levels,
        options=options.to_dict(),
        model=result.model.to_dict() if result.model else {},
        prediction=dict(result.details),
        coverage=coverage_record(result.coverage),
        asymmetry_formula=measures.asymmetry_formula,
        measures=rows_of(measures.rows),
        profile=rows_of(measures.profile),
        volumes=_volumes(files.case, measures, reference),
        fat_ratios=_fat_ratios(files.case, result),
        reference_measures=None if reference is None else rows_of(reference.rows),
        intensity=tuple(split.to_dict() for split in measures.splits),
        accuracy=None if result.accuracy is None else _defined(result.accuracy.wide()),
        accuracy_levels=_accuracy_rows(result.accuracy, "rows"),
        accuracy_slices=_accuracy_rows(result.accuracy, "slices"),
        quality=None if result.quality is None else quality_record(result.quality),
        findings=findings,
        seconds=dict(result.seconds),
        examination=files.examination,
    )


def image_record(result: CaseResult, contrast: KnownContrast) -> ImageRecord:
    """Return what is recorded of an image."""
    geometry = result.case.image.geometry
    return ImageRecord(
        shape=geometry.shape,
        spacing_mm=geometry.spacing_mm,
        axis_codes="".join(geometry.axis_codes),
        obliquity_deg=geometry.obliquity_deg,
        contrast=str(contrast.contrast),
        contrast_source=str(contrast.source),
        series_uid=result.case.source.uids.series,
    )


def coverage_record(coverage: Coverage) -> CoverageRecord:
    """Return what is recorded of the slices behind the volumes."""
    return CoverageRecord(
        slices=len(coverage.slices),
        spacing_mm=coverage.spacing_mm,
        covered_mm=coverage.covered_mm,
        gap_mm=None if np.isnan(coverage.gap_mm) else coverage.gap_mm,
    )


def _volumes(case: str, measures: CaseMeasures, reference: CaseMeasures | None) -> Row:
    known = None if reference is None else reference.volumes_ml
    return _defined(volume_row(case, measures.volumes_ml, known))


def _fat_ratios(case: str, result: CaseResult) -> Row | None:
    if result.case.pair is None:
        return None
    reference = result.reference_measures
    known = None if reference is None else reference.fat_ratios
    return _defined(fat_ratio_row(case, result.measures.fat_ratios, known))


def rows_of(rows: Sequence[Any]) -> tuple[Row, ...]:
    """Return rows of a table as they are recorded."""
    return tuple(_defined(row.to_dict()) for row in rows)


def _accuracy_rows(accuracy: Accuracy | None, name: str) -> tuple[Row, ...]:
    return () if accuracy is None else rows_of(getattr(accuracy, name))


def _defined(row: Any) -> Row:
    """Return a row in which undefined numbers are None."""
    return {
        key: None if isinstance(value, float) and not np.isfinite(value) else value
        for key, value in row.items()
    }


def quality_record(quality: Quality) -> QualityRecord:
    """Return what is recorded of the quality of a mask."""
    score, expected = (
        None if np.isnan(value) else value for value in (quality.score, quality.expected_dice)
    )
    return QualityRecord(
        score=score,
        slice_scores={str(index): value for index, value in quality.slice_scores.items()},
        expected_dice=expected,
        low_confidence_slices=quality.low_confidence_slices,
        minimum_expected_dice=quality.minimum_expected_dice,
    )
