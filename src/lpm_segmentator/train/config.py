"""What a training run is: a value that is read from a file and stored in the model."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class SynthesisConfig:
    """How training images are drawn.

    Attributes
    ----------
    spacing_mm : float
        In-plane spacing of the model's grid.
    patch : tuple of int
        Rows (anterior to posterior) and columns (right to left) of a training image.
    near_patch, near_share : tuple of int, float
        A smaller image around the muscles, and the part of the steps that draw it: cheaper, and
        most of what is to be learnt lies there.
    context : int
        Neighbouring slices on either side.
    single_slice : float
        Probability that the neighbours are copies of the middle slice.
    contrasts : float
        Probability of a contrast composed from water and fat; otherwise one of the two as it is.
    acquisition : float
        Probability that coil shading, blur, noise and ghosts are drawn.
    infiltration : float
        Probability that fat is mixed into the muscles.
    retreat : float
        Probability that an infiltrated sample's flesh has drawn back within its compartments.
    streaks : float
        Probability that an infiltrated sample has thin lines of fat between its fascicles.
    fascia : float
        Probability of a dark outline around the muscles.
    pelvis : float
        Probability that a sample from the lowest third of a stack gets iliac wings, gluteal
        muscles and an erector spinae narrowed between bone and multifidus.
    shapes : float
        Probability that a subject with `warps` is bent to the shape of another person's muscles.
    foreign : float
        Probability of a body without the muscles.
    narrow_field : float
        Probability of a cropped field of view.
    low_slices : float
        Probability that a sample comes from the lowest fifth of its subject's stack, beside what
        chance gives: there the muscles taper beside the iliac bone, and few slices show it.
    """

    spacing_mm: float = 1.25
    patch: tuple[int, int] = (160, 192)
    near_patch: tuple[int, int] = (112, 160)
    near_share: float = 0.7
    context: int = 1
    single_slice: float = 0.5
    contrasts: float = 1.0
    acquisition: float = 1.0
    infiltration: float = 0.7
    retreat: float = 0.35
    streaks: float = 0.5
    fascia: float = 0.4
    pelvis: float = 0.6
    shapes: float = 0.35
    foreign: float = 0.07
    narrow_field: float = 0.5
    low_slices: float = 0.0


@dataclass(frozen=True)
class Stage:
    """A part of a training with a schedule of its own.

    Attributes
    ----------
    steps : int
        Optimiser steps.
    learning_rate : float
        Peak rate of the stage's one-cycle schedule.
    synthesis : SynthesisConfig
        How images are drawn; spacing, patch and context must not change between stages.
    """

    steps: int
    learning_rate: float
    synthesis: SynthesisConfig


@dataclass(frozen=True)
class CompactConfig:
    """A training run of the compact model; every number that decides its outcome.

    Attributes
    ----------
    widths : tuple of int
        Channels of the network's levels.
    steps, batch_size : int
        Optimiser steps of the main stage and samples a step.
    learning_rate, weight_decay : float
        Peak rate of the one-cycle schedule and decay of AdamW.
    refine_steps : int
        Steps of a second stage, from the averaged weights of the first.
    refine_learning_rate, refine_low_slices : float
        Peak rate and `SynthesisConfig.low_slices` of that stage.
    ema_decay : float
        Decay of the moving average of the weights, which is what is exported.
    phantoms : int
        Synthetic phantoms mixed into the real subjects.
    phantom_share : float
        Part of the samples that comes from phantoms.
    unlabelled_share : float
        Part of the samples that comes from people whom the starting model labels.
    seed : int
        Seed of everything random.
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
        """The stages in their order."""
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
        """Return plain numbers and lists, as they are written to files."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> CompactConfig:
        """Return the configuration of a mapping.

        Raises
        ------
        TypeError
            For a name that is no setting.
        """
        inner = dict(values.get("synthesis", {}))
        for name in {"patch", "near_patch"} & inner.keys():
            inner[name] = tuple(inner[name])
        outer = {key: value for key, value in values.items() if key != "synthesis"}
        if "widths" in outer:
            outer["widths"] = tuple(outer["widths"])
        return cls(**outer, synthesis=SynthesisConfig(**inner))
