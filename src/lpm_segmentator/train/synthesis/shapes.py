"""Muscle shapes of other subjects: a subject warped so that its muscles lie as in a label map.

A label map without an image shows how large multifidus and erector spinae are and how they lie.
Each of its slices is matched with the slice of the subject that has the same share of multifidus,
and a smooth displacement is fitted that carries the muscles of one onto those of the other. The
image is warped with it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from lpm_segmentator.train.draw import blur
from lpm_segmentator.train.synthesis.warps import GRID, GRID_MM, Warps, to_unit_grid

if TYPE_CHECKING:
    from lpm_segmentator.train.synthesis.subjects import TrainingSubject

__all__ = ["fit_warps", "shapes_of"]

#: grid points between the knots of a displacement: 10 mm
_CELL = 4
#: standard deviations (grid points) of the smoothing of both label maps, coarse to fine
_SIGMAS = (3.0, 1.5, 0.8)
_ITERATIONS = 80
_RATE_MM = 0.6
#: weight of the displacement's second differences (mm) against the squared label differences
_STIFFNESS = 2e-4
#: smallest area of each of the four muscles in a slice that is used as a shape
_LEAST_CM2 = 1.0


def shapes_of(labels: torch.Tensor, spacing_mm: float) -> torch.Tensor:
    """Return the slices of a label map that hold all four muscles, centred on their centroid.

    Parameters
    ----------
    labels : torch.Tensor
        ``(s, h, w)``, uint8, values 0 … 4; rows run to posterior, columns to the left.
    spacing_mm : float
        In-plane spacing.

    Returns
    -------
    torch.Tensor
        ``(n, 80, 96)``, uint8, at 2.5 mm; ``n`` is 0 if no slice holds all four.
    """
    shapes = []
    for plane in labels:
        areas = torch.stack([(plane == value).sum() for value in range(1, 5)])
        if float(areas.min()) * spacing_mm**2 / 100 < _LEAST_CM2:
            continue
        rows, columns = plane.nonzero(as_tuple=True)
        centre = torch.stack([rows.float().mean(), columns.float().mean()])
        shapes.append(_around(plane, centre, spacing_mm))
    return torch.stack(shapes) if shapes else torch.zeros((0, *GRID), dtype=torch.uint8)


def fit_warps(subject: TrainingSubject, shapes: torch.Tensor) -> Warps:
    """Fit the displacements of a subject onto shapes, each scaled to the subject's muscle area.

    Parameters
    ----------
    subject : TrainingSubject
        The labelled pair.
    shapes : torch.Tensor
        ``(n, 80, 96)`` with n ≥ 1, from `shapes_of`.
    """
    planes = torch.stack(
        [
            _around(plane, centre, subject.spacing_mm)
            for plane, centre in zip(subject.labels, subject.centre_px, strict=True)
        ]
    )
    shares = torch.tensor([_multifidus_share(plane) for plane in planes])
    slices = [int((shares - _multifidus_share(shape)).abs().argmin()) for shape in shapes]
    moving, fixed = _one_hot(planes[slices]), _one_hot(shapes)
    scale = (_area(shapes) / _area(planes[slices])).sqrt().view(-1, 1, 1)
    rows, columns = _points()
    fixed = _sample(fixed, columns * scale, rows * scale)
    shift = _register(moving, fixed)
    return Warps(tuple(slices), shift)


def _register(moving: torch.Tensor, fixed: torch.Tensor) -> torch.Tensor:
    """Return displacements ``(n, 2, h, w)`` (mm) that warp ``moving`` onto ``fixed``.

    The knots of a bicubic displacement minimise the squared differences of the smoothed label maps
    plus the bending energy, from coarse to fine.
    """
    knots = [math.ceil(size / _CELL) + 1 for size in GRID]
    control = torch.zeros((len(moving), 2, *knots), requires_grad=True)
    rows, columns = _points()
    for sigma in _SIGMAS:
        source, target = _blurred(moving, sigma), _blurred(fixed, sigma)
        optimiser = torch.optim.Adam([control], lr=_RATE_MM)
        for _ in range(_ITERATIONS):
            shift = _dense(control)
            warped = _sample(source, columns + shift[:, 0], rows + shift[:, 1])
            loss = ((warped - target) ** 2).sum((1, 2, 3)).mean() / 100
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
    return functional.interpolate(control, size=GRID, mode="bicubic", align_corners=True)


def _points() -> tuple[torch.Tensor, torch.Tensor]:
    """Return rows and columns of the grid in mm from its centre, ``(1, 80, 96)`` each."""
    lines = [(torch.arange(size) - (size - 1) / 2) * GRID_MM for size in GRID]
    rows, columns = torch.meshgrid(*lines, indexing="ij")
    return rows[None], columns[None]


def _sample(maps: torch.Tensor, x_mm: torch.Tensor, y_mm: torch.Tensor) -> torch.Tensor:
    grid = to_unit_grid(x_mm, y_mm)
    return functional.grid_sample(maps, grid.expand(len(maps), -1, -1, -1), align_corners=False)


def _around(plane: torch.Tensor, centre_px: torch.Tensor, spacing_mm: float) -> torch.Tensor:
    """Return a label plane on `GRID`, centred on the given row and column."""
    rows, columns = _points()
    height, width = plane.shape
    y = (rows / spacing_mm + centre_px[0] + 0.5) / height * 2 - 1
    x = (columns / spacing_mm + centre_px[1] + 0.5) / width * 2 - 1
    grid = torch.stack([x, y], dim=-1)
    sampled = functional.grid_sample(
        plane[None, None].float(), grid, mode="nearest", align_corners=False
    )
    return sampled[0, 0].to(torch.uint8)


def _blurred(maps: torch.Tensor, sigma: float) -> torch.Tensor:
    return blur(maps.flatten(0, 1), sigma).view_as(maps)


def _one_hot(labels: torch.Tensor) -> torch.Tensor:
    return functional.one_hot(labels.long(), 5)[..., 1:].permute(0, 3, 1, 2).float()


def _area(labels: torch.Tensor) -> torch.Tensor:
    return (labels > 0).sum((1, 2)).float()


def _multifidus_share(labels: torch.Tensor) -> float:
    inside = float((labels > 0).sum())
    return float(((labels == 2) | (labels == 3)).sum()) / max(inside, 1.0)
