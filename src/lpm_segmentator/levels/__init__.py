"""Where: the lumbar discs, from a model, a map of vertebrae, or by hand."""

from __future__ import annotations

from lpm_segmentator.levels.apart import discs_apart_mm
from lpm_segmentator.levels.by_hand import corrected_levels, levels_from_slices
from lpm_segmentator.levels.locate import Anchor, find_levels
from lpm_segmentator.levels.model import LevelModel, embedded_level_model, load_level_model
from lpm_segmentator.levels.planes import is_sagittal
from lpm_segmentator.levels.types import DiscLocation, Levels, slice_range, to_slices
from lpm_segmentator.levels.vertebrae import NUMBERINGS, levels_from_vertebrae

__all__ = [
    "NUMBERINGS",
    "Anchor",
    "DiscLocation",
    "LevelModel",
    "Levels",
    "corrected_levels",
    "discs_apart_mm",
    "embedded_level_model",
    "find_levels",
    "is_sagittal",
    "levels_from_slices",
    "levels_from_vertebrae",
    "load_level_model",
    "slice_range",
    "to_slices",
]
