"""Negative examples: bodies without the muscles, such as heads, thighs and knees.

They are not anatomical: rounded bodies with a rim of fat, bones, and an interior that is divided at
random or folded like a brain. They teach the model that not every image shows the four muscles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from lpm_segmentator.train.synthesis.tissue import Tissue

if TYPE_CHECKING:
    from lpm_segmentator.train.draw import Draw


__all__ = ["negative_tissue"]


def negative_tissue(patch: tuple[int, int], slices: int, draw: Draw) -> Tissue:
    """Return a sample ``(slices, h, w)`` of one or two bodies without any label.

    Parameters
    ----------
    patch : tuple of int
        Rows and columns.
    slices : int
        Number of identical slices.
    draw : Draw
    """
    height, width = patch
    water, fat = torch.zeros(patch), torch.zeros(patch)
    count = 2 if draw.chance(0.4) else 1
    interior = _folded if draw.chance(0.5) else _divided
    interior_water, interior_fat = interior(patch, draw)
    for index in range(count):
        middle = width * (0.5 if count == 1 else 0.27 + 0.46 * index)
        half = width * draw.uniform(0.14, 0.22) if count == 2 else width * draw.uniform(0.2, 0.48)
        shape = (height * draw.uniform(0.4, 0.6), middle, height * draw.uniform(0.25, 0.5), half)
        distance = _distance(patch, shape, draw)
        rim = draw.uniform(0.0, 0.25)
        body, core = _soft(distance), _soft(distance - rim)
        water = water * (1 - body) + body * 0.05 * (1 - core) + core * interior_water
        fat = fat * (1 - body) + body * 0.9 * (1 - core) + core * interior_fat
        for _ in range(draw.integer(4)):
            water, fat = _bone(water, fat, shape, draw)
    if draw.chance(0.5):  # heads and pelves are symmetric, like a back
        water, fat = _mirrored(water), _mirrored(fat)
    classes = torch.zeros(5, slices, height, width)
    classes[0] = 1.0
    return Tissue(water.repeat(slices, 1, 1), fat.repeat(slices, 1, 1), classes)


def _mirrored(image: torch.Tensor) -> torch.Tensor:
    """Return an image whose right half mirrors its left half."""
    half = (image.shape[-1] + 1) // 2
    return torch.cat([image[..., :half], image[..., : image.shape[-1] - half].flip(-1)], dim=-1)


def _distance(
    patch: tuple[int, int], shape: tuple[float, float, float, float], draw: Draw
) -> torch.Tensor:
    """Return a field that is 1 at the centre of a wavy ellipse and 0 at its border."""
    y, x, tall, wide = shape
    rows = torch.arange(patch[0], dtype=torch.float32).view(-1, 1)
    columns = torch.arange(patch[1], dtype=torch.float32).view(1, -1)
    radius = (((rows - y) / tall) ** 2 + ((columns - x) / wide) ** 2).sqrt()
    return 1 - radius + draw.uniform(0.0, 0.12) * draw.smooth(patch, (5, 6))[0]


def _soft(distance: torch.Tensor) -> torch.Tensor:
    return torch.sigmoid(distance / 0.015)


def _divided(patch: tuple[int, int], draw: Draw) -> tuple[torch.Tensor, torch.Tensor]:
    """Return water and fat of muscles or organs: patches separated by fat."""
    cells = 3 + draw.integer(8)
    field = draw.smooth(patch, (cells, cells))[0]
    levels = torch.round(2 * field)
    water = 0.6 + draw.uniform(0.0, 0.25) * torch.sin(levels * draw.uniform(1, 9))
    between = torch.exp(-(((2 * field - levels).abs() - 0.5) ** 2) / draw.uniform(0.002, 0.02))
    share = draw.uniform(0.2, 1.0) * between
    return water * (1 - share), 0.05 + 0.8 * share


def _folded(patch: tuple[int, int], draw: Draw) -> tuple[torch.Tensor, torch.Tensor]:
    """Return water and fat of a folded interior: winding lines over two levels of water."""
    cells = 10 + draw.integer(20)
    lines = torch.exp(-draw.smooth(patch, (cells, cells))[0].abs() / draw.uniform(0.05, 0.3))
    coarse = torch.sigmoid(6 * draw.smooth(patch, (4, 4))[0])
    water = 0.5 + draw.uniform(-0.3, 0.3) * coarse + draw.uniform(-0.4, 0.5) * lines
    return water.clamp_min(0.02), torch.full(patch, 0.03)


def _bone(
    water: torch.Tensor,
    fat: torch.Tensor,
    shape: tuple[float, float, float, float],
    draw: Draw,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return water and fat with a bone inside an ellipse: dark cortex around fatty marrow."""
    y = shape[0] + draw.normal(0.25) * shape[2]
    x = shape[1] + draw.normal(0.25) * shape[3]
    size = draw.uniform(0.08, 0.3)
    distance = _distance(
        (water.shape[0], water.shape[1]), (y, x, size * shape[2], size * shape[3]), draw
    )
    bone, marrow = _soft(distance), _soft(distance - draw.uniform(0.1, 0.3))
    marrow_fat = draw.uniform(0.2, 1.0)
    water = water * (1 - bone) + marrow * 0.3
    return water, fat * (1 - bone) + marrow * marrow_fat
