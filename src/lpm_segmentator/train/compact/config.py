"""The settings of a training run: read from a recipe, and stored in the model."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec

from lpm_segmentator.train.recipe import Count, Positive, Share
from lpm_segmentator.train.synthesis.config import SynthesisConfig

__all__ = ["CompactConfig", "Stage"]


@dataclass(frozen=True)
class Stage:
    """A part of a training with a schedule of its own.

    Attributes
    ----------
    steps : int
        Optimiser steps.
    learning_rate : float
        Peak rate of the one-cycle schedule.
    synthesis : SynthesisConfig
        How images are drawn; spacing, patch and context are the same in all stages.
    """

    steps: int
    learning_rate: float
    synthesis: SynthesisConfig


@dataclass(frozen=True)
class CompactConfig:
    """A training run of the compact model; every number that determines its outcome.

    Attributes
    ----------
    widths : tuple of int
        Channels of the network at each resolution, finest first.
    steps, batch_size : int
        Optimiser steps of the main stage, and samples per step.
    learning_rate, weight_decay : float
        Peak rate of the one-cycle schedule, and weight decay of AdamW.
    refine_steps : int
        Steps of a second stage, which starts from the averaged weights of the first.
    refine_learning_rate, refine_low_slices : float
        Peak rate and `SynthesisConfig.low_slices` of that stage.
    ema_decay : float
        Decay of the moving average of the weights, which is exported.
    phantoms : int
        Synthetic phantoms added to the real subjects.
    phantom_share : float
        Share of the samples that is drawn from phantoms.
    unlabelled_share : float
        Share of the samples that is drawn from subjects labelled by the starting model.
    seed : int
        Seed of all random numbers.
    """

    widths: Annotated[tuple[Count, ...], msgspec.Meta(min_length=1)] = (16, 48, 96, 160, 192)
    steps: Count = 1500
    batch_size: Count = 12
    learning_rate: Positive = 3e-3
    refine_steps: Annotated[int, msgspec.Meta(ge=0)] = 0
    refine_learning_rate: Positive = 1e-3
    refine_low_slices: Share = 0.4
    weight_decay: Annotated[float, msgspec.Meta(ge=0)] = 1e-3
    ema_decay: Share = 0.998
    phantoms: Annotated[int, msgspec.Meta(ge=0)] = 6
    phantom_share: Share = 0.15
    unlabelled_share: Share = 0.3
    seed: int = 20250
    synthesis: SynthesisConfig = field(default_factory=SynthesisConfig)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages in order."""
        main = Stage(self.steps, self.learning_rate, self.synthesis)
        if self.refine_steps == 0:
            return (main,)
        refined = dataclasses.replace(self.synthesis, low_slices=self.refine_low_slices)
        return main, Stage(self.refine_steps, self.refine_learning_rate, refined)

    @property
    def total_steps(self) -> int:
        """Steps of all stages."""
        return sum(stage.steps for stage in self.stages)

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and lists, as written to files."""
        return dataclasses.asdict(self)
