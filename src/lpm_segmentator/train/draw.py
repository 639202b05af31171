"""The random numbers of one training sample, and the smoothing of its fields."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Draw", "blur"]


class Draw:
    """Random numbers of one sample from a generator of its own, so that a step can be repeated.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """Return a number from U(low, high)."""
        return low + (high - low) * float(torch.rand((), generator=self.generator))

    def normal(self, sigma: float = 1.0) -> float:
        """Return a number from N(0, sigma²)."""
        return sigma * float(torch.randn((), generator=self.generator))

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return self.uniform() < probability

    def integer(self, stop: int) -> int:
        """Return one of 0 … stop − 1."""
        return int(torch.randint(stop, (), generator=self.generator))

    def noise(self, shape: Sequence[int]) -> torch.Tensor:
        """Return white normal noise of unit variance."""
        return torch.randn(tuple(shape), generator=self.generator)

    def smooth(self, size: tuple[int, int], cells: tuple[int, int], n: int = 1) -> torch.Tensor:
        """Return smooth random fields of about unit variance.

        Parameters
        ----------
        size : tuple of int
            Rows and columns.
        cells : tuple of int
            Cells of the coarse grid along rows and columns; more cells give finer structure.
        n : int
            Number of fields.

        Returns
        -------
        torch.Tensor
            ``(n, rows, columns)``.
        """
        coarse = self.noise((1, n, cells[0] + 3, cells[1] + 3))
        field = functional.interpolate(coarse, size=size, mode="bicubic", align_corners=True)[0]
        return field / field.std().clamp_min(1e-3)


def blur(image: torch.Tensor, sigma_px: float) -> torch.Tensor:
    """Return an image ``(s, h, w)`` smoothed in plane by a Gaussian.

    Parameters
    ----------
    image : torch.Tensor
        ``(s, h, w)``.
    sigma_px : float
        Standard deviation in pixels.
    """
    radius = max(1, math.ceil(2.5 * sigma_px))
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (offsets / sigma_px) ** 2)
    kernel = kernel / kernel.sum()
    padded = functional.pad(image[:, None], (radius, radius, radius, radius), mode="replicate")
    rows = functional.conv2d(padded, kernel.view(1, 1, -1, 1))
    return functional.conv2d(rows, kernel.view(1, 1, 1, -1))[:, 0]
