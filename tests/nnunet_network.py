"""The U-Net of nnU-Net in torch, to compare the engine's graph with."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lpm_segmentator.segment.nnunet.spec import NetworkSpec, Sizes

__all__ = ["UNet"]

# Any: torch types sizes as tuples of a fixed length, here the length depends on the model.
_CONV: dict[int, Any] = {2: nn.Conv2d, 3: nn.Conv3d}
_TRANSPOSED: dict[int, Any] = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
_POOL: dict[int, Any] = {2: nn.AvgPool2d, 3: nn.AvgPool3d}


class _Norm(nn.Module):
    """Instance normalisation: each channel of each image to mean 0, variance 1, then affine."""

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return functional.instance_norm(x, weight=self.weight, bias=self.bias, eps=self.eps)


class _Conv(nn.Module):
    """Convolution, normalisation and, except at the end of a residual branch, activation."""

    def __init__(
        self,
        spec: NetworkSpec,
        channels: tuple[int, int],
        kernel: Sizes,
        stride: Sizes,
        *,
        bias: bool,
        active: bool = True,
    ) -> None:
        super().__init__()
        padding = tuple((k - 1) // 2 for k in kernel)
        self.conv = _CONV[spec.dimensions](*channels, kernel, stride, padding, bias=bias)
        self.norm = _Norm(channels[1], spec.norm_eps)
        self.slope = spec.negative_slope if active else None

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x))
        return x if self.slope is None else functional.leaky_relu_(x, self.slope)


class _Stack(nn.Module):
    """Some convolutions in a row; the first may halve the resolution."""

    def __init__(
        self,
        spec: NetworkSpec,
        channels: tuple[int, int],
        kernel: Sizes,
        stride: Sizes,
        convs: int,
    ) -> None:
        super().__init__()
        ones = (1,) * spec.dimensions
        before, after = channels
        self.convs = nn.Sequential(
            *(
                _Conv(
                    spec,
                    (before if i == 0 else after, after),
                    kernel,
                    stride if i == 0 else ones,
                    bias=spec.conv_bias,
                )
                for i in range(convs)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.convs(x)
        return out


class _Residual(nn.Module):
    """Two convolutions and a shortcut, with pooling and projection where needed (ResNet-D)."""

    def __init__(
        self, spec: NetworkSpec, channels: tuple[int, int], kernel: Sizes, stride: Sizes
    ) -> None:
        super().__init__()
        ones = (1,) * spec.dimensions
        inner = (channels[1], channels[1])
        self.slope = spec.negative_slope
        self.conv1 = _Conv(spec, channels, kernel, stride, bias=spec.conv_bias)
        self.conv2 = _Conv(spec, inner, kernel, ones, bias=spec.conv_bias, active=False)
        shortcut: list[nn.Module] = []
        if any(s != 1 for s in stride):
            shortcut.append(_POOL[spec.dimensions](stride, stride))
        if channels[0] != channels[1]:
            shortcut.append(_Conv(spec, channels, ones, ones, bias=False, active=False))
        self.skip = nn.Sequential(*shortcut)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv2(self.conv1(x))
        return functional.leaky_relu_(out.add_(self.skip(x)), self.slope)


class _ResidualStage(nn.Module):
    def __init__(
        self,
        spec: NetworkSpec,
        channels: tuple[int, int],
        kernel: Sizes,
        stride: Sizes,
        blocks: int,
    ) -> None:
        super().__init__()
        ones = (1,) * spec.dimensions
        before, after = channels
        self.blocks = nn.Sequential(
            _Residual(spec, (before, after), kernel, stride),
            *(_Residual(spec, (after, after), kernel, ones) for _ in range(blocks - 1)),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.blocks(x)
        return out


class _Encoder(nn.Module):
    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        stage = _Stack if spec.kind == "plain" else _ResidualStage
        channels = spec.input_channels
        if spec.kind == "residual":
            stem = spec.stem_features or spec.features[0]
            ones = (1,) * spec.dimensions
            self.stem = _Stack(spec, (channels, stem), spec.kernel_sizes[0], ones, 1)
            channels = stem
        self.stages = nn.ModuleList()
        for features, kernel, stride, blocks in zip(
            spec.features, spec.kernel_sizes, spec.strides, spec.encoder_blocks, strict=True
        ):
            self.stages.append(stage(spec, (channels, features), kernel, stride, blocks))
            channels = features


class _Decoder(nn.Module):
    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        ones = (1,) * spec.dimensions
        self.upsampling = nn.ModuleList()
        self.stages = nn.ModuleList()
        upwards = list(reversed(spec.features))
        strides = list(reversed(spec.strides[1:]))
        for (below, here), stride, kernel, convs in zip(
            pairwise(upwards), strides, spec.decoder_kernel_sizes, spec.decoder_convs, strict=True
        ):
            self.upsampling.append(
                _TRANSPOSED[spec.dimensions](below, here, stride, stride, bias=spec.upsampling_bias)
            )
            self.stages.append(_Stack(spec, (2 * here, here), kernel, ones, convs))
        self.head = _CONV[spec.dimensions](
            spec.features[0], spec.classes, ones, bias=spec.head_bias
        )


class UNet(nn.Module):
    """nnU-Net's U-Net for inference: one output at full resolution, no deep supervision."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.encoder = _Encoder(spec)
        self.decoder = _Decoder(spec)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, shape (batch, classes, *size), of images (batch, channels, *size)."""
        skips: list[Tensor] = []
        if hasattr(self.encoder, "stem"):
            x = self.encoder.stem(x)
        for stage in self.encoder.stages:
            x = stage(x)
            skips.append(x)
        skips.pop()
        for upsample, stage in zip(self.decoder.upsampling, self.decoder.stages, strict=True):
            skip = skips.pop()
            x = upsample(x)
            # Strided convolution rounds odd sizes up: upsampling gives one voxel too many.
            x = x[(slice(None), slice(None), *(slice(n) for n in skip.shape[2:]))]
            x = stage(torch.cat((x, skip), dim=1))
        logits: Tensor = self.decoder.head(x)
        return logits
