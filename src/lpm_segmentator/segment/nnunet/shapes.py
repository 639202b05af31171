"""Names and sizes of the weights of a network, and a check of a model's weights."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from lpm_segmentator.core import ModelError
from lpm_segmentator.segment.nnunet.checkpoint import Weights
from lpm_segmentator.segment.nnunet.spec import NetworkSpec, Sizes

__all__ = ["check_weights", "expected_shapes"]

Named = tuple[str, Sizes]


def check_weights(weights: Weights, spec: NetworkSpec, *, where: object) -> None:
    """Compare the weights' names and sizes with the network that the plans describe.

    Parameters
    ----------
    weights : dict of str to ndarray
    spec : NetworkSpec
    where : object
        The file, for messages.

    Raises
    ------
    ModelError
        If they differ; the message says how.
    """
    expected = expected_shapes(spec)
    stem = "encoder.stem.convs.0" if spec.kind == "residual" else "encoder.stages.0.convs.0"
    first = weights.get(f"{stem}.conv.weight")
    if first is not None and first.ndim > 1 and first.shape[1] != spec.input_channels:
        raise ModelError(
            f"the weights take {first.shape[1]} input channels, the plans say "
            f"{spec.input_channels}",
            where=where,
            hint="Supported are models with one input image. The second stage of a cascade, which "
            "also takes the output of the first, is not supported",
        )
    differences = _differences(weights, expected)
    if differences:
        raise ModelError(
            f"the weights do not fit the network that the plans describe: {differences}",
            where=where,
            hint="Supported are the networks that nnU-Net plans itself (PlainConvUNet and "
            "ResidualEncoderUNet with instance normalisation; v1's Generic_UNet)",
        )


def _differences(weights: Weights, expected: dict[str, Sizes]) -> str:
    """Return what is missing, superfluous or of another size; empty if nothing is."""
    missing = sorted(set(expected) - set(weights))
    surplus = sorted(set(weights) - set(expected))
    other = [n for n in expected if n in weights and weights[n].shape != expected[n]]
    parts = []
    if missing:
        parts.append(f"{len(missing)} weights are missing, e.g. {missing[0]}")
    if surplus:
        parts.append(f"{len(surplus)} weights are not part of it, e.g. {surplus[0]}")
    if other:
        name = other[0]
        parts.append(
            f"{len(other)} weights have another size, e.g. {name}: {weights[name].shape} instead "
            f"of {expected[name]}"
        )
    return "; ".join(parts)


def expected_shapes(spec: NetworkSpec) -> dict[str, Sizes]:
    """Return the names and sizes of the weights of a network.

    The names are those of this package; ``tests/nnunet_network.py`` holds the same network in
    torch, and a test compares the two.

    Parameters
    ----------
    spec : NetworkSpec

    Returns
    -------
    dict of str to tuple of int
    """
    return dict([*_encoder(spec), *_decoder(spec)])


def _conv(name: str, shape: Sizes, *, bias: bool) -> Iterator[Named]:
    yield f"{name}.weight", shape
    if bias:
        yield f"{name}.bias", (shape[0],)


def _conv_norm(name: str, shape: Sizes, *, bias: bool) -> Iterator[Named]:
    yield from _conv(f"{name}.conv", shape, bias=bias)
    yield f"{name}.norm.weight", (shape[0],)
    yield f"{name}.norm.bias", (shape[0],)


def _stack(
    name: str, spec: NetworkSpec, channels: tuple[int, int], kernel: Sizes, convs: int
) -> Iterator[Named]:
    before, after = channels
    for i in range(convs):
        shape = (after, before if i == 0 else after, *kernel)
        yield from _conv_norm(f"{name}.convs.{i}", shape, bias=spec.conv_bias)


def _encoder(spec: NetworkSpec) -> Iterator[Named]:
    channels = spec.input_channels
    if spec.kind == "residual":
        stem = spec.stem_features or spec.features[0]
        yield from _stack("encoder.stem", spec, (channels, stem), spec.kernel_sizes[0], 1)
        channels = stem
    for i, (features, kernel) in enumerate(zip(spec.features, spec.kernel_sizes, strict=True)):
        name, blocks = f"encoder.stages.{i}", spec.encoder_blocks[i]
        if spec.kind == "plain":
            yield from _stack(name, spec, (channels, features), kernel, blocks)
        else:
            for b in range(blocks):
                pooled = b == 0 and any(s != 1 for s in spec.strides[i])
                before = channels if b == 0 else features
                block = f"{name}.blocks.{b}"
                yield from _residual(block, spec, (before, features), kernel, pooled=pooled)
        channels = features


def _residual(
    name: str, spec: NetworkSpec, channels: tuple[int, int], kernel: Sizes, *, pooled: bool
) -> Iterator[Named]:
    before, after = channels
    yield from _conv_norm(f"{name}.conv1", (after, before, *kernel), bias=spec.conv_bias)
    yield from _conv_norm(f"{name}.conv2", (after, after, *kernel), bias=spec.conv_bias)
    if before != after:
        shape = (after, before, *(1,) * spec.dimensions)
        yield from _conv_norm(f"{name}.skip.{int(pooled)}", shape, bias=False)


def _decoder(spec: NetworkSpec) -> Iterator[Named]:
    for i, ((below, here), stride) in enumerate(
        zip(pairwise(reversed(spec.features)), reversed(spec.strides[1:]), strict=True)
    ):
        shape = (below, here, *stride)
        yield f"decoder.upsampling.{i}.weight", shape
        if spec.upsampling_bias:
            yield f"decoder.upsampling.{i}.bias", (here,)
        kernel, convs = spec.decoder_kernel_sizes[i], spec.decoder_convs[i]
        yield from _stack(f"decoder.stages.{i}", spec, (2 * here, here), kernel, convs)
    shape = (spec.classes, spec.features[0], *(1,) * spec.dimensions)
    yield from _conv("decoder.head", shape, bias=spec.head_bias)
