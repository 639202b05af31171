"""What: from an image to a label map."""

from __future__ import annotations

from lpm_segmentator.segment.compact import CompactPredictor, embedded_predictor, load_compact
from lpm_segmentator.segment.decision_boundary import (
    TIGHT_BOUNDARY,
    WIDE_BOUNDARY,
    DecisionBoundary,
)
from lpm_segmentator.segment.postprocess import CleanResult, Connectivity, keep_largest
from lpm_segmentator.segment.predictor import Mode, ModelInfo, Prediction, Predictor, water_image
from lpm_segmentator.segment.quality import Quality, assess

__all__ = [
    "TIGHT_BOUNDARY",
    "WIDE_BOUNDARY",
    "CleanResult",
    "CompactPredictor",
    "Connectivity",
    "DecisionBoundary",
    "Mode",
    "ModelInfo",
    "Prediction",
    "Predictor",
    "Quality",
    "assess",
    "embedded_predictor",
    "keep_largest",
    "load_compact",
    "water_image",
]
