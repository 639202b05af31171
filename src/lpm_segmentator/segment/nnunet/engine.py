"""Run an nnU-Net on the CPU with OpenVINO.

The graph is built operation by operation from the weights, so that neither torch nor an
intermediate file is needed at run time.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from lpm_segmentator.core import MissingExtraError
from lpm_segmentator.segment.nnunet.checkpoint import Weights
from lpm_segmentator.segment.nnunet.sliding import Engine, Float32
from lpm_segmentator.segment.nnunet.spec import NetworkSpec, Sizes

__all__ = ["check_engine", "make_engine"]

#: stages of the encoder that stay in float32 when the rest is in bfloat16: rounding in the first
#: stages spreads through everything after them. Three stages are a quarter of the computation, and
#: reduce the error to a third
_PRECISE_STAGES = 3


def check_engine() -> None:
    """Check that OpenVINO is installed.

    Raises
    ------
    MissingExtraError
        If it is not.
    """
    if importlib.util.find_spec("openvino") is None:
        raise MissingExtraError("running nnU-Net models", extra="nnunet")


def make_engine(
    weights: Weights,
    spec: NetworkSpec,
    size: Sizes,
    *,
    low_precision: bool = False,
    threads: int | None = None,
) -> Engine:
    """Return a function that runs a network on one tile.

    Parameters
    ----------
    weights : dict of str to ndarray of float32
        By the names of `expected_shapes`.
    spec : NetworkSpec
    size : tuple of int
        Size of the tiles.
    low_precision : bool
        Compute in bfloat16 where the CPU supports it, except the first stages of the encoder.
    threads : int, optional
        Number of threads; by default one for each core.

    Returns
    -------
    Engine

    Raises
    ------
    MissingExtraError
        If OpenVINO is not installed.
    """
    check_engine()
    import openvino as ov  # type: ignore[import-untyped,unused-ignore]

    core = ov.Core()
    options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    if threads is not None:
        options["INFERENCE_NUM_THREADS"] = threads

    def request(model: Any, **more: str) -> Any:
        return core.compile_model(model, "CPU", {**options, **more}).create_infer_request()

    if not (low_precision and "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")):
        whole = request(_Graph(weights, spec, low_precision=False).whole(size))
        return lambda tile: _logits(whole, tile)
    stages = min(_PRECISE_STAGES, len(spec.features) - 1)
    graph = _Graph(weights, spec, low_precision=True)
    front_model = graph.front(size, stages)
    shapes = [list(output.get_shape()) for output in front_model.outputs]
    front = request(front_model)
    rest = request(graph.rest(shapes), INFERENCE_PRECISION_HINT="bf16")
    for i in range(stages):  # passed on in memory, without a copy
        rest.set_input_tensor(i, front.get_output_tensor(i))

    def run(tile: Float32) -> Float32:
        front.infer({0: tile[None]})
        return _logits(rest)

    return run


def _logits(request: Any, tile: Float32 | None = None) -> Float32:
    request.infer(None if tile is None else {0: tile[None]})
    # A copy: the tensor belongs to the request and is overwritten by the next tile.
    logits: Float32 = np.array(request.get_output_tensor(0).data[0], dtype=np.float32)
    return logits


class _Graph:
    """The U-Net of nnU-Net as a graph of OpenVINO operations.

    Nodes are ``Any``: OpenVINO has no type information. ``tests/nnunet_network.py`` holds the same
    network in torch, for comparison.
    """

    def __init__(self, weights: Weights, spec: NetworkSpec, *, low_precision: bool) -> None:
        import openvino.opset13 as operations  # type: ignore[import-untyped,unused-ignore]

        self.op = operations
        self.weights = weights
        self.spec = spec
        self.low_precision = low_precision
        self.ones = [1] * spec.dimensions
        self.axes = list(range(2, 2 + spec.dimensions))

    def whole(self, size: Sizes) -> Any:
        """Return the network for images of one size."""
        image = self.image(size)
        return self.model([self.decode(self.encode(image, 0, len(self.spec.features)))], [image])

    def front(self, size: Sizes, stages: int) -> Any:
        """Return the first stages of the encoder, with outputs rounded to bfloat16."""
        image = self.image(size)
        skips = self.encode(image, 0, stages)
        return self.model([self.op.convert(skip, "bf16") for skip in skips], [image])

    def rest(self, shapes: Sequence[list[int]]) -> Any:
        """Return what follows `front`, whose outputs have the given shapes."""
        import openvino as ov

        given = [self.op.parameter(shape, dtype=ov.Type.bf16) for shape in shapes]
        skips = [self.op.convert(each, "f32") for each in given]
        skips += self.encode(skips[-1], len(skips), len(self.spec.features))
        return self.model([self.decode(skips)], given)

    def model(self, results: list[Any], parameters: list[Any]) -> Any:
        import openvino as ov

        return ov.Model(results, parameters)

    def image(self, size: Sizes) -> Any:
        return self.op.parameter([1, self.spec.input_channels, *size], dtype=np.float32)

    def encode(self, x: Any, first: int, last: int) -> list[Any]:
        """Return the outputs of the encoder's stages from `first` to before `last`."""
        spec, outputs = self.spec, []
        if spec.kind == "residual" and first == 0:
            x = self.stack(x, "encoder.stem", self.ones, 1)
        stage = self.stack if spec.kind == "plain" else self.residual_stage
        for i in range(first, last):
            x = stage(x, f"encoder.stages.{i}", list(spec.strides[i]), spec.encoder_blocks[i])
            outputs.append(x)
        return outputs

    def decode(self, skips: list[Any]) -> Any:
        """Return the logits, from the outputs of all stages of the encoder."""
        *skips, x = skips
        strides = reversed(self.spec.strides[1:])
        for i, (stride, convs) in enumerate(zip(strides, self.spec.decoder_convs, strict=True)):
            skip = skips.pop()
            x = self.upsample(x, f"decoder.upsampling.{i}", list(stride))
            x = self.op.concat([self.cropped(x, skip), skip], axis=1)
            x = self.stack(x, f"decoder.stages.{i}", self.ones, convs)
        return self.conv(x, "decoder.head", self.ones)

    def constant(self, name: str, shape: Sequence[int] | None = None) -> Any:
        array = self.weights[name]
        return self.op.constant(array if shape is None else array.reshape(shape))

    def per_channel(self, name: str) -> Any:
        return self.constant(name, (1, -1, *self.ones))

    def conv(self, x: Any, name: str, stride: list[int], *, normed: bool = False) -> Any:
        kernel = self.weights[f"{name}.weight"].shape[2:]
        pads = [(k - 1) // 2 for k in kernel]
        x = self.op.convolution(x, self.constant(f"{name}.weight"), stride, pads, pads, self.ones)
        # Normalisation subtracts the mean, and with it the bias.
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
        """Normalise with sums that keep the precision of float32.

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
        """Crop what upsampling adds beyond an odd size."""
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
