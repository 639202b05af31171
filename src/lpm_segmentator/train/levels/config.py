"""The settings of the level model's training: read from a recipe, and stored in the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec

from lpm_segmentator.train.recipe import Count, Positive, Share

__all__ = ["LevelsConfig", "NamingConfig"]


@dataclass(frozen=True)
class LevelsConfig:
    """A training of the network that marks discs; every number that determines its outcome.

    Attributes
    ----------
    widths : tuple of int
        Channels of the network at each resolution, finest first.
    cycles : tuple of int
        Optimiser steps of each cycle. The learning rate restarts with each: discs are marked after
        the first, named after the second.
    batch_size : int
        Samples per step.
    learning_rate, weight_decay : float
        Peak rate of each cycle, and weight decay of AdamW.
    ema_decay : float
        Decay of the moving average of the weights, which is exported.
    folds : int
        Of the cross-validation.
    seed : int
        Seed of all random numbers.
    """

    widths: Annotated[tuple[Count, ...], msgspec.Meta(min_length=1)] = (16, 32, 64, 96, 128)
    cycles: Annotated[tuple[Count, ...], msgspec.Meta(min_length=1)] = (600, 700)
    batch_size: Count = 12
    learning_rate: Positive = 3e-3
    weight_decay: Annotated[float, msgspec.Meta(ge=0)] = 1e-3
    ema_decay: Share = 0.99
    folds: Annotated[int, msgspec.Meta(ge=2)] = 5
    seed: int = 6

    @property
    def steps(self) -> int:
        """Steps of all cycles."""
        return sum(self.cycles)


@dataclass(frozen=True)
class NamingConfig:
    """A training of the network that names discs; every number that determines its outcome.

    Attributes
    ----------
    patches_each, patches_each_slice : int
        Patches drawn from each class of a volume, and of a slice with boxes.
    steps, batch_size : int
        Optimiser steps, and samples per step.
    learning_rate, weight_decay : float
        Peak rate of the cosine schedule, and weight decay of AdamW.
    smoothing : float
        Label smoothing of the cross-entropy.
    seed : int
        Seed of all random numbers.
    """

    patches_each: Count = 100
    patches_each_slice: Count = 8
    steps: Count = 700
    batch_size: Count = 64
    learning_rate: Positive = 3e-3
    weight_decay: Annotated[float, msgspec.Meta(ge=0)] = 2e-2
    smoothing: Share = 0.05
    seed: int = 6
