"""Shapes of other people: a labelled subject bent so that its muscles lie as in a label map.

A label map without an image still tells how large multifidus and erector spinae are and how they
lie. Each of its slices is matched with the slice of the subject that has the same part of
multifidus, and a smooth displacement is fitted that carries the one's muscles onto the other's;
the image bends with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from .draw import blur

if TYPE_CHECKING:
    from .draw import Draw
    from .subjects import TrainingSubject

#: grid that displacements are fitted on: rows, columns, mm
_GRID = (80, 96)
_SPACING_MM = 2.5
#: grid points between the knots of a displacement: 10 mm
_CELL = 4
#: standard deviations (grid points) of the smoothing of both label maps, coarse to fine
_SIGMAS = (3.0, 1.5, 0.8)
_ITERATIONS = 80
_RATE_MM = 0.6
#: weight of the displacement's second differences (mm) against the squared label differences
_STIFFNESS = 2e-4
#: least area of each of the four muscles in a slice that is taken as a shape
_LEAST_CM2 = 1.0


@dataclass(frozen=True)
class Bend:
    """One displacement ``(2, 80, 96)`` in mm: columns, rows."""

    shift_mm: torch.Tensor

    def source_mm(
        self, x_mm: torch.Tensor, y_mm: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return where in the subject points of the sample come from, in mm from its muscles."""
        grid = _normalised(x_mm, y_mm)[None]
        shift = functional.grid_sample(
            self.shift_mm[None], grid, padding_mode="border", align_corners=False
        )[0]
        return x_mm + shift[0], y_mm + shift[1]


@dataclass(frozen=True)
class Warps:
    """Displacements that carry a subject's muscles onto other people's.

    Attributes
    ----------
    middle : tuple of int
        The slice of the subject that each displacement is for.
    shift_mm : torch.Tensor
        ``(n, 2, 80, 96)``: columns, rows. A point of the shape's grid, plus its shift, is a point
        of the subject, both from the centroid of their muscles.
    """

    middle: tuple[int, ...]
    shift_mm: torch.Tensor

    def draw(self, draw: Draw) -> tuple[int, Bend]:
        """Return a slice of the subject and a part of the way to one of its shapes."""
        index = draw.integer(len(self.middle))
        return self.middle[index], Bend(draw.uniform(0.2, 1.0) * self.shift_mm[index])


def shapes_of(labels: torch.Tensor, spacing_mm: float) -> torch.Tensor:
    """Return the slices of a label map that hold all four muscles, around their centroid.

    Parameters
    ----------
    labels : torch.Tensor
        ``(s, h, w)``, uint8, values 0 … 4; rows front to back, columns right to left.
    spacing_mm : float
        In-plane spacing.

    Returns
    -------
    torch.Tensor
        ``(n, 80, 96)``, uint8, 2.5 mm; none where no slice holds all four.
    """
    found = []
    for plane in labels:
        areas = torch.stack([(plane == value).sum() for value in range(1, 5)])
        if float(areas.min()) * spacing_mm**2 / 100 < _LEAST_CM2:
            continue
        rows, columns = plane.nonzero(as_tuple=True)
        centre = torch.stack([rows.float().mean(), columns.float().mean()])
        found.append(_around(plane, centre, spacing_mm))
    return torch.stack(found) if found else torch.zeros((0, *_GRID), dtype=torch.uint8)


def fit_warps(subject: TrainingSubject, shapes: torch.Tensor) -> Warps:
    """Fit the displacements of a subject onto shapes, each after scaling to the same area.

    Parameters
    ----------
    subject : TrainingSubject
        The labelled pair.
    shapes : torch.Tensor
        One slice or more, as `shapes_of` returns them.
    """
    planes = torch.stack(
        [
            _around(plane, centre, subject.spacing_mm)
            for plane, centre in zip(subject.labels, subject.centre_px, strict=True)
        ]
    )
    parts = torch.tensor([_multifidus_part(plane) for plane in planes])
    middle = [int((parts - _multifidus_part(shape)).abs().argmin()) for shape in shapes]
    moving, fixed = _one_hot(planes[middle]), _one_hot(shapes)
    scale = (_area(shapes) / _area(planes[middle])).sqrt().view(-1, 1, 1)
    rows, columns = _points()
    fixed = _sample(fixed, columns * scale, rows * scale)
    shift = _register(moving, fixed)
    return Warps(tuple(middle), shift)


