"""The settings of a training run: read from a recipe, and stored in the model."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass, field
from typing import Any

from lpm_segmentator.train.synthesis.config import SynthesisConfig

__all__ = ["CompactConfig", "Stage"]

logger = logging.getLogger(__name__)

#: former name -> name of settings of the synthesis; former names work for one version after 0.1
_RENAMED = {"foreign": "negatives", "retreat": "atrophy"}


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

    widths: tuple[int, ...] = (16, 48, 96, 160, 192)
    steps: int = 1500
    batch_size: int = 12
    learning_rate: float = 3e-3
    refine_steps: int = 0
    refine_learning_rate: float = 1e-3
    refine_low_slices: float = 0.4
    weight_decay: float = 1e-3
    ema_decay: float = 0.998
    phantoms: int = 6
    phantom_share: float = 0.15
    unlabelled_share: float = 0.3
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

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> CompactConfig:
        """Return the configuration of a mapping.

        Raises
        ------
        TypeError
            If a name is not a setting.
        """
        inner = _with_current_names(dict(values.get("synthesis", {})))
        for name in {"patch", "near_patch"} & inner.keys():
            inner[name] = tuple(inner[name])
        outer = {key: value for key, value in values.items() if key != "synthesis"}
        if "widths" in outer:
            outer["widths"] = tuple(outer["widths"])
        return cls(**outer, synthesis=SynthesisConfig(**inner))


def _with_current_names(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings with former names replaced, each with a warning."""
    for former in _RENAMED.keys() & settings.keys():
        current = _RENAMED[former]
        logger.warning("the setting %r is now called %r; change it in the recipe", former, current)
        settings[current] = settings.pop(former)
    return settings
