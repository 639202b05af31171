"""The words of the project: volumes, label maps, geometry, muscles, errors."""

from __future__ import annotations

from lpm_segmentator.core.about import about
from lpm_segmentator.core.errors import (
    CasesFailedError,
    FileFormatError,
    GeometryError,
    InputError,
    LabelError,
    LpmError,
    MissingExtraError,
    ModelError,
    OutputError,
    PairingError,
    TableError,
)
from lpm_segmentator.core.geometry import Geometry, axis_codes, slice_axis, spacing_mm
from lpm_segmentator.core.labels import (
    LPM_SCHEME,
    Disc,
    LabelScheme,
    Muscle,
    Side,
    Structure,
)
from lpm_segmentator.core.transform import (
    CANONICAL,
    Crop,
    crop,
    crop_slices,
    reorient,
    resample,
    uncrop,
)
from lpm_segmentator.core.volume import DixonPair, LabelMap, Volume

__all__ = [
    "CANONICAL",
    "LPM_SCHEME",
    "CasesFailedError",
    "Crop",
    "Disc",
    "DixonPair",
    "FileFormatError",
    "Geometry",
    "GeometryError",
    "InputError",
    "LabelError",
    "LabelMap",
    "LabelScheme",
    "LpmError",
    "MissingExtraError",
    "ModelError",
    "Muscle",
    "OutputError",
    "PairingError",
    "Side",
    "Structure",
    "TableError",
    "Volume",
    "about",
    "axis_codes",
    "crop",
    "crop_slices",
    "reorient",
    "resample",
    "slice_axis",
    "spacing_mm",
    "uncrop",
]
