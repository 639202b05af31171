"""From a trained network to an ONNX file that carries its own description."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from pathlib import Path

    from .network import CompactUNet


class _WithSoftmax(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        probabilities: torch.Tensor = self.network(image).softmax(1)
        return probabilities


def export_onnx(
    network: CompactUNet, path: Path, *, context: int, metadata: dict[str, Any]
) -> None:
    """Write a network as ONNX: input ``image`` (n, c, h, w), output ``probability`` (n, 5, h, w).

    Batch, rows and columns are free; softmax is part of the model. The file is written to a
    temporary name and renamed.

    Parameters
    ----------
    network : CompactUNet
        On any device; exported in evaluation mode on the CPU.
    path : Path
        The file to write.
    context : int
        Neighbouring slices on either side.
    metadata : dict
        Stored as JSON under the key ``lpm``.
    """
    import onnx

    model = _WithSoftmax(network).cpu().eval()
    example = torch.zeros(2, 2 * context + 1, 64, 96)
    temporary = path.with_name(path.name + ".tmp")
    axes = {0: "n", 2: "h", 3: "w"}
    torch.onnx.export(
        model,
        (example,),
        str(temporary),
        input_names=["image"],
        output_names=["probability"],
        dynamic_axes={"image": axes, "probability": axes},
        opset_version=17,
        dynamo=False,
    )
    graph = onnx.load(str(temporary))
    entry = graph.metadata_props.add()
    entry.key, entry.value = "lpm", json.dumps(metadata, sort_keys=True)
    onnx.checker.check_model(graph)
    onnx.save(graph, str(temporary))
    temporary.replace(path)
