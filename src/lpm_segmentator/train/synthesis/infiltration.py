"""Fat in the muscles of a training sample, as in patients; the labels stay unchanged.

A reader outlines the compartment of a muscle, not its lean tissue: fat that has replaced muscle
within the fascia belongs to the label. The subjects here are lean, so this fat is synthesised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from lpm_segmentator.train.draw import blur
from lpm_segmentator.train.synthesis.tissue import Tissue, fat_level

if TYPE_CHECKING:
    from lpm_segmentator.train.draw import Draw

__all__ = ["infiltrate", "wrap_in_fascia"]


def infiltrate(tissue: Tissue, draw: Draw, *, atrophy: float = 0.0, streaks: float = 0.0) -> Tissue:
    """Return the sample with fat in the labelled muscles: patches, septa, streaks and atrophy.

    The multifidus gets more fat than the erector spinae, as in patients.

    Parameters
    ----------
    tissue : Tissue
    draw : Draw
    atrophy : float
        Probability that fat replaces the anterior, deep or outer part of the muscles.
    streaks : float
        Probability of thin winding lines of fat between the fascicles.
    """
    height, width = tissue.water.shape[1:]
    grade = draw.uniform(0.0, 1.0) ** 1.3
    stretch = draw.uniform(0.6, 1.8)
    fields = sum(
        weight * draw.smooth((height, width), (int(cells * stretch), int(1.2 * cells / stretch)))
        for cells, weight in ((6, 0.5), (18, draw.uniform(0.3, 1.0)), (40, draw.uniform(0, 0.8)))
    )
    sharpness = draw.uniform(1.0, 5.0)
    multifidus = blur(tissue.classes[2] + tissue.classes[3], 3.0)
    preference = draw.uniform(0.2, 1.6) * multifidus + 0.3 * draw.smooth((height, width), (2, 2))
    level = 2.2 * grade - 1.8
    share = torch.sigmoid(sharpness * (fields + preference + level - 0.6))
    share = share * tissue.muscle * draw.uniform(0.5, 1.0)
    if draw.chance(0.5):
        share = torch.maximum(share, _septa(tissue, draw))
    if draw.chance(streaks):
        share = torch.maximum(share, _streaks(tissue, draw))
    if draw.chance(atrophy):
        share = torch.maximum(share, _atrophy(tissue, draw))
    signal = draw.uniform(0.7, 1.3) * fat_level(tissue)
    water = tissue.water * (1 - share)
    fat = tissue.fat * (1 - share) + share * signal
    return Tissue(water, fat, tissue.classes)


def _septa(tissue: Tissue, draw: Draw) -> torch.Tensor:
    """Return the fat share of the septa between multifidus and erector spinae and around both."""
    sigma = draw.uniform(0.8, 2.0)
    soft = torch.stack([blur(c, sigma) for c in tissue.classes])
    between = 4 * (soft[1] * soft[2] + soft[3] * soft[4])
    around = 4 * soft[0] * (1 - soft[0])
    share = draw.uniform(0, 0.9) * between + draw.uniform(0, 0.7) * around
    return share.clamp(0, 1)


def _streaks(tissue: Tissue, draw: Draw) -> torch.Tensor:
    """Return the fat share of thin lines between fascicles, denser in some parts than in others."""
    size = (tissue.water.shape[1], tissue.water.shape[2])
    share = torch.zeros_like(tissue.water)
    for _ in range(1 + draw.integer(2)):
        cells, stretch = draw.uniform(12.0, 42.0), draw.uniform(0.6, 1.7)
        field = draw.smooth(size, (int(cells * stretch), int(1.3 * cells / stretch)))
        lines = torch.exp(-((field / draw.uniform(0.05, 0.3)) ** 2))
        part = torch.sigmoid(4 * (draw.smooth(size, (5, 6)) + draw.uniform(-1.0, 1.5)))
        share = torch.maximum(share, draw.uniform(0.3, 1.0) * lines * part)
    return share * tissue.muscle


def _atrophy(tissue: Tissue, draw: Draw) -> torch.Tensor:
    """Return the fat share where fat has replaced the anterior, deep or outer part of a muscle.

    In patients, fat first replaces the anterior part of the erector spinae and the deep part of the
    multifidus; the remaining muscle tissue is posterior, with a ragged border.
    """
    height, width = tissue.water.shape[1:]
    rows = torch.arange(height, dtype=torch.float32).view(-1, 1)
    columns = torch.arange(width, dtype=torch.float32).view(1, -1)
    cells = draw.uniform(10.0, 30.0)
    ragged = draw.uniform(0.3, 1.0) * draw.smooth((height, width), (int(cells), int(1.2 * cells)))
    reach = {"erector": draw.uniform(0.0, 0.6), "multifidus": draw.uniform(0.0, 0.6)}
    front, rim = draw.uniform(0.2, 1.2), draw.uniform(0.0, 1.5)
    medial = {"erector": draw.uniform(-0.4, 0.5), "multifidus": draw.uniform(0.0, 1.2)}
    sharpness = draw.uniform(2.0, 8.0)
    share = torch.zeros_like(tissue.water)
    for value, muscle in enumerate(("erector", "multifidus", "multifidus", "erector"), 1):
        inside = tissue.classes[value]
        middle = inside[len(inside) // 2]
        if float(middle.sum()) < 30:
            continue
        y = _standard(rows.expand(height, width), middle)
        x = _standard(columns.expand(height, width), middle) * (1 if value < 3 else -1)
        border = 1 - (2 * blur(inside, 3.0) - 1).clamp(0, 1)
        score = ragged - front * y + medial[muscle] * x + rim * border
        replaced = min(0.75, reach[muscle] * draw.uniform(0.6, 1.4))
        limit = torch.quantile(score[len(inside) // 2][middle > 0.5], 1 - replaced)
        share = share + inside * torch.sigmoid(sharpness * (score - limit))
    return share.clamp(0, 1)


def _standard(position: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return positions in standard deviations from the weighted mean."""
    total = weight.sum()
    mean = (position * weight).sum() / total
    spread = ((position - mean) ** 2 * weight).sum() / total
    return (position - mean) / spread.sqrt().clamp_min(1.0)


def wrap_in_fascia(tissue: Tissue, draw: Draw) -> Tissue:
    """Return the sample with a dark rim around the muscles.

    Where fat fills a compartment, the fascia is all that separates it from the fat outside.
    """
    soft = blur(tissue.muscle, draw.uniform(0.6, 1.0))
    keep = 1 - draw.uniform(0.2, 0.9) * 4 * soft * (1 - soft)
    return Tissue(tissue.water * keep, tissue.fat * keep, tissue.classes)
