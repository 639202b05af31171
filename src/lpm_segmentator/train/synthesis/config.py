"""The settings of the synthesis: what to draw, and how often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec

from lpm_segmentator.train.recipe import Count, Positive, Share

__all__ = ["SynthesisConfig"]


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
        A smaller image around the muscles, and the share of the steps that draw it. It costs less,
        and contains most of what has to be learnt.
    context : int
        Neighbouring slices on either side.
    single_slice : float
        Probability that the neighbours are copies of the middle slice.
    contrasts : float
        Probability of a contrast composed from water and fat; otherwise the water or the fat image.
    acquisition : float
        Probability of coil shading, blur, noise and ghosts.
    infiltration : float
        Probability that fat is mixed into the muscles.
    atrophy : float
        Probability that the muscle tissue of an infiltrated sample is atrophied within its
        compartment.
    streaks : float
        Probability of thin lines of fat between the fascicles of an infiltrated sample.
    fascia : float
        Probability of a dark rim around the muscles.
    pelvis : float
        Probability that a sample from the lowest third of a stack gets iliac wings, gluteal
        muscles, and an erector spinae narrowed between bone and multifidus.
    shapes : float
        Probability that a subject with `warps` is warped to the muscle shape of another subject.
    negatives : float
        Probability of a negative example: a body without the muscles.
    narrow_field : float
        Probability of a cropped field of view.
    low_slices : float
        Probability that a sample is taken from the lowest fifth of the stack on purpose: there the
        muscles taper beside the iliac bone, and few slices show it.
    """

    spacing_mm: Positive = 1.25
    patch: tuple[Count, Count] = (160, 192)
    near_patch: tuple[Count, Count] = (112, 160)
    near_share: Share = 0.7
    context: Annotated[int, msgspec.Meta(ge=0)] = 1
    single_slice: Share = 0.5
    contrasts: Share = 1.0
    acquisition: Share = 1.0
    infiltration: Share = 0.7
    atrophy: Share = 0.35
    streaks: Share = 0.5
    fascia: Share = 0.4
    pelvis: Share = 0.6
    shapes: Share = 0.35
    negatives: Share = 0.07
    narrow_field: Share = 0.5
    low_slices: Share = 0.0
