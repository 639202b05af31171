"""The settings of an adaptation."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

__all__ = ["AdaptConfig"]


@dataclass(frozen=True)
class AdaptConfig:
    """Every number that determines an adapted model, apart from the cases and the base.

    Attributes
    ----------
    steps : int
        Optimiser steps of each network.
    case_samples, rehearsal_samples : int
        Samples per step that are drawn from the user's cases, and from what the base was trained
        on.
    learning_rate : float
        Peak rate of the one-cycle schedule.
    ema_decay : float
        Decay of the moving average of the weights, which is exported.
    rehearsal_images : int
        Rehearsal images that are drawn once, for all trainings.
    rehearsal_weight : float
        Weight of the divergence from the base's probabilities on rehearsal samples.
    distillation_weight : float
        The same, on samples of the user's cases.
    phantoms, phantom_share : int, float
        Synthetic phantoms among the rehearsal subjects, and their share of the samples.
    patch, near_patch : tuple of int
        Rows and columns of a sample, and of a smaller one around the muscles.
    near_share : float
        Share of the steps with the smaller one.
    acquisition, single_slice, narrow_field : float
        Probabilities of coil shading, blur and noise; of a slice without its neighbours; and of a
        cropped field of view, in samples of the user's cases.
    folds : int
        Largest number of folds of the cross-validation.
    seed : int
        Seed of all random numbers.
    """

    steps: int = 80
    case_samples: int = 4
    rehearsal_samples: int = 4
    learning_rate: float = 1.5e-4
    ema_decay: float = 0.97
    rehearsal_images: int = 96
    rehearsal_weight: float = 5.0
    distillation_weight: float = 0.25
    phantoms: int = 2
    phantom_share: float = 0.15
    patch: tuple[int, int] = (160, 192)
    near_patch: tuple[int, int] = (112, 160)
    near_share: float = 0.8
    acquisition: float = 0.5
    single_slice: float = 0.5
    narrow_field: float = 0.2
    folds: int = 5
    seed: int = 20261

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and lists, as written to files."""
        return dataclasses.asdict(self)
