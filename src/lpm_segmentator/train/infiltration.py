"""Fat in the muscles of a training sample, as patients have it; the labels stay.

A reader outlines the compartment of a muscle, not its flesh: fat that has taken the muscle's place
within the fascia belongs to the label. The subjects here are lean, so all of that is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from .draw import blur

if TYPE_CHECKING:
    from .draw import Draw


@dataclass(frozen=True)
class Tissue:
    """Water, fat ``(s, h, w)``, soft labels ``(5, s, h, w)`` of one warped sample."""

    water: torch.Tensor
    fat: torch.Tensor
    classes: torch.Tensor

    @property
    def muscle(self) -> torch.Tensor:
        """Share of the four muscles ``(s, h, w)``."""
        return 1.0 - self.classes[0]


def infiltrate(
    tissue: Tissue, draw: Draw, *, retreating: float = 0.0, streaking: float = 0.0
) -> Tissue:
    """Mix fat into the labelled muscles: streaks, patches, septa and atrophy; labels stay.

    The multifidus takes more than the erector spinae, the deep medial part most, as in patients.

    Parameters
    ----------
    tissue : Tissue
    draw : Draw
    retreating : float
        Probability that the flesh has drawn back within its compartment.
    streaking : float
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
    if draw.chance(streaking):
        share = torch.maximum(share, _streaks(tissue, draw))
    if draw.chance(retreating):
        share = torch.maximum(share, _retreat(tissue, draw))
    brightness = draw.uniform(0.7, 1.3) * fat_level(tissue)
    water = tissue.water * (1 - share)
    fat = tissue.fat * (1 - share) + share * brightness
    return Tissue(water, fat, tissue.classes)


def _septa(tissue: Tissue, draw: Draw) -> torch.Tensor:
    """Return the fat share of the planes between multifidus and erector spinae, and around them."""
    sigma = draw.uniform(0.8, 2.0)
    soft = torch.stack([blur(c, sigma) for c in tissue.classes])
    between = 4 * (soft[1] * soft[2] + soft[3] * soft[4])
    around = 4 * soft[0] * (1 - soft[0])
    share = draw.uniform(0, 0.9) * between + draw.uniform(0, 0.7) * around
    return share.clamp(0, 1)


def _streaks(tissue: Tissue, draw: Draw) -> torch.Tensor:
    """Return the fat share of thin lines between fascicles, denser in some parts than others."""
    size = (tissue.water.shape[1], tissue.water.shape[2])
    share = torch.zeros_like(tissue.water)
    for _ in range(1 + draw.integer(2)):
        cells, stretch = draw.uniform(12.0, 42.0), draw.uniform(0.6, 1.7)
        field = draw.smooth(size, (int(cells * stretch), int(1.3 * cells / stretch)))
        lines = torch.exp(-((field / draw.uniform(0.05, 0.3)) ** 2))
        part = torch.sigmoid(4 * (draw.smooth(size, (5, 6)) + draw.uniform(-1.0, 1.5)))
        share = torch.maximum(share, draw.uniform(0.3, 1.0) * lines * part)
    return share * tissue.muscle


def fat_level(tissue: Tissue) -> torch.Tensor:
    """Return the brightness of pure fat in this sample."""
    fatty = tissue.fat[tissue.fat > tissue.water]
    if fatty.numel() < 50:
        return (tissue.water + tissue.fat).mean().clamp_min(0.1)
    return fatty.median()


def _retreat(tissue: Tissue, draw: Draw) -> torch.Tensor:
    """Return the fat share where flesh has drawn back from the front, the depth or the rim.

    In patients the front of the erector spinae and the depth of the multifidus fill with fat first;
    what is left lies at the back, ragged towards the fat.
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
        part = min(0.75, reach[muscle] * draw.uniform(0.6, 1.4))
        limit = torch.quantile(score[len(inside) // 2][middle > 0.5], 1 - part)
        share = share + inside * torch.sigmoid(sharpness * (score - limit))
    return share.clamp(0, 1)


def _standard(position: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return positions in standard deviations from the weighted mean."""
    total = weight.sum()
    mean = (position * weight).sum() / total
    spread = ((position - mean) ** 2 * weight).sum() / total
    return (position - mean) / spread.sqrt().clamp_min(1.0)


def wrap_in_fascia(tissue: Tissue, draw: Draw) -> Tissue:
    """Darken the outline of the muscles: fascia, all that parts fat within from fat without."""
    soft = blur(tissue.muscle, draw.uniform(0.6, 1.0))
    keep = 1 - draw.uniform(0.2, 0.9) * 4 * soft * (1 - soft)
    return Tissue(tissue.water * keep, tissue.fat * keep, tissue.classes)
