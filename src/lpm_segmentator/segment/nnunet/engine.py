"""What runs the network on a tile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lpm_segmentator.core.errors import MissingExtraError
from lpm_segmentator.segment.nnunet.checkpoint import Weights
from lpm_segmentator.segment.nnunet.sliding import Engine, Float32
from lpm_segmentator.segment.nnunet.spec import NetworkSpec, Sizes

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Backend", "make_engine", "torch_engine"]

Backend = Literal["auto", "openvino", "torch"]


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("running nnU-Net models", extra="nnunet") from error
    return torch


def make_engine(
    weights: Weights,
    spec: NetworkSpec,
    size: Sizes,
    *,
    low_precision: bool,
    backend: Backend = "auto",
    threads: int | None = None,
) -> Engine:
    """Return what runs the network fastest here: OpenVINO where it is installed, else torch.

    Parameters
    ----------
    weights, spec
        The network.
    size
        Size of the tiles.
    low_precision
        Compute in bfloat16 where the CPU can.
    backend
        ``openvino`` or ``torch`` to insist on one.
    threads
        Default: the runtime's own choice.

    Raises
    ------
    MissingExtraError
        Neither is installed, or not the one insisted on.
    """
    from lpm_segmentator.segment.nnunet.openvino_engine import has_openvino, openvino_engine

    if backend == "openvino" and not has_openvino():
        raise MissingExtraError("running nnU-Net models with OpenVINO", extra="nnunet")
    if backend != "torch" and has_openvino():
        return openvino_engine(weights, spec, size, low_precision=low_precision, threads=threads)
    low_precision = low_precision and _torch_has_bfloat16()
    return torch_engine(weights, spec, low_precision=low_precision, threads=threads)


def _torch_has_bfloat16() -> bool:
    """Return whether torch computes faster in bfloat16 here; elsewhere it emulates it, slowly."""
    cpu = getattr(_torch(), "cpu", None)
    check = getattr(cpu, "_is_avx512_bf16_supported", None)
    return bool(check is not None and check())


def build_network(weights: Weights, spec: NetworkSpec) -> nn.Module:
    """Return the network with its weights, ready to run."""
    torch = _torch()
    from lpm_segmentator.segment.nnunet.network import UNet

    with torch.device("meta"):
        network = UNet(spec)
    state = {name: torch.from_numpy(np.array(array)) for name, array in weights.items()}
    network.load_state_dict(state, strict=True, assign=True)
    return network.eval()


def torch_engine(
    weights: Weights,
    spec: NetworkSpec,
    *,
    low_precision: bool = False,
    threads: int | None = None,
) -> Engine:
    """Run the network with torch on the CPU.

    Parameters
    ----------
    weights, spec
        The network.
    low_precision
        Compute convolutions in bfloat16.
    threads
        Default: torch's own choice. It holds for the whole process, as torch has only one such
        number.
    """
    torch = _torch()
    if threads is not None:
        torch.set_num_threads(threads)
    network = build_network(weights, spec)
    layout = torch.channels_last if spec.dimensions == 2 else torch.channels_last_3d
    network = network.to(memory_format=layout)  # type: ignore[call-overload]

    def run(tile: Float32) -> Float32:
        with (
            torch.inference_mode(),
            torch.autocast("cpu", dtype=torch.bfloat16, enabled=low_precision),
        ):
            x = torch.from_numpy(tile)[None].contiguous(memory_format=layout)
            logits = network(x)[0].float().contiguous()
        answer: Float32 = logits.numpy()
        return answer

    return run
