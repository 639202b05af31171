"""Export: the ONNX model gives the output of the network that was trained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from lpm_segmentator.core import FileFormatError
from lpm_segmentator.train.export import (
    Softmax,
    export_onnx,
    read_description,
    read_onnx,
    write_description,
)
from lpm_segmentator.train.network import CompactUNet
from tiny_model import tiny_onnx


def test_onnx_gives_the_output_of_torch(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = CompactUNet((4, 8, 12)).eval()
    path = tmp_path / "model.onnx"
    model = Softmax(network)
    export_onnx(
        model, path, channels=3, multiple=4, outputs=("probability",), metadata={"name": "tiny"}
    )
    image = np.random.default_rng(0).normal(size=(3, 3, 40, 52)).astype(np.float32)
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    (predicted,) = session.run(None, {"image": image})
    with torch.no_grad():
        expected = network(torch.from_numpy(image)).softmax(1).numpy()
    np.testing.assert_allclose(predicted, expected, atol=1e-5)
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["lpm"]) == {"name": "tiny"}
    assert read_description(path) == {"name": "tiny"}
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]
    graph = read_onnx(path).graph
    write_description(path, {"name": "other"})
    assert read_description(path) == {"name": "other"}
    assert read_onnx(path).graph == graph
    assert b"train/network.py" not in path.read_bytes()  # no source paths of the exporting machine


def test_damaged_models_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"no model at all")
    with pytest.raises(FileFormatError, match="ONNX"):
        read_onnx(path)
    for description in ("{", "1"):
        path.write_bytes(tiny_onnx({"lpm": description}))
        with pytest.raises(FileFormatError, match="not a JSON object"):
            read_description(path)
    path.write_bytes(tiny_onnx({}))
    assert read_description(path) == {}
