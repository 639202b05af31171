"""The words of the project: volumes, label maps, geometry, muscles, errors."""

from __future__ import annotations

from lpm_segmentator.core.about import about
from lpm_segmentator.core.boxes import bounding_box
from lpm_segmentator.core.contrast import Contrast, ContrastSource, KnownContrast
from lpm_segmentator.core.errors import (
    AgreementError,
    CasesFailedError,
    FileFormatError,
    GeometryError,
    InputError,
    LabelError,
    LpmError,
    MissingExtraError,
    ModelError,
    NoPairsError,
    OutputError,
    PairingError,
    RecordError,
    Remedy,
    TableError,
)
from lpm_segmentator.core.finding import Area, Finding, Severity
from lpm_segmentator.core.frames import AXIAL_FRAME, SAGITTAL_FRAME, axial_slices
from lpm_segmentator.core.geometry import Geometry, axis_codes, slice_axis, spacing_mm
from lpm_segmentator.core.labels import (
    LPM_SCHEME,
    Disc,
    LabelScheme,
    Muscle,
    Side,
    Structure,
)
from lpm_segmentator.core.numbering import (
    LPM_NUMBERING,
    NUMBERINGS,
    LabelNumbering,
    structure_named,
)
from lpm_segmentator.core.origin import (
    differ_by_lost_origin,
    has_lost_origin,
    is_moved_in_plane,
    pair_volumes,
    repair_origin,
    with_origin_of,
)
from lpm_segmentator.core.regions import (
    ALL_SLICES,
    Region,
    RegionKind,
    SliceLevels,
    single_slice,
    whole_stack,
)
from lpm_segmentator.core.source import DicomUids, Source
from lpm_segmentator.core.transform import (
    CANONICAL,
    Crop,
    crop,
    crop_slices,
    on_lattice,
    reorient,
    resample,
    uncrop,
)
from lpm_segmentator.core.volume import DixonPair, LabelMap, Volume

__all__ = [
    "ALL_SLICES",
    "AXIAL_FRAME",
    "CANONICAL",
    "LPM_NUMBERING",
    "LPM_SCHEME",
    "NUMBERINGS",
    "SAGITTAL_FRAME",
    "AgreementError",
    "Area",
    "CasesFailedError",
    "Contrast",
    "ContrastSource",
    "Crop",
    "DicomUids",
    "Disc",
    "DixonPair",
    "FileFormatError",
    "Finding",
    "Geometry",
    "GeometryError",
    "InputError",
    "KnownContrast",
    "LabelError",
    "LabelMap",
    "LabelNumbering",
    "LabelScheme",
    "LpmError",
    "MissingExtraError",
    "ModelError",
    "Muscle",
    "NoPairsError",
    "OutputError",
    "PairingError",
    "RecordError",
    "Region",
    "RegionKind",
    "Remedy",
    "Severity",
    "Side",
    "SliceLevels",
    "Source",
    "Structure",
    "TableError",
    "Volume",
    "about",
    "axial_slices",
    "axis_codes",
    "bounding_box",
    "crop",
    "crop_slices",
    "differ_by_lost_origin",
    "has_lost_origin",
    "is_moved_in_plane",
    "on_lattice",
    "pair_volumes",
    "reorient",
    "repair_origin",
    "resample",
    "single_slice",
    "slice_axis",
    "spacing_mm",
    "structure_named",
    "uncrop",
    "whole_stack",
    "with_origin_of",
]
