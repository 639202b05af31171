"""What goes into the pipeline and what comes out of it: the values of one case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from lpm_segmentator.core import (
    DixonPair,
    Finding,
    GeometryError,
    LabelMap,
    Remedy,
    Source,
    Volume,
)
from lpm_segmentator.levels import LevelRequest, Located
from lpm_segmentator.measure import Accuracy, CaseMeasures, IntensityFat
from lpm_segmentator.measure.checks import Coverage
from lpm_segmentator.segment import ModelInfo, Quality

__all__ = ["Case", "CaseResult", "MaskOrigin", "Segmented", "Settings"]

MaskOrigin = Literal["automatic", "edited", "imported"]
"""Who drew a mask: the model, a person who corrected the model's, or another tool or person."""


@dataclass(frozen=True)
class Settings:
    """What decides the result for a case, beside its images and the model.

    Attributes
    ----------
    keep_low_confidence : bool
        Whether a mask is kept whose expected Dice is below the model's minimum; such masks are
        discarded otherwise.
    intensity_fat : bool
        Whether to measure intensity-based fat on images that are no Dixon pair.
    postprocess : bool
        Whether to keep the largest component of each label only.
    """

    keep_low_confidence: bool = False
    intensity_fat: bool = True
    postprocess: bool = True


@dataclass(frozen=True, eq=False)
class Case:
    """What is known about a case before it is run.

    Attributes
    ----------
    name : str
    image : Volume
        The image that masks are drawn on; of a Dixon pair its water image.
    pair : DixonPair, optional
        For segmentation and the fat measures; on the image's grid.
    source : Source
        Where the image comes from.
    reference : LabelMap, optional
        Manual segmentation on the image's grid.
    slices : tuple of int, optional
        Half-open range along the slice axis, as the user stated it; it goes before the levels.
    levels : LevelRequest, optional
        Where the levels come from; without it no level is named.
    thickness_mm : float
        Slice thickness as the scanner reports it; nan if unknown.
    findings : tuple of Finding
        What is uncertain about the input, or was repaired in it.
    """

    name: str
    image: Volume
    pair: DixonPair | None = None
    source: Source = field(default_factory=Source)
    reference: LabelMap | None = None
    slices: tuple[int, int] | None = None
    levels: LevelRequest | None = None
    thickness_mm: float = float("nan")
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        others = {
            "Dixon pair": None if self.pair is None else self.pair.geometry,
            "reference": None if self.reference is None else self.reference.geometry,
        }
        for what, geometry in others.items():
            difference = geometry and self.image.geometry.describe_difference(geometry)
            if difference:
                raise GeometryError(
                    f"image and {what} lie on different grids: {difference}",
                    where=self.name,
                    hint="Both must come from the same scan. If one lost its origin in a "
                    f"conversion, pass {Remedy.ACCEPT_ORIGIN_MISMATCH}",
                    remedy=Remedy.ACCEPT_ORIGIN_MISMATCH,
                )


@dataclass(frozen=True, eq=False)
class Segmented:
    """The mask of a case.

    Attributes
    ----------
    labels : LabelMap
        On the whole grid of the image, zero outside the chosen slices.
    quality : Quality
    findings : tuple of Finding
    details : mapping of str to object
        What the model reports of its work.
    """

    labels: LabelMap
    quality: Quality
    findings: tuple[Finding, ...]
    details: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class CaseResult:
    """Everything that is known about a case after it was run.

    Attributes
    ----------
    case : Case
    mask : MaskOrigin
        Who drew the mask.
    labels : LabelMap
        On the whole grid of the image, zero outside the chosen slices.
    located : Located or None
        The levels; None where none were requested.
    slices : tuple of int or None
        Half-open range that was segmented and measured; None for all slices.
    measures : CaseMeasures
    reference_measures : CaseMeasures or None
        The same measures on the reference, over the same slices.
    intensity : IntensityFat or None
        Intensity-based fat, of an image that is no Dixon pair.
    accuracy : Accuracy or None
        Where there is a reference.
    quality : Quality or None
        None for a mask that no model drew.
    model : ModelInfo or None
        None for a mask that no model drew.
    details : mapping of str to object
        What the model reports of its work.
    coverage : Coverage
        The slices behind the volumes.
    findings : tuple of Finding
    seconds : mapping of str to float
        Time of each step.
    """

    case: Case
    mask: MaskOrigin
    labels: LabelMap
    located: Located | None
    slices: tuple[int, int] | None
    measures: CaseMeasures
    reference_measures: CaseMeasures | None
    intensity: IntensityFat | None
    accuracy: Accuracy | None
    quality: Quality | None
    model: ModelInfo | None
    details: Mapping[str, Any]
    coverage: Coverage
    findings: tuple[Finding, ...]
    seconds: Mapping[str, float]
