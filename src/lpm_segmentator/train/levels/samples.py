"""Training samples of the network that marks discs: sagittal planes with heat maps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from lpm_segmentator.levels.model import CHANNELS
from lpm_segmentator.levels.planes import normalise
from lpm_segmentator.train.draw import Draw, blur
from lpm_segmentator.train.levels.acquisition import change_contrast, thick_slices
from lpm_segmentator.train.levels.subjects import ANY_DISC, BODY, KIND_SHARES, subjects_by_kind

if TYPE_CHECKING:
    from lpm_segmentator.train.levels.subjects import LevelSubject

__all__ = ["PATCH", "draw_batch"]

#: rows and columns of a training plane
PATCH = (160, 96)


def draw_batch(
    subjects: list[LevelSubject], size: int, *, seed: int, step: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the samples of a training step; the same seed and step give the same samples.

    Parameters
    ----------
    subjects : list of LevelSubject
    size : int
        Number of samples.
    seed, step : int

    Returns
    -------
    images : torch.Tensor
        ``(n, 1, h, w)``.
    targets : torch.Tensor
        ``(n, channels + 1, h, w)``, as those of `LevelSubject`.
    """
    pairs = [_sample(subjects, Draw((seed * 1_000_003 + step) * 1_009 + i)) for i in range(size)]
    return torch.stack([p[0] for p in pairs]), torch.stack([p[1] for p in pairs])


def _sample(subjects: list[LevelSubject], draw: Draw) -> tuple[torch.Tensor, torch.Tensor]:
    subject = _subject(subjects, draw)
    marks = subject.targets[:, BODY if subject.has_bodies else ANY_DISC]
    inside = (marks.amax((1, 2)) > 0.5).nonzero().flatten()
    if draw.chance(0.85):
        index = int(inside[draw.integer(len(inside))])
    else:
        index = draw.integer(len(subject.planes))
    plane = subject.planes[index]
    if draw.chance(0.2):  # a thick slice, or one between two others
        other = min(index + 1, len(subject.planes) - 1)
        plane = torch.lerp(plane, subject.planes[other], draw.uniform(0, 0.5))
    stack = torch.cat([plane[None], subject.targets[index]])
    warped = functional.grid_sample(stack[None], _grid(marks[index], draw), align_corners=False)[0]
    visible = _field_of_view(draw)
    image = _acquire(change_contrast(warped[0], draw), draw) * visible
    targets = warped[1:].clone()
    targets[:CHANNELS] *= visible
    return torch.from_numpy(normalise(image.numpy()))[None], targets


def _subject(subjects: list[LevelSubject], draw: Draw) -> LevelSubject:
    """Return a subject: each kind is drawn as often as its share, however many there are."""
    by_kind = subjects_by_kind(subjects)
    limits = np.cumsum([KIND_SHARES[kind] for kind in by_kind])
    at = int(np.searchsorted(limits, draw.uniform(0, float(limits[-1])), side="right"))
    candidates = list(by_kind.values())[min(at, len(by_kind) - 1)]
    return candidates[draw.integer(len(candidates))]


def _grid(marked: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Return a random sampling grid ``(1, h, w, 2)`` near the vertebrae or discs of a plane."""
    source_h, source_w = marked.shape
    height, width = PATCH
    marks = (marked > 0.5).nonzero()
    if len(marks) == 0:
        middle = torch.tensor([source_h / 2, source_w / 2])
    else:
        middle = marks[draw.integer(len(marks))].float()
    middle = middle + torch.tensor([draw.normal(15.0), draw.normal(18.0)])
    scale, stretch = math.exp(draw.normal(0.13)), math.exp(draw.normal(0.06))
    angle = math.radians(draw.normal(8.0))
    rows = (torch.arange(height) - (height - 1) / 2).view(-1, 1).expand(height, width)
    columns = (torch.arange(width) - (width - 1) / 2).view(1, -1).expand(height, width)
    shift = draw.uniform(0, 2.5) * draw.smooth(PATCH, (4, 3), 2)
    rows, columns = rows + shift[0], columns + shift[1]
    y = (math.cos(angle) * rows + math.sin(angle) * columns) * scale * stretch + middle[0]
    x = (math.cos(angle) * columns - math.sin(angle) * rows) * scale / stretch + middle[1]
    x = x + draw.normal(0.06) * (y - middle[0])
    return torch.stack([(x + 0.5) / source_w * 2 - 1, (y + 0.5) / source_h * 2 - 1], -1)[None]


def _field_of_view(draw: Draw) -> torch.Tensor:
    """Return a mask ``(h, w)`` of the whole plane or of a window.

    Axial stacks often range from one disc to another: heights of 90 to 150 mm are drawn as often as
    all larger ones.
    """
    rows, columns = PATCH
    visible = torch.ones(PATCH)
    if draw.chance(0.5):
        longest = 75 if draw.chance(0.5) else rows
        visible = visible * _window(rows, draw.uniform(45, longest), draw)[:, None]
    if draw.chance(0.4):
        visible = visible * _window(columns, draw.uniform(45, columns), draw)[None, :]
    return visible


def _window(size: int, length: float, draw: Draw) -> torch.Tensor:
    """Return which of `size` positions lie in a window that includes the middle, the spine."""
    start = draw.uniform(max(0.0, size / 2 - length), min(size - length, size / 2))
    position = torch.arange(size)
    return (position >= start) & (position < start + length)


def _acquire(image: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Return a plane ``(h, w)`` with coil shading, lower resolution and noise."""
    if draw.chance(0.6):
        image = image * torch.exp(draw.uniform(0, 0.5) * draw.smooth(PATCH, (2, 2))[0])
    if draw.chance(0.4):  # a spine coil
        image = image * torch.exp(draw.uniform(0, 4.5) * (torch.arange(PATCH[1]) / PATCH[1] - 0.5))
    if draw.chance(0.45):  # axial slices of 4 mm and thicker
        thickness = draw.uniform(3.0, 7.0) / 2.0
        rows = max(8, round(PATCH[0] / thickness))
        image = thick_slices(image[None], rows)[0]
    if draw.chance(0.3):
        image = blur(image[None], draw.uniform(0.4, 1.0))[0]
    level = image.mean().clamp_min(1e-6)
    if draw.chance(0.7):
        sigma = draw.uniform(0, 0.2) * level
        real = image + sigma * draw.noise(image.shape)
        image = torch.sqrt(real**2 + (sigma * draw.noise(image.shape)) ** 2)
    return image
