"""The files of the embedded model: networks of 8 bits, and those that they were made from."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from lpm_segmentator.core import crop_slices
from lpm_segmentator.io import read_image
from lpm_segmentator.samples.real import real_sample
from lpm_segmentator.segment import CompactPredictor, embedded_predictor
from lpm_segmentator.segment.compact import embedded_networks
from lpm_segmentator.segment.compact.files import QUANTISED


def test_the_networks_of_8_bits_are_made_from_those_in_single_precision() -> None:
    onnx = pytest.importorskip("onnx")
    folder = resources.files("lpm_segmentator.segment.compact") / "weights"
    for source, target in QUANTISED.items():
        model = onnx.load_from_string((folder / target).read_bytes())
        described = json.loads({e.key: e.value for e in model.metadata_props}["lpm"])
        expected = hashlib.sha256((folder / source).read_bytes()).hexdigest()
        assert described["quantised_from"] == expected


def test_8_bits_give_nearly_the_same_masks(tmp_path: Path) -> None:
    first, second = embedded_networks()
    exact = CompactPredictor(first, second=second)
    image = crop_slices(read_image(real_sample(tmp_path).water).volume, 10, 15)[0]
    masks = [p.predict(image).labels.array for p in (exact, embedded_predictor())]
    for value in range(1, 5):
        one, other = (mask == value for mask in masks)
        assert 2 * np.sum(one & other) / (one.sum() + other.sum()) > 0.99
