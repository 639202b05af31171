"""Enhanced DICOM files: all slices in one file, also those of several images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.tag import Tag

import dicom_parts as parts
from dicom_dialects import Dialect, Scaling

#: what enhanced files state in functional groups
_IN_GROUPS = {"RepetitionTime", "EchoTime", "FlipAngle", "SliceThickness", "SpacingBetweenSlices",
              "ScanningSequence", "SequenceVariant", "SequenceName", "EchoNumbers"}  # fmt: skip
Image = tuple[np.ndarray, Sequence[Scaling]]


def write_enhanced(
    path: Path,
    base: Dataset,
    images: Mapping[str, Image],
    affine: np.ndarray,
    choices: parts.Choices,
) -> Path:
    """Write one file with the frames of one image or several, each with its scaling."""
    data, dialect, tags = parts.copy(base), choices.dialect, choices.tags
    if len(images) > 1:
        data.ImageType = ["ORIGINAL", "PRIMARY", "T1", "MIXED"]
    frames, pixels = [], []
    depth = next(iter(images.values()))[0].shape[2]
    for (number, (kind, (array, scalings))), k in product(enumerate(images.items()), range(depth)):
        classic = Dataset()
        parts.place(classic, array, affine, k)
        pixels.append(parts.stored(array[:, :, k], scalings[k]))
        echo = float(tags.get("EchoTime", dialect.echo_ms.get(kind, 80.0)))
        frames.append(_frame(classic, dialect, kind, scalings[k], echo))
        content = frames[-1].FrameContentSequence[0]
        content.InStackPositionNumber = k + 1
        content.DimensionIndexValues = [1, k + 1, number + 1]
        data.Rows, data.Columns = classic.Rows, classic.Columns
    parts.store(data, pixels, signed=False)
    data.NumberOfFrames = len(frames)
    data.SharedFunctionalGroupsSequence = [_shared(data, tags)]
    data.PerFrameFunctionalGroupsSequence = frames
    for name in _IN_GROUPS:
        if name in data:
            delattr(data, name)
    _dimensions(data)
    return parts.finish(data, path, choices.of_frames(_IN_GROUPS))


def _shared(data: Dataset, tags: Mapping[str, object]) -> Dataset:
    timing = Dataset()
    timing.RepetitionTime = tags.get("RepetitionTime", data.RepetitionTime)
    timing.FlipAngle = tags.get("FlipAngle", data.FlipAngle)
    return parts.item(MRTimingAndRelatedParametersSequence=timing)


def _frame(classic: Dataset, dialect: Dialect, kind: str, scaling: Scaling, echo: float) -> Dataset:
    measures, values = Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = classic.PixelSpacing, classic.SliceThickness
    values.RescaleIntercept, values.RescaleSlope = map(
        parts.decimal, (scaling.intercept, scaling.slope)
    )
    values.RescaleType = "US"
    frame = parts.item(
        FrameContentSequence=parts.dataset(StackID="1", TemporalPositionIndex=1),
        MREchoSequence=parts.dataset(EffectiveEchoTime=float(echo)),
        MRImageFrameTypeSequence=parts.dataset(FrameType=list(dialect.type_of(kind))),
        PlanePositionSequence=parts.dataset(ImagePositionPatient=classic.ImagePositionPatient),
        PlaneOrientationSequence=parts.dataset(
            ImageOrientationPatient=classic.ImageOrientationPatient
        ),
        PixelMeasuresSequence=measures,
        PixelValueTransformationSequence=values,
    )
    if kind in dialect.private_type:
        inner = parts.private(0x0021, "SIEMENS MR SDI 02")
        classic_type = ["DERIVED", "PRIMARY", *dialect.private_type[kind]]
        inner.add_new(0x00211175, "CS", classic_type)
        frame.update(parts.private(0x0021, "SIEMENS MR SDI 02"))
        frame.add_new(0x002111FE, "SQ", [inner])
    if scaling.scale_slope:
        inner = parts.private(0x2005, "Philips MR Imaging DD 001")
        # Philips repeats a classic header there, with other positions.
        inner.ImagePositionPatient = ["-1", "-2", "-3"]
        parts.scale(inner, inner, scaling)
        frame.add_new(0x20050014, "LO", "Philips MR Imaging DD 005")
        frame.add_new(0x2005140F, "SQ", [inner])
    return frame


def _dimensions(data: Dataset) -> None:
    """State what the frames are sorted by: stack, position, kind."""
    organisation = parts.uid("dimensions", data.SeriesInstanceUID)
    data.DimensionOrganizationSequence = [parts.dataset(DimensionOrganizationUID=organisation)]
    groups = {0x00209056: 0x00209111, 0x00209057: 0x00209111, 0x00089007: 0x00189226}
    data.DimensionIndexSequence = [
        parts.dataset(
            DimensionOrganizationUID=organisation,
            DimensionIndexPointer=Tag(pointer),
            FunctionalGroupPointer=Tag(group),
        )
        for pointer, group in groups.items()
    ]
