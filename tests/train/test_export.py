"""Export: the ONNX model gives the output of the network that was trained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from lpm_segmentator.train.export import Softmax, export_onnx
from lpm_segmentator.train.network import CompactUNet


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
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]
    assert b"train/network.py" not in path.read_bytes()  # no source paths of the exporting machine
