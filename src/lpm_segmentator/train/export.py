"""Export of a trained network to an ONNX file that contains its own description, and reading."""

from __future__ import annotations

import json
import logging
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from lpm_segmentator.core import FileFormatError
from lpm_segmentator.core.quiet import quiet
from lpm_segmentator.io import atomic_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx

__all__ = [
    "Sigmoid",
    "Softmax",
    "export_onnx",
    "export_segmentation",
    "read_description",
    "read_onnx",
    "source_commit",
    "write_description",
]

#: key of the description in the metadata of a model
_KEY = "lpm"


class Softmax(nn.Module):
    """A network followed by the softmax over its classes.

    Parameters
    ----------
    network : torch.nn.Module
        Returns logits ``(n, classes, h, w)``.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return probabilities ``(n, classes, h, w)``."""
        probabilities: torch.Tensor = self.network(image).softmax(1)
        return probabilities


class Sigmoid(nn.Module):
    """A network followed by the sigmoid of each output channel.

    Parameters
    ----------
    network : torch.nn.Module
        Returns logits ``(n, channels, h, w)``.
    """

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
    """Write a model as ONNX with the input ``image`` (n, channels, h, w) and named outputs.

    The batch size is free, as are rows and columns unless `size` is given.

    Parameters
    ----------
    model : torch.nn.Module
        On any device; moved to the CPU and set to evaluation mode.
    path : Path
        The file.
    channels : int
        Channels of the input.
    outputs : sequence of str
        Names of the outputs.
    metadata : dict
        Stored as JSON under the key ``lpm``.
    multiple : int
        Rows and columns must be multiples of this, if they are free.
    size : tuple of int, optional
        Fixed rows and columns.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    import onnx

    graph = _traced(model.cpu().eval(), channels, outputs, multiple, size).model_proto
    _strip(graph)
    onnx.checker.check_model(graph)
    _save(graph, metadata, path)


def export_segmentation(network: nn.Module, path: Path, metadata: dict[str, Any]) -> None:
    """Write a network of the compact model as ONNX, with the output ``probability``.

    Parameters
    ----------
    network : torch.nn.Module
        Returns logits ``(n, classes, h, w)``.
    path : Path
        The file.
    metadata : dict
        Its ``context`` and ``multiple`` determine the input.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    export_onnx(
        Softmax(network),
        path,
        channels=2 * metadata["context"] + 1,
        multiple=metadata["multiple"],
        outputs=("probability",),
        metadata=metadata,
    )


def source_commit() -> str:
    """Return the commit of the source tree; empty outside a repository."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return described.stdout.strip()


def write_description(path: Path, description: dict[str, Any]) -> None:
    """Replace the description in an ONNX file.

    Parameters
    ----------
    path : Path
    description : dict
        As the metadata of `export_onnx`.

    Raises
    ------
    FileFormatError
        If the file cannot be read as an ONNX model.
    OutputError
        If it cannot be written.
    """
    _save(read_onnx(path), description, path)


def _save(model: onnx.ModelProto, description: dict[str, Any], path: Path) -> None:
    import onnx

    onnx.helper.set_model_props(model, {_KEY: json.dumps(description, sort_keys=True)})
    with atomic_path(path) as temporary:
        onnx.save(model, str(temporary))


def read_onnx(path: Path) -> onnx.ModelProto:
    """Return the model of an ONNX file.

    Raises
    ------
    FileFormatError
        If it cannot be read as an ONNX model.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        return onnx.load(str(path))
    except (OSError, DecodeError) as error:
        raise FileFormatError(f"cannot be read as an ONNX model ({error})", where=path) from error


def read_description(path: Path) -> dict[str, Any]:
    """Return what `export_onnx` stored as metadata; empty if the model has no description.

    Raises
    ------
    FileFormatError
        If the file cannot be read as an ONNX model, or the description is not a JSON object.
    """
    entries = {entry.key: entry.value for entry in read_onnx(path).metadata_props}
    try:
        return dict(json.loads(entries.get(_KEY, "{}")))
    except (TypeError, ValueError) as error:
        raise FileFormatError(
            "the description of the model is not a JSON object", where=path
        ) from error


def _traced(
    model: nn.Module,
    channels: int,
    outputs: Sequence[str],
    multiple: int,
    size: tuple[int, int] | None,
) -> torch.onnx.ONNXProgram:
    """Return the model as an ONNX program."""
    free: dict[int, Any] = {0: torch.export.Dim("n")}
    if size is None:
        size = 4 * multiple, 6 * multiple
        for axis, name in ((2, "rows"), (3, "columns")):
            free[axis] = multiple * torch.export.Dim(name, min=2, max=512)
    # The exporter's messages are about packages and interfaces that are not ours.
    with quiet("torch.onnx", logging.ERROR):
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
        raise RuntimeError("torch.onnx.export returned no program")
    return program


def _strip(model: onnx.ModelProto) -> None:
    """Remove the exporter's notes on source files and folders."""
    del model.graph.metadata_props[:]
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
