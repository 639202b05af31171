"""From a trained network to an ONNX file that carries its own description."""

from __future__ import annotations

import json
import logging
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from lpm_segmentator.io import atomic_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import onnx


class Softmax(nn.Module):
    """A network whose answer is the probability of each class."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return probabilities ``(n, classes, h, w)``."""
        probabilities: torch.Tensor = self.network(image).softmax(1)
        return probabilities


class Sigmoid(nn.Module):
    """A network whose answers are maps of their own, each from 0 to 1."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return maps ``(n, channels, h, w)``."""
        maps: torch.Tensor = self.network(image).sigmoid()
        return maps


def export_onnx(
    model: nn.Module,
    path: Path,
    *,
    channels: int,
    outputs: Sequence[str],
    metadata: dict[str, Any],
    multiple: int = 1,
    size: tuple[int, int] | None = None,
) -> None:
    """Write a model as ONNX: input ``image`` (n, channels, h, w), named outputs.

    The batch is free, rows and columns too unless `size` sets them. The file is written to a
    temporary name and renamed.

    Parameters
    ----------
    model : torch.nn.Module
        On any device; exported in evaluation mode on the CPU.
    path : Path
        The file to write.
    channels : int
        Of the input.
    outputs : sequence of str
        Names of what the model returns.
    metadata : dict
        Stored as JSON under the key ``lpm``.
    multiple : int
        Free rows and columns are multiples of this.
    size : tuple of int, optional
        Rows and columns.
    """
    import onnx

    model = model.cpu().eval()
    free: dict[int, Any] = {0: torch.export.Dim("n")}
    if size is None:
        size = 4 * multiple, 6 * multiple
        for axis, name in ((2, "rows"), (3, "columns")):
            free[axis] = multiple * torch.export.Dim(name, min=2, max=512)
    with _quiet():
        program = torch.onnx.export(
            model,
            (torch.zeros(2, channels, *size),),
            input_names=["image"],
            output_names=list(outputs),
            dynamic_shapes={"image": free},
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program")
    graph = program.model_proto
    _strip(graph)
    entry = graph.metadata_props.add()
    entry.key, entry.value = "lpm", json.dumps(metadata, sort_keys=True)
    onnx.checker.check_model(graph)
    with atomic_path(path) as temporary:
        onnx.save(graph, str(temporary))


def _strip(model: onnx.ModelProto) -> None:
    """Take out what the exporter says of the source files and folders a model was made with."""
    del model.graph.metadata_props[:]
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what the exporter says about packages and interfaces that are not ours."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
