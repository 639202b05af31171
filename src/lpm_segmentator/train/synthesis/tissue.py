"""Water, fat and labels of one training sample, and its signal levels."""

from __future__ import annotations

from dataclasses import dataclass

import torch

__all__ = ["Tissue", "fat_level", "muscle_level"]


@dataclass(frozen=True)
class Tissue:
    """One warped sample.

    Attributes
    ----------
    water, fat : torch.Tensor
        Signals ``(s, h, w)``.
    classes : torch.Tensor
        Soft labels ``(5, s, h, w)``: background, ES right, MF right, MF left, ES left.
    """

    water: torch.Tensor
    fat: torch.Tensor
    classes: torch.Tensor

    @property
    def muscle(self) -> torch.Tensor:
        """Share of the four muscles ``(s, h, w)``."""
        return 1.0 - self.classes[0]


def fat_level(tissue: Tissue) -> torch.Tensor:
    """Return the signal of pure fat: the median fat signal where fat exceeds water."""
    fatty = tissue.fat[tissue.fat > tissue.water]
    if fatty.numel() < 50:
        return (tissue.water + tissue.fat).mean().clamp_min(0.1)
    return fatty.median()


def muscle_level(tissue: Tissue) -> torch.Tensor:
    """Return the water signal of muscle: the median within the labels."""
    lean = tissue.water[tissue.muscle > 0.9]
    return lean.median() if lean.numel() > 50 else tissue.water.mean()
