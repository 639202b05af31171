"""What runs the network on a tile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lpm_segmentator.core.errors import MissingExtraError, ModelError
from lpm_segmentator.segment.nnunet.checkpoint import Weights
from lpm_segmentator.segment.nnunet.sliding import Engine, Float32
from lpm_segmentator.segment.nnunet.spec import NetworkSpec, Sizes

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Backend", "check_weights", "make_engine", "torch_engine"]

Backend = Literal["auto", "openvino", "torch"]


def check_weights(weights: Weights, spec: NetworkSpec, *, where: object) -> None:
    """Compare the weights' names and sizes with the network that the plans describe.

    Raises
    ------
    ModelError
        They do not fit; the message says how.
    """
    expected = _expected_shapes(spec)
    stem = "encoder.stem.convs.0" if spec.kind == "residual" else "encoder.stages.0.convs.0"
    first = weights.get(f"{stem}.conv.weight")
    if first is not None and first.ndim > 1 and first.shape[1] != spec.input_channels:
        raise ModelError(
            f"the weights take {first.shape[1]} input channels, the plans say "
            f"{spec.input_channels}",
            where=where,
            hint="Models with one input image are supported; a cascade's second stage, which also "
            "takes the first one's answer, is not",
        )
    missing = sorted(set(expected) - set(weights))
    surplus = sorted(set(weights) - set(expected))
    other = [n for n in expected if n in weights and weights[n].shape != expected[n]]
    if not (missing or surplus or other):
        return
    details = []
    if missing:
        details.append(f"{len(missing)} weights are missing, e.g. {missing[0]}")
    if surplus:
        details.append(f"{len(surplus)} weights are not part of it, e.g. {surplus[0]}")
    if other:
        name = other[0]
        details.append(
            f"{len(other)} weights have another size, e.g. {name}: {weights[name].shape} instead "
            f"of {expected[name]}"
        )
    raise ModelError(
        f"the weights do not fit the network that the plans describe: {'; '.join(details)}",
        where=where,
        hint="Supported are the networks that nnU-Net plans itself (PlainConvUNet and "
        "ResidualEncoderUNet with instance normalisation; v1's Generic_UNet)",
    )


def _expected_shapes(spec: NetworkSpec) -> dict[str, tuple[int, ...]]:
    torch = _torch()
    from lpm_segmentator.segment.nnunet.network import UNet

    try:
        with torch.device("meta"):  # sizes only: no memory, however large the plans say
            network = UNet(spec)
    except (RuntimeError, ValueError, TypeError) as error:
        raise ModelError(f"the plans describe no network that can be built ({error})") from error
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


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
