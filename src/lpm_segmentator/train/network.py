"""The compact U-Net of the segmentation model and the level model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CompactUNet"]


def _conv_block(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


def _stage(channels_in: int, channels_out: int, count: int) -> nn.Sequential:
    first = _conv_block(channels_in, channels_out)
    return nn.Sequential(
        first, *(_conv_block(channels_out, channels_out) for _ in range(count - 1))
    )


class CompactUNet(nn.Module):
    """U-Net with two 3×3 convolutions per level (one at the finest) and transposed convolutions.

    The finest level has few channels: on a CPU it takes most of the time and, at a spacing near
    1 mm, adds little information to the next level.

    Batch normalisation is used instead of instance normalisation: it folds into the convolutions at
    export, and its statistics do not depend on the field of view, which ranges from a strip of
    180 mm to a whole abdomen.

    Parameters
    ----------
    widths : sequence of int
        Channels at each resolution, finest first.
    context : int
        Neighbouring slices on either side; the input has ``2 * context + 1`` channels.
    classes : int
        Output channels, background included.

    Attributes
    ----------
    multiple : int
        Rows and columns of an image must be multiples of this.
    """

    def __init__(
        self,
        widths: Sequence[int] = (16, 48, 96, 160, 192),
        context: int = 1,
        classes: int = 5,
    ) -> None:
        super().__init__()
        self.encoder = nn.ModuleList()
        self.up = nn.ModuleList()
        self.decoder = nn.ModuleList()
        channels = 2 * context + 1
        for depth, width in enumerate(widths):
            self.encoder.append(_stage(channels, width, 1 if depth == 0 else 2))
            channels = width
        for depth, width in reversed(list(enumerate(widths[:-1]))):
            self.up.append(nn.ConvTranspose2d(channels, width, 2, 2))
            self.decoder.append(_stage(2 * width, width, 1 if depth == 0 else 2))
            channels = width
        self.head = nn.Conv2d(channels, classes, 1)
        self.multiple = 2 ** (len(widths) - 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits ``(n, classes, h, w)`` of images ``(n, 2 * context + 1, h, w)``."""
        skips: list[torch.Tensor] = []
        features = image
        for depth, stage in enumerate(self.encoder):
            if depth:
                features = functional.max_pool2d(features, 2)
            features = stage(features)
            skips.append(features)
        for up, stage, skip in zip(self.up, self.decoder, reversed(skips[:-1]), strict=True):
            features = stage(torch.cat([up(features), skip], dim=1))
        logits: torch.Tensor = self.head(features)
        return logits
