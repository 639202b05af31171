"""Start a training from an exported model: fine-tuning, or continued training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from lpm_segmentator.core import ModelError, Remedy
from lpm_segmentator.train.export import read_onnx

if TYPE_CHECKING:
    from pathlib import Path

    from lpm_segmentator.train.network import CompactUNet

__all__ = ["exported_widths", "load_exported"]


def exported_widths(path: Path) -> tuple[int, ...]:
    """Return the channels of an exported compact model at each resolution, finest first.

    Raises
    ------
    FileFormatError
        If the file is not an ONNX model.
    ModelError
        If it holds a different network.
    """
    weights = _initialisers(path)
    widths: list[int] = []
    while (first := weights.get(f"network.encoder.{len(widths)}.0.0.weight")) is not None:
        widths.append(int(first.shape[0]))
    if not widths:
        raise ModelError(
            "the weights of this model cannot be trained further",
            where=path,
            hint="Only models of 'lpm train compact', the embedded one included, can be",
        )
    return tuple(widths)


def load_exported(network: CompactUNet, path: Path, images: torch.Tensor) -> None:
    """Load the weights of an exported compact model into a network.

    The export folds each batch normalisation into the preceding convolution. Here the
    normalisations are set from `images`, so that the network gives the same output as the exported
    one and can be trained further.

    Parameters
    ----------
    network : CompactUNet
        With the same widths and context; modified in place.
    path : Path
        The ONNX file.
    images : torch.Tensor
        ``(n, 2 * context + 1, h, w)``, for example a training batch.

    Raises
    ------
    FileFormatError
        If the file is not an ONNX model.
    ModelError
        If it holds a different network.
    """
    weights = _initialisers(path)
    folded: dict[str, torch.Tensor] = {}
    for name, parameter in network.named_parameters():
        if _is_normalisation(network, name):
            continue
        value = weights.get(f"network.{name}")
        if value is None or value.shape != parameter.shape:
            actual = "is missing" if value is None else f"has shape {tuple(value.shape)}"
            raise ModelError(
                f"cannot be the start of this training: {name} {actual}, expected "
                f"{tuple(parameter.shape)}",
                where=path,
                hint="Start from a model of 'lpm train compact' with the widths of the recipe "
                f"({Remedy.START})",
                remedy=Remedy.START,
            )
        parameter.data.copy_(value)
        bias = weights.get(f"network.{name}_bias")
        if bias is not None:
            folded[name.rpartition(".")[0]] = bias
    _unfold(network, folded, images)


def _initialisers(path: Path) -> dict[str, torch.Tensor]:
    from onnx import numpy_helper

    return {
        entry.name: torch.from_numpy(numpy_helper.to_array(entry).copy())
        for entry in read_onnx(path).graph.initializer
    }


def _is_normalisation(network: nn.Module, parameter: str) -> bool:
    return isinstance(network.get_submodule(parameter.rpartition(".")[0]), nn.BatchNorm2d)


def _unfold(network: CompactUNet, folded: dict[str, torch.Tensor], images: torch.Tensor) -> None:
    """Set each normalisation, from first to last, so that it adds the folded bias."""
    handles = []
    for name, module in network.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            parent, _, index = name.rpartition(".")
            bias = folded[f"{parent}.{int(index) - 1}"]
            handles.append(module.register_forward_pre_hook(_setter(bias)))
    with torch.no_grad():
        network.eval()(images)
    for handle in handles:
        handle.remove()


def _setter(bias: torch.Tensor):  # type: ignore[no-untyped-def]
    def set_from(module: nn.BatchNorm2d, inputs: tuple[torch.Tensor]) -> None:
        (values,) = inputs
        mean = values.mean((0, 2, 3))
        variance = values.var((0, 2, 3), correction=0)
        module.running_mean.copy_(mean)  # type: ignore[union-attr]
        module.running_var.copy_(variance)  # type: ignore[union-attr]
        module.weight.data.copy_((variance + module.eps).sqrt())
        module.bias.data.copy_(mean + bias)

    return set_from
