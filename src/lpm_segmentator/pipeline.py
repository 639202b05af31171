"""The way of one case: crop, segment, clean, measure, judge.

::

    Volume ─▶ crop to the levels ─▶ segment ─▶ clean ─▶ uncrop ─▶ measure ─▶ compare ─▶ judge

Values in, values out: no paths, no files, no framework.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lpm_segmentator.core import (
    DixonPair,
    GeometryError,
    LabelMap,
    MissingExtraError,
    Volume,
    crop_slices,
    uncrop,
)
from lpm_segmentator.measure import (
    Accuracy,
    CaseMeasures,
    IntensityFat,
    SliceLevels,
    compare_label_maps,
    intensity_fat,
    measure_case,
)
from lpm_segmentator.segment import (
    DixonPredictor,
    ModelInfo,
    Predictor,
    Quality,
    assess,
    keep_largest,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Case", "CaseResult", "Segmented", "brightness_of", "run_case", "segment_case"]


@dataclass(frozen=True, eq=False)
class Case:
    """What is known about a case before it is run.

    Attributes
    ----------
    name : str
    image : Volume
        What the model sees; for a Dixon pair its water image, and the fat image too where the model
        takes both.
    pair : DixonPair, optional
        For the fat measures; on the image's grid.
    dixon : bool
        Whether the image, though alone, is of a Dixon pair: such images are outlined otherwise.
    reference : LabelMap, optional
        Manual segmentation on the image's grid.
    slices : tuple of int, optional
        Half-open range along the slice axis to segment and measure; all if not given.
    levels : SliceLevels, optional
        Which slice shows which disc.
    notes : tuple of str
        What was doubtful about the input or repaired in it, for the record.
    """

    name: str
    image: Volume
    pair: DixonPair | None = None
    dixon: bool = False
    reference: LabelMap | None = None
    slices: tuple[int, int] | None = None
    levels: SliceLevels | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        others = {
            "Dixon pair": None if self.pair is None else self.pair.geometry,
            "reference": None if self.reference is None else self.reference.geometry,
        }
        for what, geometry in others.items():
            if geometry is None:
                continue
            difference = self.image.geometry.describe_difference(geometry)
            if difference is not None:
                raise GeometryError(
                    f"image and {what} lie on different grids: {difference}",
                    where=self.name,
                    hint="Both must come from the same scan; if one lost its origin in a "
                    "conversion, add --accept-origin-mismatch",
                )


@dataclass(frozen=True, eq=False)
class Segmented:
    """The mask of a case.

    Attributes
    ----------
    labels : LabelMap
        Cleaned, on the whole grid of the image, zero outside the chosen slices.
    quality : Quality
    warnings : tuple of str
    details : mapping of str to object
        What the model tells of its work.
    """

    labels: LabelMap
    quality: Quality
    warnings: tuple[str, ...]
    details: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class CaseResult:
    """Everything found out about a case.

    Attributes
    ----------
    case : Case
    labels : LabelMap
        On the whole grid of the image, zero outside the chosen slices.
    measures : CaseMeasures
    reference_measures : CaseMeasures or None
        The same measures on the reference, over the same slices.
    brightness : IntensityFat or None
        Fat by brightness, of an image that is no Dixon pair.
    accuracy : Accuracy or None
        Where there is a reference.
    quality : Quality
    model : ModelInfo
    details : mapping of str to object
        What the model tells of its work.
    warnings : tuple of str
    notes : tuple of str
        What could not be done, for the record.
    seconds : mapping of str to float
        Time of each step.
    """

    case: Case
    labels: LabelMap
    measures: CaseMeasures
    reference_measures: CaseMeasures | None
    brightness: IntensityFat | None
    accuracy: Accuracy | None
    quality: Quality
    model: ModelInfo
    details: Mapping[str, Any]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    seconds: Mapping[str, float]


def segment_case(case: Case, predictor: Predictor, *, keep_doubtful: bool = False) -> Segmented:
    """Return the cleaned mask of a case on its whole grid.

    Parameters
    ----------
    case : Case
    predictor : Predictor
    keep_doubtful : bool
        Keep a mask that hardly is one of a lumbar back; it is emptied otherwise.

    Raises
    ------
    GeometryError
        If the slices lie outside the image or are not axial.
    ModelError
        If the model cannot be run on the image.
    """
    start, stop = case.slices or (0, case.image.shape[case.image.slice_axis])
    part, box = crop_slices(case.image, start, stop)
    if isinstance(predictor, DixonPredictor) and (case.dixon or case.pair is not None):
        fat = [] if case.pair is None else [crop_slices(case.pair.fat, start, stop)[0]]
        prediction = predictor.predict_dixon(part, *fat)
    else:
        prediction = predictor.predict(part)
    cleaned = keep_largest(prediction.labels)
    quality = assess(
        cleaned.labels, prediction, removed_share=cleaned.removed_share, first_slice=start
    )
    labels, warnings = cleaned.labels, prediction.warnings
    if not quality.plausible:
        warnings = (*warnings, _doubt(quality, kept=keep_doubtful))
        if not keep_doubtful:
            labels = labels.with_array(np.zeros_like(labels.array))
    return Segmented(uncrop(labels, box), quality, warnings, prediction.details)


def _doubt(quality: Quality, *, kept: bool) -> str:
    what = (
        "this does not look like an axial image of the lumbar back: the model expects a Dice of "
        f"{quality.expected_dice:.2f} of its own mask"
    )
    if kept:
        return f"{what}; the mask was kept as asked"
    return (
        f"{what}, which was emptied. If the image is right, look at the mask with --keep-doubtful"
    )


def brightness_of(case: Case, labels: LabelMap) -> tuple[IntensityFat | None, tuple[str, ...]]:
    """Return the fat by brightness of a case without a Dixon pair, and what there is to say.

    Without the packages that it needs there is none, and the note says what to install.
    """
    if case.pair is not None:
        return None, ()
    try:
        return intensity_fat(case.image, labels), ()
    except MissingExtraError as error:
        return None, (f"fat by brightness was not measured: {error}",)


def run_case(
    case: Case, predictor: Predictor, *, keep_doubtful: bool = False, by_brightness: bool = True
) -> CaseResult:
    """Run the whole way for one case.

    Parameters
    ----------
    case : Case
    predictor : Predictor
    keep_doubtful : bool
        As in :func:`segment_case`.
    by_brightness : bool
        Whether to measure fat by brightness where there is no Dixon pair.

    Raises
    ------
    GeometryError
        If the slices lie outside the image or are not axial.
    ModelError
        If the model cannot be run on the image.
    """
    clock = _Clock()
    segmented = segment_case(case, predictor, keep_doubtful=keep_doubtful)
    labels, quality = segmented.labels, segmented.quality
    clock.lap("segment")
    brightness, notes = brightness_of(case, labels) if by_brightness else (None, ())
    clock.lap("brightness")

    def measured(mask: LabelMap) -> CaseMeasures:
        # Both masks are measured on one map of fat: the difference is the outlines' alone.
        return measure_case(
            mask, case=case.name, pair=case.pair, brightness=brightness, levels=case.levels
        )

    measures = measured(labels)
    reference = _same_slices(case)
    known = None
    accuracy = None
    if reference is not None:
        known = measured(reference)
        accuracy = compare_label_maps(
            reference, labels, case=case.name, levels=case.levels, pair=case.pair
        )
    clock.lap("measure")
    return CaseResult(
        case=case,
        labels=labels,
        measures=measures,
        reference_measures=known,
        brightness=brightness,
        accuracy=accuracy,
        quality=quality,
        model=predictor.info,
        details=segmented.details,
        warnings=tuple(dict.fromkeys((*segmented.warnings, *quality.flags, *measures.warnings))),
        notes=notes,
        seconds=clock.laps,
    )


def _same_slices(case: Case) -> LabelMap | None:
    """Return the reference without what lies outside the chosen slices."""
    if case.reference is None or case.slices is None:
        return case.reference
    return uncrop(*crop_slices(case.reference, *case.slices))


class _Clock:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round(now - self._last, 3)
        self._last = now
