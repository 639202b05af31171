"""Training data of the level model: planes and heat maps of labelled subjects, drawn at random."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from lpm_segmentator.core import Disc, Geometry, Volume
from lpm_segmentator.io import read_image
from lpm_segmentator.levels.model import CHANNELS
from lpm_segmentator.levels.planes import normalise, sagittal_planes
from lpm_segmentator.levels.vertebrae import NUMBERINGS, Plane, disc_planes
from lpm_segmentator.train.draw import Draw, blur

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ANY_DISC", "LevelSubject", "change_contrast", "draw_batch", "read_level_subject"]

#: standard deviations of a disc's heat map: across the disc, front to back, left to right
_SIGMA_MM = (2.8, 8.0, 14.0)
#: the map of any disc
ANY_DISC = len(Disc)
_BODY = ANY_DISC + 1
#: rows and columns of a training plane
PATCH = (160, 96)


@dataclass(frozen=True, eq=False)
class LevelSubject:
    """A labelled sagittal volume on the model's grid.

    Attributes
    ----------
    name, group : str
        Its files, and the person: scans of one person are never parted by a fold.
    volume : Volume
        As read.
    discs : dict of str to Plane
        The reference.
    planes : torch.Tensor
        ``(x, h, w)``.
    geometry : Geometry
        Grid of the planes.
    targets : torch.Tensor
        ``(x, channels + 1, h, w)``; the last tells where "any disc" and "body" are known.
    """

    name: str
    group: str
    volume: Volume
    discs: dict[str, Plane]
    planes: torch.Tensor
    geometry: Geometry
    targets: torch.Tensor


def read_level_subject(name: str, group: str, folder: Path) -> LevelSubject:
    """Read ``NAME_image.nii.gz`` and ``NAME_levels.nii.gz``.

    Where the labels have one slice more than the image, the first slices are what they share.

    Raises
    ------
    LpmError
        Whatever is wrong with a file.
    """
    volume = read_image(folder / f"{name}_image.nii.gz").volume
    labels = read_image(folder / f"{name}_levels.nii.gz").volume
    array = np.rint(labels.array).astype(np.uint8)[tuple(slice(n) for n in volume.shape)]
    discs = disc_planes(array, volume.geometry, NUMBERINGS["levels"])
    planes = sagittal_planes(volume)
    bodies = sagittal_planes(volume.with_array(((array > 0) & (array != 6)).astype(np.float32)))
    points = planes.geometry.voxel_to_world(np.moveaxis(np.indices(planes.geometry.shape), 0, -1))
    targets = heat_maps(points, discs)
    targets[_BODY] = bodies.array
    return LevelSubject(
        name,
        group,
        volume,
        discs,
        torch.from_numpy(planes.array),
        planes.geometry,
        torch.from_numpy(np.moveaxis(targets, 0, 1).copy()),
    )


def heat_maps(points_mm: Any, discs: dict[str, Plane]) -> Any:
    """Return maps ``(channels + 1, x, h, w)`` at world points; the body's map is left empty."""
    maps = np.zeros((CHANNELS + 1, *points_mm.shape[:-1]), np.float32)
    names = [str(disc) for disc in Disc]
    for name, plane in discs.items():
        offset = points_mm - plane.centre_mm
        if name == "top":  # what lies above the highest labelled vertebra is not known
            maps[CHANNELS] = offset @ plane.normal < 0
            continue
        front = np.cross(plane.normal, (1.0, 0.0, 0.0))
        front /= np.linalg.norm(front)
        parts = [offset @ plane.normal, offset @ front, offset @ np.cross(plane.normal, front)]
        heat = np.exp(-0.5 * sum((part / s) ** 2 for part, s in zip(parts, _SIGMA_MM, strict=True)))
        maps[ANY_DISC] = np.maximum(maps[ANY_DISC], heat)
        if name in names:
            maps[names.index(name)] = heat
    return maps


