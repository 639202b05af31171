"""The embedded model: compact 2.5-D networks, run by onnxruntime on any machine.

==============  ===========================================================================
``network``     one ONNX file and its metadata
``slices``      slices of an image as the network takes them: orientation, scale, context
``grid``        between the image's in-plane grid and the network's
``boxes``       the part of a stack that is computed
``labelling``   from probabilities to labels on the image's grid
``predictor``   these steps in order, with one network or two
``files``       the embedded model, and models in ONNX files
==============  ===========================================================================
"""

from __future__ import annotations

from lpm_segmentator.segment.compact.files import (
    embedded_networks,
    embedded_predictor,
    load_compact,
)
from lpm_segmentator.segment.compact.network import CompactSpec
from lpm_segmentator.segment.compact.predictor import CompactPredictor
from lpm_segmentator.segment.compact.slices import context_slices, normalise

__all__ = [
    "CompactPredictor",
    "CompactSpec",
    "context_slices",
    "embedded_networks",
    "embedded_predictor",
    "load_compact",
    "normalise",
]
