"""Which weights: resolve, install, download and describe models."""

from __future__ import annotations

from lpm_segmentator.models.convert import convert_model
from lpm_segmentator.models.installed import InstalledModel
from lpm_segmentator.models.resolve import (
    compact_networks,
    describe_model,
    list_models,
    load_predictor,
)
from lpm_segmentator.models.store import EMBEDDED, ModelStore
from lpm_segmentator.segment import Mode

__all__ = [
    "EMBEDDED",
    "InstalledModel",
    "Mode",
    "ModelStore",
    "compact_networks",
    "convert_model",
    "describe_model",
    "list_models",
    "load_predictor",
]
