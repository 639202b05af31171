"""What scanners add to an image: field of view, coil shading, blur, noise, and normalisation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from lpm_segmentator.train.draw import blur

if TYPE_CHECKING:
    from lpm_segmentator.train.draw import Draw

__all__ = ["acquired", "degrade", "draw_field_of_view", "normalise", "shade"]


def draw_field_of_view(labels: torch.Tensor, spacing_mm: float, draw: Draw) -> torch.Tensor:
    """Return a mask ``(h, w)`` of a rectangle of 130 to 240 mm that contains the muscles.

    In 40 % of the draws the rectangle cuts off up to 25 mm of the muscles.

    Parameters
    ----------
    labels : torch.Tensor
        ``(h, w)``, 0 is background.
    spacing_mm : float
        In-plane spacing.
    draw : Draw
    """
    visible = torch.ones_like(labels, dtype=torch.bool)
    cut = (draw.uniform(0, 25) if draw.chance(0.4) else 0.0) / spacing_mm
    for axis in (0, 1):
        length = draw.uniform(130.0, 240.0) / spacing_mm
        present = labels.amax(1 - axis).nonzero().flatten()
        if present.numel() == 0:
            continue
        first, last = float(present[0]) + cut, float(present[-1]) + 1 - cut
        low, high = sorted((last - length, first))
        start = draw.uniform(low, high)
        position = torch.arange(labels.shape[axis])
        inside = (position >= start) & (position < start + length)
        visible &= inside[:, None] if axis == 0 else inside[None, :]
    return visible


def normalise(image: torch.Tensor) -> torch.Tensor:
    """Scale an image so that the 95th percentile of its body is 1.

    The body is where the signal exceeds half the mean of the image. The embedded predictor does
    the same with NumPy; both must stay equal (a test compares them).

    Parameters
    ----------
    image : torch.Tensor
        ``(s, h, w)``.

    Returns
    -------
    torch.Tensor
        Limited to −0.5 … 3; unchanged if the image is empty.
    """
    body = image[image > 0.5 * image.mean()]
    if body.numel() == 0:
        return image
    rank = min(body.numel() - 1, int(0.95 * body.numel()))
    top = body.kthvalue(rank + 1).values.clamp_min(1e-6)
    return (image / top).clamp(-0.5, 3.0)


def acquired(
    image: torch.Tensor, visible: torch.Tensor, draw: Draw, *, degraded: bool
) -> torch.Tensor:
    """Return an image ``(s, h, w)`` as it is acquired: of random brightness, normalised.

    Parameters
    ----------
    image : torch.Tensor
    visible : torch.Tensor
        ``(h, w)``, bool: the field of view.
    draw : Draw
    degraded : bool
        Whether coil, blur and noise have an effect.
    """
    if degraded:
        image = degrade(shade(image, draw), draw)
    image = normalise(image * visible)
    return image * math.exp(draw.normal(0.15)) + draw.normal(0.02)


def shade(image: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Return an image ``(s, h, w)`` with coil shading and a random gamma."""
    height, width = image.shape[1:]
    if draw.chance(0.7):
        field = draw.smooth((height, width), (2, 2))
        image = image * torch.exp(draw.uniform(0.0, 0.4) * field)
    if draw.chance(0.4):
        # A spine coil: bright posteriorly, falling off anteriorly.
        depth = torch.linspace(1, 0, height).view(1, -1, 1)
        image = image * torch.exp(-draw.uniform(0.0, 3.0) * depth)
    if draw.chance(0.3):
        level = image.mean().clamp_min(1e-6)
        image = level * (image / level) ** draw.uniform(0.6, 1.5)
    return image


def degrade(image: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Return an image ``(s, h, w)`` with blur or sharpening, ghosts, noise and texture."""
    level = image.mean().clamp_min(1e-6)
    if draw.chance(0.4):
        image = blur(image, draw.uniform(0.4, 1.4))
    elif draw.chance(0.5):
        soft = blur(image, 1.0)
        image = (image + draw.uniform(0.3, 1.5) * (image - soft)).clamp_min(0)
    if draw.chance(0.05):
        shift = 10 + draw.integer(60)
        image = image + draw.uniform(0.02, 0.15) * image.roll(shift, dims=1)
    if draw.chance(0.7):
        sigma = draw.uniform(0.0, 0.14) * level
        # Magnitude images carry Rician noise.
        real = image + sigma * draw.noise(image.shape)
        imaginary = sigma * draw.noise(image.shape)
        image = torch.sqrt(real**2 + imaginary**2)
    if draw.chance(0.2):
        texture = draw.smooth((image.shape[1], image.shape[2]), (40, 48))
        image = image * (1 + draw.uniform(0, 0.2) * texture).clamp_min(0)
    return image
