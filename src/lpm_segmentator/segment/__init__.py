"""What: from an image to a label map."""

from __future__ import annotations

from lpm_segmentator.segment.clean import CleanResult, Connectivity, keep_largest
from lpm_segmentator.segment.compact import CompactPredictor, embedded_predictor, load_compact
from lpm_segmentator.segment.outline import DIXON, SINGLE, Outline
from lpm_segmentator.segment.predictor import DixonPredictor, ModelInfo, Prediction, Predictor
from lpm_segmentator.segment.quality import Quality, assess

__all__ = [
    "DIXON",
    "SINGLE",
    "CleanResult",
    "CompactPredictor",
    "Connectivity",
    "DixonPredictor",
    "ModelInfo",
    "Outline",
    "Prediction",
    "Predictor",
    "Quality",
    "assess",
    "embedded_predictor",
    "keep_largest",
    "load_compact",
]
