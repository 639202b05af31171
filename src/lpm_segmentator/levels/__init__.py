"""Where: the lumbar discs, from a model, a map of vertebrae, or as a user states them."""

from __future__ import annotations

from lpm_segmentator.levels.consistency import discs_apart_mm
from lpm_segmentator.levels.locate import Anchor, find_levels
from lpm_segmentator.levels.manual import corrected_levels, levels_from_anchors
from lpm_segmentator.levels.model import (
    LevelModel,
    embedded_level_model,
    level_model_files,
    load_level_model,
)
from lpm_segmentator.levels.planes import is_sagittal
from lpm_segmentator.levels.request import (
    APART_MM,
    GivenLevels,
    LevelRequest,
    Located,
    Series,
    locate_levels,
    stated_discs,
)
from lpm_segmentator.levels.stacks import DiscSlice, nearest_slices
from lpm_segmentator.levels.types import (
    DiscLocation,
    Levels,
    LevelSource,
    slice_range,
    to_slices,
)
from lpm_segmentator.levels.vertebrae import NUMBERINGS, levels_from_vertebrae

__all__ = [
    "APART_MM",
    "NUMBERINGS",
    "Anchor",
    "DiscLocation",
    "DiscSlice",
    "GivenLevels",
    "LevelModel",
    "LevelRequest",
    "LevelSource",
    "Levels",
    "Located",
    "Series",
    "corrected_levels",
    "discs_apart_mm",
    "embedded_level_model",
    "find_levels",
    "is_sagittal",
    "level_model_files",
    "levels_from_anchors",
    "levels_from_vertebrae",
    "load_level_model",
    "locate_levels",
    "nearest_slices",
    "slice_range",
    "stated_discs",
    "to_slices",
]
