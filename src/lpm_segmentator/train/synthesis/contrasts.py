"""Images of any contrast, composed from water and fat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from lpm_segmentator.train.draw import blur

if TYPE_CHECKING:
    from lpm_segmentator.train.draw import Draw
    from lpm_segmentator.train.synthesis.tissue import Tissue

__all__ = ["compose"]


def compose(tissue: Tissue, draw: Draw) -> torch.Tensor:
    """Return an image ``(s, h, w)`` of this tissue in a random contrast."""
    water, fat = tissue.water.clamp_min(0), tissue.fat.clamp_min(0)
    if draw.chance(0.35):
        # Other tissues differ between sequences; the signal of muscle stays uniform.
        water = water * _other_tissue_factor(tissue, draw)
    kind = draw.uniform()
    if kind < 0.12:
        image = water ** draw.uniform(0.6, 1.6)
    elif kind < 0.24:
        image = fat ** draw.uniform(0.6, 1.6) + draw.uniform(0.0, 0.15) * water
    elif kind < 0.34:
        image = water + fat * draw.uniform(0.7, 1.5)
    elif kind < 0.39:
        image = (water - fat).abs()
    elif kind < 0.85:
        image = _spin_echo(tissue, water, fat, draw)
    else:
        image = _random_curves(water, fat, draw)
    return image.clamp_min(0)


def _other_tissue_factor(tissue: Tissue, draw: Draw) -> torch.Tensor:
    """Return a factor ``(s, h, w)``: 1 in the labelled muscles, random patches elsewhere."""
    height, width = tissue.water.shape[1:]
    cells = 4 + draw.integer(12)
    field = draw.smooth((height, width), (cells, cells))
    levels = torch.round(field * draw.uniform(0.8, 2.0))
    factor = torch.exp(draw.uniform(0.2, 0.8) * levels).clamp(0.1, 4.0)
    return 1 + (factor - 1) * (1 - blur(tissue.muscle, 1.0))


def _spin_echo(tissue: Tissue, water: torch.Tensor, fat: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Return a T1w- or T2w-like image: bright fat, darker muscle, fluid of any signal."""
    muscle = blur(tissue.muscle, 0.7)
    muscle_level = draw.uniform(0.1, 0.55)
    other_level = muscle_level * draw.uniform(0.8, 3.0)
    water_factor = muscle * muscle_level + (1 - muscle) * other_level
    image = water * water_factor + fat * draw.uniform(0.7, 1.3)
    if draw.chance(0.3):
        bright = torch.sigmoid(8 * (water - draw.uniform(0.8, 1.3))) * (1 - muscle)
        image = image + draw.uniform(0, 0.8) * bright
    return image


def _random_curves(water: torch.Tensor, fat: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Return a sum of random piecewise-linear functions of water and of fat."""
    return _curve(water, draw) + _curve(fat, draw) * draw.uniform(0.2, 1.2)


def _curve(values: torch.Tensor, draw: Draw, knots: int = 6) -> torch.Tensor:
    """Return values mapped through a random piecewise-linear function on 0 … 1.5."""
    heights = torch.rand(knots, generator=draw.generator)
    heights[0] *= 0.2  # air stays dark
    position = (values.clamp(0, 1.5) / 1.5 * (knots - 1)).clamp(0, knots - 1 - 1e-4)
    lower = position.floor().long()
    part = position - lower
    return heights[lower] * (1 - part) + heights[lower + 1] * part
