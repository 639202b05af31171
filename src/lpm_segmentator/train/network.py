"""The compact network: a small 2.5-D U-Net that exports to ONNX and runs fast on a CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence


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
    """U-Net with two 3×3 convolutions a level, one at the finest, and strided up-convolutions.

    The finest level is thin on purpose: on a CPU it takes most of the time and, at a spacing near
    1 mm, adds little to what the level below knows.

    Batch normalisation rather than instance normalisation on purpose: it folds into the
    convolutions at export, and its statistics do not depend on the field of view, which at run
    time is a whole abdomen as often as a 180 mm strip.

    Parameters
    ----------
    widths : sequence of int
        Channels of each resolution level, finest first.
    context : int
        Neighbouring slices given on either side of the one to segment; the input has
        ``2 * context + 1`` channels.
    classes : int
        Number of output classes, background included.
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
        #: rows and columns of an image must be multiples of this
        self.multiple = 2 ** (len(widths) - 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits of shape ``(n, classes, h, w)`` for an image ``(n, channels, h, w)``.

        ``h`` and ``w`` must be multiples of `multiple`.
        """
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