def _register(moving: torch.Tensor, fixed: torch.Tensor) -> torch.Tensor:
    """Return displacements ``(n, 2, h, w)`` (mm) that pull ``moving`` onto ``fixed``."""
    knots = [math.ceil(size / _CELL) + 1 for size in _GRID]
    control = torch.zeros((len(moving), 2, *knots), requires_grad=True)
    rows, columns = _points()
    for sigma in _SIGMAS:
        source, target = _blurred(moving, sigma), _blurred(fixed, sigma)
        optimiser = torch.optim.Adam([control], lr=_RATE_MM)
        for _ in range(_ITERATIONS):
            shift = _dense(control)
            pulled = _sample(source, columns + shift[:, 0], rows + shift[:, 1])
            loss = ((pulled - target) ** 2).sum((1, 2, 3)).mean() / 100
            loss = loss + _STIFFNESS * _bending(control).sum((1, 2, 3)).mean()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return _dense(control).detach()


def _bending(control: torch.Tensor) -> torch.Tensor:
    """Return the squared second differences of the knots."""
    padded = functional.pad(control, (1, 1, 1, 1), mode="replicate")
    centre = padded[..., 1:-1, 1:-1]
    down = padded[..., 2:, 1:-1] + padded[..., :-2, 1:-1] - 2 * centre
    across = padded[..., 1:-1, 2:] + padded[..., 1:-1, :-2] - 2 * centre
    return down**2 + across**2


def _dense(control: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(control, size=_GRID, mode="bicubic", align_corners=True)


def _points() -> tuple[torch.Tensor, torch.Tensor]:
    """Return rows and columns of the grid in mm from its middle, ``(1, 80, 96)`` each."""
    lines = [(torch.arange(size) - (size - 1) / 2) * _SPACING_MM for size in _GRID]
    rows, columns = torch.meshgrid(*lines, indexing="ij")
    return rows[None], columns[None]


def _normalised(x_mm: torch.Tensor, y_mm: torch.Tensor) -> torch.Tensor:
    """Return points in mm from the grid's middle as ``grid_sample`` takes them."""
    half_y, half_x = (size * _SPACING_MM / 2 for size in _GRID)
    return torch.stack([x_mm / half_x, y_mm / half_y], dim=-1)


def _sample(maps: torch.Tensor, x_mm: torch.Tensor, y_mm: torch.Tensor) -> torch.Tensor:
    grid = _normalised(x_mm, y_mm)
    return functional.grid_sample(maps, grid.expand(len(maps), -1, -1, -1), align_corners=False)


def _around(plane: torch.Tensor, centre_px: torch.Tensor, spacing_mm: float) -> torch.Tensor:
    """Return a label plane on this module's grid, its middle at the given row and column."""
    rows, columns = _points()
    height, width = plane.shape
    y = (rows / spacing_mm + centre_px[0] + 0.5) / height * 2 - 1
    x = (columns / spacing_mm + centre_px[1] + 0.5) / width * 2 - 1
    grid = torch.stack([x, y], dim=-1)
    found = functional.grid_sample(
        plane[None, None].float(), grid, mode="nearest", align_corners=False
    )
    return found[0, 0].to(torch.uint8)


def _blurred(maps: torch.Tensor, sigma: float) -> torch.Tensor:
    return blur(maps.flatten(0, 1), sigma).view_as(maps)


def _one_hot(labels: torch.Tensor) -> torch.Tensor:
    return functional.one_hot(labels.long(), 5)[..., 1:].permute(0, 3, 1, 2).float()


def _area(labels: torch.Tensor) -> torch.Tensor:
    return (labels > 0).sum((1, 2)).float()


def _multifidus_part(labels: torch.Tensor) -> float:
    inside = float((labels > 0).sum())
    return float(((labels == 2) | (labels == 3)).sum()) / max(inside, 1.0)
