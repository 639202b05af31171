"""One case from images to numbers: the product in one file.

::

    locate ─▶ crop ─▶ segment ─▶ postprocess ─▶ measure ─▶ compare ─▶ judge
                                                   ▲
                             labels ───────────────┘   (measure_labels: masks that exist)

Values in, values out: no paths, no files, no framework.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from lpm_segmentator.case import Case, CaseResult, MaskOrigin, Segmented, Settings
from lpm_segmentator.core import (
    Area,
    DixonPair,
    Finding,
    GeometryError,
    LabelMap,
    MissingExtraError,
    Remedy,
    Severity,
    SliceLevels,
    crop_slices,
    uncrop,
)
from lpm_segmentator.levels import Located, locate_levels
from lpm_segmentator.measure import (
    Accuracy,
    CaseMeasures,
    IntensityFat,
    compare_label_maps,
    intensity_fat,
    measure_case,
)
from lpm_segmentator.measure.checks import LabelChecks, check_labels, slices_without_signal
from lpm_segmentator.measure.checks.words import name_slices
from lpm_segmentator.segment import Predictor, Quality, assess, keep_largest

__all__ = [
    "Case",
    "CaseResult",
    "MaskOrigin",
    "Segmented",
    "Settings",
    "intensity_of",
    "locate",
    "measure_labels",
    "run_case",
    "segment_case",
]

T = TypeVar("T")
_Measured = tuple[LabelChecks, CaseMeasures]


def run_case(case: Case, predictor: Predictor, settings: Settings | None = None) -> CaseResult:
    """Locate, segment, measure and judge one case.

    Parameters
    ----------
    case : Case
    predictor : Predictor
    settings : Settings, optional

    Raises
    ------
    GeometryError
        If the slices lie outside the image or are not axial, or levels do not fit the image.
    InputError
        If levels were requested of a certain source and are not there.
    ModelError
        If the model cannot be run on the image.
    """
    settings = settings or Settings()
    clock = _Clock()
    located = clock.time("levels", lambda: locate(case))
    placed = _with_slices(case, located)
    segmented = clock.time("segment", lambda: segment_case(placed, predictor, settings))
    result = _measured(placed, located, segmented.labels, settings, clock)
    return replace(
        result,
        quality=segmented.quality,
        model=predictor.info,
        details=segmented.details,
        findings=_distinct(
            (*_input_findings(case, located), *segmented.findings, *result.findings)
        ),
        seconds=clock.seconds,
    )


def measure_labels(
    case: Case,
    labels: LabelMap,
    mask: MaskOrigin,
    settings: Settings | None = None,
    *,
    expected: LabelMap | None = None,
) -> CaseResult:
    """Measure, compare and judge a mask that is already there.

    Parameters
    ----------
    case : Case
        Its slices, if any, limit what is measured.
    labels : LabelMap
        On the image's grid.
    mask : {'edited', 'imported'}
        Who drew it.
    settings : Settings, optional
    expected : LabelMap, optional
        A model's mask of the same image, which shows whether the given one is mirrored or turned.

    Raises
    ------
    GeometryError
        If the mask lies on another grid, or the slices or levels do not fit the image.
    InputError
        If levels were requested of a certain source and are not there.
    """
    settings = settings or Settings()
    difference = case.image.geometry.describe_difference(labels.geometry)
    if difference:
        raise GeometryError(
            f"image and mask lie on different grids: {difference}",
            where=case.name,
            hint=f"Bring the mask to the image's grid: pass {Remedy.RESAMPLE}",
            remedy=Remedy.RESAMPLE,
        )
    clock = _Clock()
    located = clock.time("levels", lambda: locate(case))
    placed = _with_slices(case, located)
    result = _measured(
        placed, located, _only(labels, placed.slices), settings, clock, expected=expected
    )
    empty = () if result.labels.foreground.any() else (_no_muscle("in the mask"),)
    return replace(
        result,
        mask=mask,
        findings=_distinct((*_input_findings(case, located), *empty, *result.findings)),
        seconds=clock.seconds,
    )


def locate(case: Case) -> Located | None:
    """Return the levels of a case; None where none were requested.

    Raises
    ------
    GeometryError, InputError
        As `lpm_segmentator.levels.locate_levels`.
    """
    if case.levels is None:
        return None
    return locate_levels(case.image, case.source, case.levels, choose_slices=case.slices is None)


def segment_case(case: Case, predictor: Predictor, settings: Settings | None = None) -> Segmented:
    """Return the mask of a case on its whole grid.

    Parameters
    ----------
    case : Case
    predictor : Predictor
    settings : Settings, optional

    Raises
    ------
    GeometryError
        If the slices lie outside the image or are not axial.
    ModelError
        If the model cannot be run on the image.
    """
    settings = settings or Settings()
    start, stop = case.slices or (0, case.image.shape[case.image.slice_axis])
    image, box = crop_slices(case.image, start, stop)
    pair = case.pair and DixonPair(image, crop_slices(case.pair.fat, start, stop)[0])
    prediction = predictor.predict(pair or image)
    labels, removed_share = prediction.labels, 0.0
    if settings.postprocess:
        processed = keep_largest(labels)
        labels, removed_share = processed.labels, processed.removed_share
    dark = slices_without_signal(image)
    labels = _without_slices(labels, dark)
    quality = assess(labels, prediction, removed_share=removed_share, first_slice=start)
    findings = [] if not dark else [_no_signal([index + start for index in dark])]
    if not labels.foreground.any():
        findings.append(_no_muscle("detected"))
    elif not quality.plausible and not settings.keep_low_confidence:
        # What is wrong with the mask in particular does not matter any more.
        findings.append(_low_confidence(quality, kept=False))
        labels = labels.with_array(np.zeros_like(labels.array))
    else:
        findings += [_check(Area.SEGMENTATION, "model", text) for text in prediction.warnings]
        findings += [_note(Area.SEGMENTATION, "model", text) for text in prediction.notes]
        findings += [_check(Area.SEGMENTATION, "shape", text) for text in quality.flags]
        if not quality.plausible:
            findings.append(_low_confidence(quality, kept=True))
    return Segmented(uncrop(labels, box), quality, tuple(findings), prediction.details)


def _no_muscle(what: str) -> Finding:
    message = (
        f"no erector spinae or multifidus {what}; the image may not be an axial image of the "
        "lumbar back"
    )
    return Finding(Area.SEGMENTATION, Severity.FAIL, "no-muscle", message)


def _without_slices(labels: LabelMap, slices: Sequence[int]) -> LabelMap:
    """Return a label map that is empty in some slices."""
    if not slices:
        return labels
    array = np.moveaxis(labels.array.copy(), labels.slice_axis, 0)
    array[list(slices)] = 0
    return labels.with_array(np.moveaxis(array, 0, labels.slice_axis))


def _no_signal(slices: Sequence[int]) -> Finding:
    message = (
        f"the image is empty in {name_slices(slices)}: no muscle was segmented there, and volumes "
        "lack these slices"
    )
    return _check(Area.INPUT, "empty-slices", message)


def _low_confidence(quality: Quality, *, kept: bool) -> Finding:
    doubt = (
        f"expected Dice {quality.expected_dice:.2f} is below {quality.minimum_expected_dice:.2f}; "
        "the image may not be an axial image of the lumbar back"
    )
    if kept:
        message = f"low-confidence mask, kept as requested: {doubt}"
        return Finding(Area.SEGMENTATION, Severity.CHECK, "low-confidence", message)
    return Finding(
        Area.SEGMENTATION,
        Severity.FAIL,
        "low-confidence",
        f"the mask was discarded: {doubt}. To inspect it, keep low-confidence masks",
        Remedy.KEEP_LOW_CONFIDENCE,
    )


def _with_slices(case: Case, located: Located | None) -> Case:
    """Return the case with the range of its levels, unless the user stated one."""
    if case.slices is not None or located is None:
        return case
    return replace(case, slices=located.slices)


def _measured(
    case: Case,
    located: Located | None,
    labels: LabelMap,
    settings: Settings,
    clock: _Clock,
    *,
    expected: LabelMap | None = None,
) -> CaseResult:
    """Measure a mask and compare it with the reference, if there is one."""
    intensity, findings = clock.time(
        "intensity", lambda: intensity_of(case, labels, requested=settings.intensity_fat)
    )
    levels = None if located is None else located.slice_levels
    reference = case.reference and _only(case.reference, case.slices)

    def measured(mask: LabelMap, other: LabelMap | None, name: str) -> _Measured:
        checks = check_labels(
            mask, case.image, expected=other, thickness_mm=case.thickness_mm, name=name
        )
        # Both masks are measured on one map of fat, so that only the masks differ.
        measures = measure_case(
            mask,
            case=case.name,
            pair=case.pair,
            intensity=intensity,
            levels=levels,
            cut_off=checks.cut_off,
        )
        return checks, measures

    (checks, measures), of_reference, accuracy = clock.time(
        "measure",
        lambda: (
            measured(labels, expected, "mask"),
            None if reference is None else measured(reference, labels, "reference"),
            None if reference is None else _compared(case, reference, labels, levels),
        ),
    )
    more = () if of_reference is None else of_reference[0].findings
    return CaseResult(
        case=case,
        mask="automatic",
        labels=labels,
        located=located,
        slices=case.slices,
        measures=measures,
        reference_measures=None if of_reference is None else of_reference[1],
        intensity=intensity,
        accuracy=accuracy,
        quality=None,
        model=None,
        details={},
        coverage=checks.coverage,
        findings=(*checks.findings, *more, *findings, *measures.findings)
        if labels.foreground.any()
        else (),  # of an empty mask there is nothing else to say
        seconds={},
    )


def _compared(
    case: Case, reference: LabelMap, labels: LabelMap, levels: SliceLevels | None
) -> Accuracy:
    return compare_label_maps(reference, labels, case=case.name, levels=levels, pair=case.pair)


def intensity_of(
    case: Case, labels: LabelMap, *, requested: bool = True
) -> tuple[IntensityFat | None, tuple[Finding, ...]]:
    """Return the intensity-based fat of a case without a Dixon pair, and what there is to say.

    Without the packages that it needs there is none, and a note states what to install.
    """
    if case.pair is not None or not requested:
        return None, ()
    try:
        return intensity_fat(case.image, labels), ()
    except MissingExtraError as error:
        message = f"intensity-based fat was not measured: {error}"
        return None, (Finding(Area.FAT, Severity.NOTE, "missing-extra", message),)


def _only(labels: LabelMap, slices: tuple[int, int] | None) -> LabelMap:
    """Return a label map without what lies outside a range of slices."""
    return labels if slices is None else uncrop(*crop_slices(labels, *slices))


def _input_findings(case: Case, located: Located | None) -> tuple[Finding, ...]:
    return (*case.findings, *(located.findings if located else ()))


def _check(area: Area, code: str, message: str) -> Finding:
    return Finding(area, Severity.CHECK, code, message)


def _note(area: Area, code: str, message: str) -> Finding:
    return Finding(area, Severity.NOTE, code, message)


def _distinct(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return the findings, each message once."""
    return tuple({finding.message: finding for finding in reversed(findings)}.values())[::-1]


class _Clock:
    """Seconds of each step, as they are timed."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def time(self, name: str, step: Callable[[], T]) -> T:
        began = time.perf_counter()
        result = step()
        self.seconds[name] = round(time.perf_counter() - began, 3)
        return result
