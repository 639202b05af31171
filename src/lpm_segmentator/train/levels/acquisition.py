"""Contrast and slice thickness of training images of the level model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from lpm_segmentator.train.draw import Draw

__all__ = ["change_contrast", "thick_slices"]


def change_contrast(image: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Return an image of any shape mapped through a random curve, as of another sequence.

    The curve is a power of the signal, or piecewise linear: arbitrary, increasing or decreasing.
    """
    image = image.clamp_min(0)
    image = image / torch.quantile(image[image > 0.5 * image.mean()], 0.95).clamp_min(1e-6)
    body = (image / 0.12).clamp(0, 1)  # air stays dark for any curve
    kind = draw.uniform()
    if kind < 0.25:
        return image ** draw.uniform(0.6, 1.6)
    knots = 6
    heights = torch.rand(knots, generator=draw.generator)
    if kind < 0.5:
        heights = heights.sort().values
    elif kind < 0.75:
        heights = heights.sort(descending=True).values + 0.1
    position = (image.clamp(0, 1.4) / 1.4 * (knots - 1)).clamp(0, knots - 1.001)
    low = position.floor().long()
    part = position - low
    curved = heights[low] * (1 - part) + heights[low + 1] * part
    return curved * body


def thick_slices(image: torch.Tensor, rows: int) -> torch.Tensor:
    """Return sagittal planes ``(n, h, w)`` as reformatted from an axial stack of `rows` slices."""
    height, width = image.shape[-2:]
    thick = functional.interpolate(image[None], size=(rows, width), mode="area")
    return functional.interpolate(
        thick, size=(height, width), mode="bilinear", align_corners=False
    )[0]
