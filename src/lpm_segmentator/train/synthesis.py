"""Training images made from Dixon pairs: any contrast, any field of view, any amount of fat.

A Dixon pair tells the water and the fat of every voxel, so the image that another sequence would
have shown can be composed from it. :class:`Synthesiser` draws, for each sample, a slice with its
neighbours, warps it, infiltrates the labelled muscles with fat, composes a contrast and adds what
scanners add (coil shading, blur, noise, ghosts, a narrow field of view).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from .draw import Draw, blur
from .foreign import foreign_tissue
from .infiltration import Tissue, infiltrate, wrap_in_fascia
from .pelvis import add_pelvis, draw_narrowing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .config import SynthesisConfig
    from .pelvis import Narrowing
    from .shapes import Bend
    from .subjects import TrainingSubject

#: label value → label value after a left–right flip (LPM order: ES right, MF right, MF left, ES
#: left)
MIRRORED = (0, 4, 3, 2, 1)
#: part of a stack, from its lowest slice, beside which the pelvis may lie
_LOW_PART = 0.35


@dataclass(frozen=True)
class Batch:
    """Images ``(n, 2 * context + 1, h, w)`` and labels ``(n, h, w)`` of their middle slices."""

    images: torch.Tensor
    labels: torch.Tensor


class Synthesiser:
    """Draws training batches from Dixon subjects.

    Parameters
    ----------
    subjects : sequence of TrainingSubject
        The labelled pairs.
    config : SynthesisConfig
        What to draw and how often.
    """

    def __init__(self, subjects: Sequence[TrainingSubject], config: SynthesisConfig) -> None:
        self.subjects = list(subjects)
        self.config = config

    def batch(self, size: int, *, seed: int, step: int) -> Batch:
        """Return the batch of a training step; the same seed and step give the same batch."""
        images, labels = [], []
        start = (seed * 1_000_003 + step) * 1_009
        near = Draw(start + size).chance(self.config.near_share)
        patch = self.config.near_patch if near else self.config.patch
        for index in range(size):
            image, label = self.sample(Draw(start + index), patch)
            images.append(image)
            labels.append(label)
        return Batch(torch.stack(images), torch.stack(labels))

    def sample(
        self, draw: Draw, patch: tuple[int, int] | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return one image ``(2 * context + 1, h, w)`` and its labels ``(h, w)``."""
        patch = patch or self.config.patch
        if draw.chance(self.config.foreign):
            tissue = foreign_tissue(patch, 2 * self.config.context + 1, draw)
        else:
            tissue = self._back(patch, draw)
        labels = tissue.classes[:, self.config.context].argmax(0)
        if _certain_or_drawn(self.config.contrasts, draw):
            image = compose(tissue, draw)
        else:
            image = tissue.water if draw.chance(0.5) else tissue.fat
        seen = self._field_of_view(labels, draw)
        image = self._acquire(image, seen, draw)
        labels = labels * seen
        if draw.chance(0.5):
            image = image.flip(-1)
            labels = torch.tensor(MIRRORED)[labels.flip(-1)]
        return image, labels

    def _back(self, patch: tuple[int, int], draw: Draw) -> Tissue:
        """Return a warped sample of a subject with what patients have and the subjects lack."""
        config = self.config
        subject = self._choose_subject(draw)
        bend: Bend | Narrowing | None = None
        middle = None
        if subject.warps is not None and draw.chance(config.shapes):
            middle, bend = subject.warps.draw(draw)
        slices = self._choose_slices(subject, middle, draw)
        low = slices[config.context] < _LOW_PART * len(subject.labels)
        # The lowest slices of other people's muscles bring their own narrowing.
        pelvis = bend is None and low and subject.whole and draw.chance(config.pelvis)
        if pelvis:
            bend = draw_narrowing(subject.labels[slices[config.context]], subject.spacing_mm, draw)
        tissue = self._warp(subject, slices, draw, patch=patch, bend=bend)
        if pelvis:
            tissue = add_pelvis(tissue, config.spacing_mm, draw)
        if draw.chance(config.infiltration):
            tissue = infiltrate(tissue, draw, retreating=config.retreat, streaking=config.streaks)
        if draw.chance(config.fascia):
            tissue = wrap_in_fascia(tissue, draw)
        return tissue

    def _choose_subject(self, draw: Draw) -> TrainingSubject:
        total = sum(subject.weight for subject in self.subjects)
        mark = draw.uniform(0.0, total)
        for subject in self.subjects:
            mark -= subject.weight
            if mark < 0:
                return subject
        return self.subjects[-1]

    def _warp(
        self,
        subject: TrainingSubject,
        slices: list[int],
        draw: Draw,
        *,
        patch: tuple[int, int],
        bend: Bend | Narrowing | None,
    ) -> Tissue:
        grid = self._grid(subject, slices[self.config.context], draw, patch=patch, bend=bend)
        debiased = draw.chance(0.6)
        water = subject.water_flat if debiased else subject.water
        fat = subject.fat_flat if debiased else subject.fat
        index = torch.tensor(slices)
        source = torch.cat(
            [torch.stack([water[index], fat[index]]), _one_hot(subject.labels[index])]
        )
        n = len(slices)
        warped = functional.grid_sample(
            source.transpose(0, 1), grid.expand(n, -1, -1, -1), align_corners=False
        ).transpose(0, 1)
        classes = warped[2:]
        classes[0] = 1.0 - classes[1:].sum(0)
        return Tissue(warped[0], warped[1], classes)

    def _choose_slices(self, subject: TrainingSubject, middle: int | None, draw: Draw) -> list[int]:
        count = subject.water.shape[0]
        if middle is None:
            low = self.config.low_slices
            highest = max(1, count // 5) if low > 0 and draw.chance(low) else count
            middle = draw.integer(highest)
        if draw.chance(self.config.single_slice):
            return [middle] * (2 * self.config.context + 1)
        step = 1 + (draw.integer(3) if draw.chance(0.3) else 0)
        if draw.chance(0.15):
            step = -step  # stacks that run head to feet
        offsets = range(-self.config.context, self.config.context + 1)
        return [min(max(middle + step * offset, 0), count - 1) for offset in offsets]

    def _grid(
        self,
        subject: TrainingSubject,
        middle: int,
        draw: Draw,
        *,
        patch: tuple[int, int],
        bend: Bend | Narrowing | None,
    ) -> torch.Tensor:
        """Return the sampling grid ``(1, h, w, 2)`` in normalised source coordinates."""
        config = self.config
        height, width = patch
        centre_y, centre_x = subject.centre_px[middle]
        spacing = config.spacing_mm / subject.spacing_mm
        scale = math.exp(draw.normal(0.14))
        stretch = math.exp(draw.normal(0.07))
        angle = math.radians(draw.normal(5.0))
        shear = draw.normal(0.05)
        rows = (torch.arange(height) - (height - 1) / 2).view(-1, 1).expand(height, width)
        columns = (torch.arange(width) - (width - 1) / 2).view(1, -1).expand(height, width)
        cells = [(3, 3), (6, 7), (12, 14)]
        amplitudes = [draw.uniform(0, 6), draw.uniform(0, 2.5), draw.uniform(0, 0.8)]
        shift = sum(
            amplitude / config.spacing_mm * draw.smooth(patch, cell, 2)
            for cell, amplitude in zip(cells, amplitudes, strict=True)
        )
        rows, columns = rows + shift[0], columns + shift[1]  # type: ignore[index]
        y = (math.cos(angle) * rows + math.sin(angle) * columns) * scale * stretch
        x = (-math.sin(angle) * rows + math.cos(angle) * columns) * scale / stretch + shear * y
        # The muscles lie in the posterior third of a body; look further forward more often.
        y = y + draw.uniform(-0.375, 0.175) * height
        x = x + draw.normal(0.104) * width
        if bend is not None:
            x, y = (
                points / config.spacing_mm
                for points in bend.source_mm(x * config.spacing_mm, y * config.spacing_mm)
            )
        source_h, source_w = subject.water.shape[1:]
        y = (centre_y + y * spacing + 0.5) / source_h * 2 - 1
        x = (centre_x + x * spacing + 0.5) / source_w * 2 - 1
        return torch.stack([x, y], dim=-1)[None]

    def _field_of_view(self, labels: torch.Tensor, draw: Draw) -> torch.Tensor:
        """Return a mask ``(h, w)`` of what the scanner saw: all, or a rectangle on the muscles."""
        seen = torch.ones_like(labels, dtype=torch.bool)
        if not draw.chance(self.config.narrow_field):
            return seen
        cut = (draw.uniform(0, 25) if draw.chance(0.4) else 0.0) / self.config.spacing_mm
        for axis in (0, 1):
            length = draw.uniform(130.0, 240.0) / self.config.spacing_mm
            present = labels.amax(1 - axis).nonzero().flatten()
            if present.numel() == 0:
                continue
            first, last = float(present[0]) + cut, float(present[-1]) + 1 - cut
            low, high = sorted((last - length, first))
            start = draw.uniform(low, high)
            position = torch.arange(labels.shape[axis])
            inside = (position >= start) & (position < start + length)
            seen &= inside[:, None] if axis == 0 else inside[None, :]
        return seen

    def _acquire(self, image: torch.Tensor, seen: torch.Tensor, draw: Draw) -> torch.Tensor:
        """Return the image as a scanner would have given it, normalised."""
        if _certain_or_drawn(self.config.acquisition, draw):
            image = _degrade(_shade(image, draw), draw)
        image = normalise(image * seen)
        return image * math.exp(draw.normal(0.15)) + draw.normal(0.02)


def _certain_or_drawn(probability: float, draw: Draw) -> bool:
    """Return True with this probability; what is certain takes no number from the draw."""
    return probability >= 1 or draw.chance(probability)


def normalise(image: torch.Tensor) -> torch.Tensor:
    """Scale an image so that the 95th percentile of its body is 1.

    The body is what lies above half the mean of the image. The embedded predictor does the same
    in numpy; the two must stay equal (a test compares them).
    """
    body = image[image > 0.5 * image.mean()]
    if body.numel() == 0:
        return image
    rank = min(body.numel() - 1, int(0.95 * body.numel()))
    top = body.kthvalue(rank + 1).values.clamp_min(1e-6)
    return (image / top).clamp(-0.5, 3.0)


def _one_hot(labels: torch.Tensor) -> torch.Tensor:
    return torch.stack([(labels == value) for value in range(5)]).float()


def compose(tissue: Tissue, draw: Draw) -> torch.Tensor:
    """Return an image ``(s, h, w)`` of a random contrast of this tissue."""
    water, fat = tissue.water.clamp_min(0), tissue.fat.clamp_min(0)
    if draw.chance(0.35):
        # Tissues other than muscle differ between sequences; muscle stays one brightness.
        water = water * _foreign_factor(tissue, draw)
    kind = draw.uniform()
    if kind < 0.12:
        image = water ** draw.uniform(0.6, 1.6)
    elif kind < 0.24:
        image = fat ** draw.uniform(0.6, 1.6) + draw.uniform(0.0, 0.15) * water
    elif kind < 0.34:
        image = water + fat * draw.uniform(0.7, 1.5)
    elif kind < 0.39:
        image = (water - fat).abs()
    elif kind < 0.85:
        image = _spin_echo(tissue, water, fat, draw)
    else:
        image = _random_curves(water, fat, draw)
    return image.clamp_min(0)


def _foreign_factor(tissue: Tissue, draw: Draw) -> torch.Tensor:
    """Return a factor field: 1 in the labelled muscles, patches of other brightness elsewhere."""
    height, width = tissue.water.shape[1:]
    cells = 4 + draw.integer(12)
    field = draw.smooth((height, width), (cells, cells))
    levels = torch.round(field * draw.uniform(0.8, 2.0))
    factor = torch.exp(draw.uniform(0.2, 0.8) * levels).clamp(0.1, 4.0)
    return 1 + (factor - 1) * (1 - blur(tissue.muscle, 1.0))


def _spin_echo(tissue: Tissue, water: torch.Tensor, fat: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Return a T1w- or T2w-like image: bright fat, darker muscle, fluid anywhere between."""
    muscle = blur(tissue.muscle, 0.7)
    muscle_level = draw.uniform(0.1, 0.55)
    other_level = muscle_level * draw.uniform(0.8, 3.0)
    water_factor = muscle * muscle_level + (1 - muscle) * other_level
    image = water * water_factor + fat * draw.uniform(0.7, 1.3)
    if draw.chance(0.3):
        bright = torch.sigmoid(8 * (water - draw.uniform(0.8, 1.3))) * (1 - muscle)
        image = image + draw.uniform(0, 0.8) * bright
    return image


def _random_curves(water: torch.Tensor, fat: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Return a sum of random piecewise-linear functions of water and of fat."""
    return _curve(water, draw) + _curve(fat, draw) * draw.uniform(0.2, 1.2)


def _curve(values: torch.Tensor, draw: Draw, knots: int = 6) -> torch.Tensor:
    heights = torch.rand(knots, generator=draw.generator)
    heights[0] *= 0.2  # air stays dark
    position = (values.clamp(0, 1.5) / 1.5 * (knots - 1)).clamp(0, knots - 1 - 1e-4)
    lower = position.floor().long()
    part = position - lower
    return heights[lower] * (1 - part) + heights[lower + 1] * part


def _shade(image: torch.Tensor, draw: Draw) -> torch.Tensor:
    height, width = image.shape[1:]
    if draw.chance(0.7):
        field = draw.smooth((height, width), (2, 2))
        image = image * torch.exp(draw.uniform(0.0, 0.4) * field)
    if draw.chance(0.4):
        # A spine coil: bright at the back, falling off towards the front.
        depth = torch.linspace(1, 0, height).view(1, -1, 1)
        image = image * torch.exp(-draw.uniform(0.0, 3.0) * depth)
    if draw.chance(0.3):
        level = image.mean().clamp_min(1e-6)
        image = level * (image / level) ** draw.uniform(0.6, 1.5)
    return image


def _degrade(image: torch.Tensor, draw: Draw) -> torch.Tensor:
    level = image.mean().clamp_min(1e-6)
    if draw.chance(0.4):
        image = blur(image, draw.uniform(0.4, 1.4))
    elif draw.chance(0.5):
        soft = blur(image, 1.0)
        image = (image + draw.uniform(0.3, 1.5) * (image - soft)).clamp_min(0)
    if draw.chance(0.05):
        shift = 10 + draw.integer(60)
        image = image + draw.uniform(0.02, 0.15) * image.roll(shift, dims=1)
    if draw.chance(0.7):
        sigma = draw.uniform(0.0, 0.14) * level
        # Magnitude images carry Rician noise.
        real = image + sigma * draw.noise(image.shape)
        imaginary = sigma * draw.noise(image.shape)
        image = torch.sqrt(real**2 + imaginary**2)
    if draw.chance(0.2):
        texture = draw.smooth((image.shape[1], image.shape[2]), (40, 48))
        image = image * (1 + draw.uniform(0, 0.2) * texture).clamp_min(0)
    return image
