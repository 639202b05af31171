"""Displacements that carry the muscles of a subject onto the muscle shapes of other subjects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from lpm_segmentator.train.draw import Draw

__all__ = ["GRID", "GRID_MM", "Deformation", "Warp", "Warps", "to_unit_grid"]

#: rows and columns of the grid that displacements are stored on
GRID = (80, 96)
#: its spacing
GRID_MM = 2.5


class Deformation(Protocol):
    """Anything that says which point of a subject a point of the sample shows."""

    def source_mm(
        self, x_mm: torch.Tensor, y_mm: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the points of the subject that points of the sample show.

        Parameters
        ----------
        x_mm, y_mm : torch.Tensor
            Points of the sample, in mm from the centroid of the muscles; x grows to the left, y to
            posterior.

        Returns
        -------
        tuple of torch.Tensor
            Points of the subject, of the same shapes and origin.
        """
        ...


@dataclass(frozen=True)
class Warp:
    """One displacement.

    Attributes
    ----------
    shift_mm : torch.Tensor
        ``(2, 80, 96)``: shift along columns, shift along rows.
    """

    shift_mm: torch.Tensor

    def source_mm(
        self, x_mm: torch.Tensor, y_mm: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the points of the subject that points of the sample show; see `Deformation`."""
        grid = to_unit_grid(x_mm, y_mm)[None]
        shift = functional.grid_sample(
            self.shift_mm[None], grid, padding_mode="border", align_corners=False
        )[0]
        return x_mm + shift[0], y_mm + shift[1]


@dataclass(frozen=True)
class Warps:
    """The displacements of one subject onto the shapes of other subjects.

    Attributes
    ----------
    slices : tuple of int
        The slice of the subject that each displacement belongs to.
    shift_mm : torch.Tensor
        ``(n, 2, 80, 96)``: shift along columns, shift along rows. A point of the shape plus its
        shift is a point of the subject, both relative to the centroid of their muscles.
    """

    slices: tuple[int, ...]
    shift_mm: torch.Tensor

    def draw(self, draw: Draw) -> tuple[int, Warp]:
        """Return a slice of the subject, and a random part (20 to 100 %) of one displacement."""
        index = draw.integer(len(self.slices))
        return self.slices[index], Warp(draw.uniform(0.2, 1.0) * self.shift_mm[index])


def to_unit_grid(x_mm: torch.Tensor, y_mm: torch.Tensor) -> torch.Tensor:
    """Return points, in mm from the centre of `GRID`, as ``grid_sample`` expects them."""
    half_y, half_x = (size * GRID_MM / 2 for size in GRID)
    return torch.stack([x_mm / half_x, y_mm / half_y], dim=-1)