def draw_batch(
    subjects: list[LevelSubject], size: int, *, seed: int, step: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return images ``(n, 1, h, w)`` and targets ``(n, channels + 1, h, w)`` of a training step."""
    pairs = [_sample(subjects, Draw((seed * 1_000_003 + step) * 1_009 + i)) for i in range(size)]
    return torch.stack([p[0] for p in pairs]), torch.stack([p[1] for p in pairs])


def _sample(subjects: list[LevelSubject], draw: Draw) -> tuple[torch.Tensor, torch.Tensor]:
    # Spin echo is a quarter of the subjects; it is drawn as often as Dixon.
    kind = "spinecho" if draw.chance(0.5) else "water"
    chosen = [s for s in subjects if kind in s.name] or subjects
    subject = chosen[draw.integer(len(chosen))]
    body = subject.targets[:, _BODY].amax((1, 2)) > 0.5
    inside = body.nonzero().flatten()
    if draw.chance(0.85):
        index = int(inside[draw.integer(len(inside))])
    else:
        index = draw.integer(len(subject.planes))
    plane = subject.planes[index]
    if draw.chance(0.2):  # a thick slice, or half-way between two
        other = min(index + 1, len(subject.planes) - 1)
        plane = torch.lerp(plane, subject.planes[other], draw.uniform(0, 0.5))
    stack = torch.cat([plane[None], subject.targets[index]])
    warped = functional.grid_sample(
        stack[None], _grid(subject.targets[index, _BODY], draw), align_corners=False
    )[0]
    seen = _field_of_view(draw)
    image = _acquire(change_contrast(warped[0], draw), draw) * seen
    targets = warped[1:].clone()
    targets[:CHANNELS] *= seen
    return torch.from_numpy(normalise(image.numpy()))[None], targets


def _grid(body: torch.Tensor, draw: Draw) -> torch.Tensor:
    source_h, source_w = body.shape
    height, width = PATCH
    marks = (body > 0.5).nonzero()
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
    """Return a mask of rows and columns: all, or a window.

    Axial stacks are often planned from one disc to another: rows of 90 to 150 mm are drawn as often
    as all longer ones.
    """
    rows, columns = PATCH
    seen = torch.ones(PATCH)
    if draw.chance(0.5):
        seen = (
            seen * _window(rows, draw.uniform(45, 75 if draw.chance(0.5) else rows), draw)[:, None]
        )
    if draw.chance(0.4):
        seen = seen * _window(columns, draw.uniform(45, columns), draw)[None, :]
    return seen


def _window(size: int, length: float, draw: Draw) -> torch.Tensor:
    """Return which of `size` positions lie in a window that holds the middle: the spine."""
    start = draw.uniform(max(0.0, size / 2 - length), min(size - length, size / 2))
    position = torch.arange(size)
    return (position >= start) & (position < start + length)


def change_contrast(image: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Return the image through a random curve: another sequence of the same anatomy."""
    image = image.clamp_min(0)
    image = image / torch.quantile(image[image > 0.5 * image.mean()], 0.95).clamp_min(1e-6)
    body = (image / 0.12).clamp(0, 1)  # air stays dark whatever the curve does
    kind = draw.uniform()
    if kind < 0.25:
        return image ** draw.uniform(0.6, 1.6)
    knots = 6
    heights = torch.rand(knots, generator=draw.generator)
    if kind < 0.5:
        heights = heights.sort().values
    elif kind < 0.75:
        heights = heights.sort(descending=True).values + 0.1
    position = (image.clamp(0, 1.4) / 1.4 * (knots - 1)).clamp(0, knots - 1.001)
    low = position.floor().long()
    part = position - low
    curved = heights[low] * (1 - part) + heights[low + 1] * part
    return curved * body


def _acquire(image: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Return the image with shading, lower resolution and noise."""
    if draw.chance(0.6):
        image = image * torch.exp(draw.uniform(0, 0.5) * draw.smooth(PATCH, (2, 2))[0])
    if draw.chance(0.3):  # a coil at the back
        image = image * torch.exp(draw.uniform(0, 3.0) * (torch.arange(PATCH[1]) / PATCH[1] - 0.5))
    if draw.chance(0.45):  # axial slices of 4 mm and thicker
        thickness = draw.uniform(3.0, 7.0) / 2.0
        rows = max(8, round(PATCH[0] / thickness))
        thin = functional.interpolate(image[None, None], size=(rows, PATCH[1]), mode="area")
        image = functional.interpolate(thin, size=PATCH, mode="bilinear", align_corners=False)[0, 0]
    if draw.chance(0.3):
        image = blur(image[None], draw.uniform(0.4, 1.0))[0]
    level = image.mean().clamp_min(1e-6)
    if draw.chance(0.7):
        sigma = draw.uniform(0, 0.2) * level
        real = image + sigma * draw.noise(image.shape)
        image = torch.sqrt(real**2 + (sigma * draw.noise(image.shape)) ** 2)
    return image
