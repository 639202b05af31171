"""Run the network with OpenVINO, twice as fast as torch on a CPU.

The graph is written down operation by operation from the weights, so that neither torch nor a file
in between is needed at run time.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from lpm_segmentator.segment.nnunet.checkpoint import Weights
from lpm_segmentator.segment.nnunet.sliding import Engine, Float32
from lpm_segmentator.segment.nnunet.spec import NetworkSpec, Sizes

__all__ = ["has_openvino", "openvino_engine"]


def has_openvino() -> bool:
    """Return whether OpenVINO is installed."""
    return importlib.util.find_spec("openvino") is not None


def openvino_engine(
    weights: Weights,
    spec: NetworkSpec,
    size: Sizes,
    *,
    low_precision: bool = False,
    threads: int | None = None,
) -> Engine:
    """Run the network with OpenVINO on the CPU.

    Parameters
    ----------
    weights, spec
        The network.
    size
        Size of the tiles.
    low_precision
        Compute in bfloat16 where the CPU can.
    threads
        Default: one per core.
    """
    import openvino as ov  # type: ignore[import-untyped,unused-ignore]

    core = ov.Core()
    low_precision = low_precision and "BF16" in _capabilities(core)
    options: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": "bf16" if low_precision else "f32",
        "PERFORMANCE_HINT": "LATENCY",
    }
    if threads is not None:
        options["INFERENCE_NUM_THREADS"] = threads
    model = _Graph(weights, spec, low_precision=low_precision).build(size)
    request = core.compile_model(model, "CPU", options).create_infer_request()

    def run(tile: Float32) -> Float32:
        request.infer({0: tile[None]})
        # A copy: the tensor belongs to the request and is overwritten by the next tile.
        answer: Float32 = np.array(request.get_output_tensor(0).data[0], dtype=np.float32)
        return answer

    return run


def _capabilities(core: Any) -> Sequence[str]:
    found: Sequence[str] = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return found


class _Graph:
    """The operations of `network.UNet`, in the same order and from the same weights."""

    def __init__(self, weights: Weights, spec: NetworkSpec, *, low_precision: bool) -> None:
        import openvino.opset13 as operations  # type: ignore[import-untyped,unused-ignore]

        self.op = operations
        self.weights = weights
        self.spec = spec
        self.low_precision = low_precision
        self.ones = [1] * spec.dimensions
        self.axes = list(range(2, 2 + spec.dimensions))

    def build(self, size: Sizes) -> Any:
        import openvino as ov

        spec = self.spec
        image = self.op.parameter([1, spec.input_channels, *size], dtype=np.float32)
        x: Any = image
        if spec.kind == "residual":
            x = self.stack(x, "encoder.stem", self.ones, 1)
        skips = []
        stage = self.stack if spec.kind == "plain" else self.residual_stage
        for i, (stride, blocks) in enumerate(zip(spec.strides, spec.encoder_blocks, strict=True)):
            x = stage(x, f"encoder.stages.{i}", list(stride), blocks)
            skips.append(x)
        skips.pop()
        for i, (stride, convs) in enumerate(
            zip(reversed(spec.strides[1:]), spec.decoder_convs, strict=True)
        ):
            skip = skips.pop()
            x = self.upsample(x, f"decoder.upsampling.{i}", list(stride))
            x = self.op.concat([self.cropped(x, skip), skip], axis=1)
            x = self.stack(x, f"decoder.stages.{i}", self.ones, convs)
        logits = self.conv(x, "decoder.head", self.ones)
        return ov.Model([logits], [image])

    def constant(self, name: str, shape: Sequence[int] | None = None) -> Any:
        array = self.weights[name]
        return self.op.constant(array if shape is None else array.reshape(shape))

    def per_channel(self, name: str) -> Any:
        return self.constant(name, (1, -1, *self.ones))

    def conv(self, x: Any, name: str, stride: list[int], *, normed: bool = False) -> Any:
        kernel = self.weights[f"{name}.weight"].shape[2:]
        pads = [(k - 1) // 2 for k in kernel]
        x = self.op.convolution(x, self.constant(f"{name}.weight"), stride, pads, pads, self.ones)
        # Normalisation takes the mean away, and with it the bias.
        if normed or f"{name}.bias" not in self.weights:
            return x
        return self.op.add(x, self.per_channel(f"{name}.bias"))

    def conv_norm(self, x: Any, name: str, stride: list[int], *, active: bool = True) -> Any:
        x = self.conv(x, f"{name}.conv", stride, normed=True)
        weight, bias = (self.per_channel(f"{name}.norm.{kind}") for kind in ("weight", "bias"))
        normalise = self.norm_fast if self.low_precision else self.norm_precise
        x = self.op.add(normalise(x, weight), bias)
        return self.activate(x) if active else x

    def norm_fast(self, x: Any, weight: Any) -> Any:
        axes = self.op.constant(np.array(self.axes, dtype=np.int64))
        return self.op.multiply(
            self.op.mvn(x, axes, True, self.spec.norm_eps, "inside_sqrt"), weight
        )

    def norm_precise(self, x: Any, weight: Any) -> Any:
        """Normalise with sums that keep float32's precision.

        OpenVINO's own operation adds up a whole channel, two million voxels, in one float32: its
        mean is off by 1e-5, a hundred times more than torch's. Summing one axis after the other
        keeps the sums short.
        """
        centred = self.op.subtract(x, self.mean(x, self.axes))
        last = self.axes[-1]
        length = self.op.reduce_l2(centred, self.op.constant(np.array([last], np.int64)), True)
        squares = self.op.multiply(self.op.multiply(length, length), self.share(x, last))
        variance = self.op.add(
            self.mean(squares, self.axes[:-1]), self.op.constant(np.float32(self.spec.norm_eps))
        )
        return self.op.multiply(centred, self.op.divide(weight, self.op.sqrt(variance)))

    def mean(self, x: Any, axes: Sequence[int]) -> Any:
        for axis in reversed(axes):
            # Sums and products, not means: OpenVINO would merge means into one over all axes.
            share = self.share(x, axis)
            total = self.op.reduce_sum(x, self.op.constant(np.array([axis], np.int64)), True)
            x = self.op.multiply(total, share)
        return x

    def share(self, x: Any, axis: int) -> Any:
        return self.op.constant(np.float32(1 / list(x.output(0).get_shape())[axis]))

    def activate(self, x: Any) -> Any:
        if self.spec.negative_slope == 0:
            return self.op.relu(x)
        slope = np.array([self.spec.negative_slope], dtype=np.float32)
        return self.op.prelu(x, self.op.constant(slope))

    def stack(self, x: Any, name: str, stride: list[int], convs: int) -> Any:
        for i in range(convs):
            x = self.conv_norm(x, f"{name}.convs.{i}", stride if i == 0 else self.ones)
        return x

    def residual_stage(self, x: Any, name: str, stride: list[int], blocks: int) -> Any:
        for i in range(blocks):
            x = self.residual(x, f"{name}.blocks.{i}", stride if i == 0 else self.ones)
        return x

    def residual(self, x: Any, name: str, stride: list[int]) -> Any:
        branch = self.conv_norm(x, f"{name}.conv1", stride)
        branch = self.conv_norm(branch, f"{name}.conv2", self.ones, active=False)
        pooled = any(s != 1 for s in stride)
        if pooled:
            none = [0] * self.spec.dimensions
            average = partial(self.op.avg_pool, exclude_pad=False)
            x = average(x, stride, none, none, stride)
        projection = f"{name}.skip.{int(pooled)}"
        if f"{projection}.conv.weight" in self.weights:
            x = self.conv_norm(x, projection, self.ones, active=False)
        return self.activate(self.op.add(branch, x))

    def cropped(self, x: Any, like: Any) -> Any:
        """Cut what upsampling overshoots where a size was odd."""
        before, after = (list(node.output(0).get_shape())[2:] for node in (x, like))
        if before == after:
            return x
        axes = np.array(self.axes, dtype=np.int64)
        limits = (np.zeros_like(axes), np.array(after, np.int64), np.ones_like(axes), axes)
        return self.op.slice(x, *(self.op.constant(v) for v in limits))

    def upsample(self, x: Any, name: str, stride: list[int]) -> Any:
        x = self.op.convolution_backprop_data(x, self.constant(f"{name}.weight"), strides=stride)
        if f"{name}.bias" in self.weights:
            x = self.op.add(x, self.per_channel(f"{name}.bias"))
        return x
