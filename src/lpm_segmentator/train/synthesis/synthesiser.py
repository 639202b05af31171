"""Training batches made from Dixon pairs: any contrast, any field of view, any amount of fat.

A Dixon pair gives the water and fat signal of every voxel, so the image that another sequence would
have shown can be composed from it. For each sample, `Synthesiser` draws a slice with its
neighbours, warps it, mixes fat into the labelled muscles, composes a contrast, and adds the effects
of the acquisition (coil shading, blur, noise, ghosts, a narrow field of view).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from lpm_segmentator.train.draw import Draw
from lpm_segmentator.train.synthesis.acquisition import acquired, draw_field_of_view
from lpm_segmentator.train.synthesis.contrasts import compose
from lpm_segmentator.train.synthesis.infiltration import infiltrate, wrap_in_fascia
from lpm_segmentator.train.synthesis.negatives import negative_tissue
from lpm_segmentator.train.synthesis.pelvis import add_pelvis, draw_narrowing
from lpm_segmentator.train.synthesis.tissue import Tissue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lpm_segmentator.train.synthesis.config import SynthesisConfig
    from lpm_segmentator.train.synthesis.subjects import TrainingSubject
    from lpm_segmentator.train.synthesis.warps import Deformation

__all__ = ["MIRRORED", "Batch", "Synthesiser", "mirrored", "random_warp"]

#: label after a left–right flip, by label (1 ES right, 2 MF right, 3 MF left, 4 ES left)
MIRRORED = (0, 4, 3, 2, 1)
#: share of a stack, from its lowest slice, in which the pelvis may be visible
_LOW_SHARE = 0.35


@dataclass(frozen=True)
class Batch:
    """The samples of a training step.

    Attributes
    ----------
    images : torch.Tensor
        ``(n, 2 * context + 1, h, w)``.
    labels : torch.Tensor
        ``(n, h, w)``, of the middle slices.
    """

    images: torch.Tensor
    labels: torch.Tensor


class Synthesiser:
    """Draws training batches from Dixon subjects.

    Parameters
    ----------
    subjects : sequence of TrainingSubject
        The labelled pairs.
    config : SynthesisConfig
        What to draw, and how often.
    """

    def __init__(self, subjects: Sequence[TrainingSubject], config: SynthesisConfig) -> None:
        self.subjects = list(subjects)
        self.config = config

    def batch(self, size: int, *, seed: int, step: int) -> Batch:
        """Return the batch of a training step; the same seed and step give the same batch.

        Parameters
        ----------
        size : int
            Number of samples.
        seed : int
            Of the training.
        step : int
            Counted from 0.
        """
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
        """Return an image ``(2 * context + 1, h, w)`` and the labels ``(h, w)`` of its middle.

        Parameters
        ----------
        draw : Draw
            The random numbers of this sample.
        patch : tuple of int, optional
            Rows and columns; by default those of the configuration.
        """
        patch = patch or self.config.patch
        if draw.chance(self.config.negatives):
            tissue = negative_tissue(patch, 2 * self.config.context + 1, draw)
        else:
            tissue = self._tissue(patch, draw)
        labels = tissue.classes[:, self.config.context].argmax(0)
        if _certain_or_drawn(self.config.contrasts, draw):
            image = compose(tissue, draw)
        else:
            image = tissue.water if draw.chance(0.5) else tissue.fat
        visible = torch.ones_like(labels, dtype=torch.bool)
        if draw.chance(self.config.narrow_field):
            visible = draw_field_of_view(labels, self.config.spacing_mm, draw)
        degraded = _certain_or_drawn(self.config.acquisition, draw)
        image = acquired(image, visible, draw, degraded=degraded)
        labels = labels * visible
        if draw.chance(0.5):
            image, labels = image.flip(-1), mirrored(labels)
        return image, labels

    def _tissue(self, patch: tuple[int, int], draw: Draw) -> Tissue:
        """Return a warped sample of a subject, with features of patients that the subjects lack."""
        config = self.config
        subject = self._choose_subject(draw)
        deformation: Deformation | None = None
        middle = None
        if subject.warps is not None and draw.chance(config.shapes):
            middle, deformation = subject.warps.draw(draw)
        slices = self._choose_slices(subject, middle, draw)
        low = slices[config.context] < _LOW_SHARE * len(subject.labels)
        # The lowest slices of other subjects' shapes are narrow already.
        pelvis = deformation is None and low and subject.whole and draw.chance(config.pelvis)
        if pelvis:
            labels = subject.labels[slices[config.context]]
            deformation = draw_narrowing(labels, subject.spacing_mm, draw)
        tissue = self._warp(subject, slices, draw, patch=patch, deformation=deformation)
        if pelvis:
            tissue = add_pelvis(tissue, config.spacing_mm, draw)
        if draw.chance(config.infiltration):
            tissue = infiltrate(tissue, draw, atrophy=config.atrophy, streaks=config.streaks)
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

    def _choose_slices(self, subject: TrainingSubject, middle: int | None, draw: Draw) -> list[int]:
        """Return the slices of a sample, around `middle` if that is given."""
        count = subject.water.shape[0]
        if middle is None:
            low = self.config.low_slices
            highest = max(1, count // 5) if low > 0 and draw.chance(low) else count
            middle = draw.integer(highest)
        if draw.chance(self.config.single_slice):
            return [middle] * (2 * self.config.context + 1)
        step = 1 + (draw.integer(3) if draw.chance(0.3) else 0)
        if draw.chance(0.15):
            step = -step  # stacks that run from superior to inferior
        offsets = range(-self.config.context, self.config.context + 1)
        return [min(max(middle + step * offset, 0), count - 1) for offset in offsets]

    def _warp(
        self,
        subject: TrainingSubject,
        slices: list[int],
        draw: Draw,
        *,
        patch: tuple[int, int],
        deformation: Deformation | None,
    ) -> Tissue:
        """Return slices of a subject, resampled to the patch through a random warp."""
        middle = slices[self.config.context]
        grid = self._grid(subject, middle, draw, patch=patch, deformation=deformation)
        flat = draw.chance(0.6)
        water = subject.water_flat if flat else subject.water
        fat = subject.fat_flat if flat else subject.fat
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

    def _grid(
        self,
        subject: TrainingSubject,
        middle: int,
        draw: Draw,
        *,
        patch: tuple[int, int],
        deformation: Deformation | None,
    ) -> torch.Tensor:
        """Return the sampling grid ``(1, h, w, 2)`` in normalised source coordinates."""
        config = self.config
        height, width = patch
        x, y = random_warp(patch, config.spacing_mm, draw)
        # The muscles lie in the posterior third of the body: show more of what is anterior.
        y = y + draw.uniform(-0.375, 0.175) * height
        x = x + draw.normal(0.104) * width
        if deformation is not None:
            x, y = (
                points / config.spacing_mm
                for points in deformation.source_mm(x * config.spacing_mm, y * config.spacing_mm)
            )
        centre_y, centre_x = subject.centre_px[middle]
        spacing = config.spacing_mm / subject.spacing_mm
        source_h, source_w = subject.water.shape[1:]
        y = (centre_y + y * spacing + 0.5) / source_h * 2 - 1
        x = (centre_x + x * spacing + 0.5) / source_w * 2 - 1
        return torch.stack([x, y], dim=-1)[None]


def mirrored(labels: torch.Tensor) -> torch.Tensor:
    """Return the labels of the mirrored image: flipped, with sides swapped.

    Parameters
    ----------
    labels : torch.Tensor
        ``(…, w)``, integers; values that are no muscle stay.
    """
    table = torch.arange(256)
    table[: len(MIRRORED)] = torch.tensor(MIRRORED)
    return table[labels.flip(-1)]


def random_warp(
    patch: tuple[int, int], spacing_mm: float, draw: Draw
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return x and y of a patch's pixels, in pixels from its centre, after a random warp.

    Parameters
    ----------
    patch : tuple of int
        Rows and columns.
    spacing_mm : float
        In-plane spacing.
    draw : Draw
    """
    height, width = patch
    scale = math.exp(draw.normal(0.14))
    stretch = math.exp(draw.normal(0.07))
    angle = math.radians(draw.normal(5.0))
    shear = draw.normal(0.05)
    rows = (torch.arange(height) - (height - 1) / 2).view(-1, 1).expand(height, width)
    columns = (torch.arange(width) - (width - 1) / 2).view(1, -1).expand(height, width)
    cells = [(3, 3), (6, 7), (12, 14)]
    amplitudes_mm = [draw.uniform(0, 6), draw.uniform(0, 2.5), draw.uniform(0, 0.8)]
    shift = sum(
        amplitude / spacing_mm * draw.smooth(patch, cell, 2)
        for cell, amplitude in zip(cells, amplitudes_mm, strict=True)
    )
    rows, columns = rows + shift[0], columns + shift[1]  # type: ignore[index]
    y = (math.cos(angle) * rows + math.sin(angle) * columns) * scale * stretch
    x = (-math.sin(angle) * rows + math.cos(angle) * columns) * scale / stretch + shear * y
    return x, y


def _certain_or_drawn(probability: float, draw: Draw) -> bool:
    """Return True with this probability; a certain event consumes no random number."""
    return probability >= 1 or draw.chance(probability)


def _one_hot(labels: torch.Tensor) -> torch.Tensor:
    return torch.stack([(labels == value) for value in range(5)]).float()
