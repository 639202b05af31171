"""Resampling between an image's in-plane grid and a network's, as two small sparse matrices.

In-plane resampling along two perpendicular axes is separable: with ``R`` (rows) and ``C``
(columns), ``resampled = R @ plane @ C.T`` for every slice at once. Downsampling widens the kernel
to the new pixel (the antialiased linear interpolation of image libraries), so that an image at
0.35 mm and one at 1 mm look alike to the network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

__all__ = ["InPlaneGrid", "Weights", "linear_weights", "resampled"]

FloatArray = npt.NDArray[np.float32]
Weights = csr_array
"""Weights of pixels, a row for each new pixel: few of them are not 0."""


def linear_weights(size_in: int, size_out: int, ratio: float) -> Weights:
    """Return the matrix that resamples a line of pixels about its centre.

    Parameters
    ----------
    size_in, size_out : int
        Number of pixels before and after.
    ratio : float
        New spacing divided by old spacing.

    Returns
    -------
    sparse matrix of float32, shape (size_out, size_in)
        Each row sums to 1 where its whole kernel lies inside the line and to less beyond the
        border: outside is 0, so that padding looks like air.
    """
    centres = (np.arange(size_out) - (size_out - 1) / 2) * ratio + (size_in - 1) / 2
    width = max(1.0, ratio)
    distance = np.abs(np.arange(size_in)[None, :] - centres[:, None]) / width
    weights = np.maximum(0.0, 1.0 - distance)
    inside = (centres >= -0.5) & (centres <= size_in - 0.5)
    total = weights.sum(axis=1)
    # The half pixel at either end has one neighbour only and takes that neighbour's value.
    scale = np.where(inside & (total > 0), 1.0 / np.maximum(total, 1e-9), 1.0 / width)
    return csr_array((weights * scale[:, None]).astype(np.float32))


def resampled(planes: FloatArray, rows: Weights, columns: Weights) -> FloatArray:
    """Resample planes along both axes.

    Parameters
    ----------
    planes : ndarray of float32, shape (n, rows in, columns in)
    rows, columns : sparse matrix of float32
        As of `linear_weights`.

    Returns
    -------
    ndarray of float32, shape (n, rows out, columns out)
        ``rows @ plane @ columns.T`` for each plane.
    """
    count, height, width = planes.shape
    new_height, new_width = rows.shape[0], columns.shape[0]
    along_rows = rows @ planes.transpose(1, 0, 2).reshape(height, count * width)
    turned = along_rows.reshape(new_height, count, width).transpose(2, 1, 0)
    along_both = columns @ turned.reshape(width, count * new_height)
    return np.ascontiguousarray(along_both.reshape(new_width, count, new_height).transpose(1, 2, 0))


@dataclass(frozen=True, eq=False)
class InPlaneGrid:
    """An image's in-plane grid and the network's, which covers it and has the same centre.

    Attributes
    ----------
    shape : tuple of int
        Rows and columns of the image.
    model_shape : tuple of int
        Rows and columns on the network's grid.
    ratio : tuple of float
        Network spacing divided by image spacing, for rows and columns.
    """

    shape: tuple[int, int]
    model_shape: tuple[int, int]
    ratio: tuple[float, float]

    @classmethod
    def of(
        cls, shape: tuple[int, int], spacing_mm: tuple[float, float], model_spacing_mm: float
    ) -> InPlaneGrid:
        """Return the grid of a spacing that covers an image.

        Parameters
        ----------
        shape : tuple of int
            Rows and columns of the image.
        spacing_mm : tuple of float
            Distance of its rows and of its columns.
        model_spacing_mm : float

        Returns
        -------
        InPlaneGrid
        """
        rows, columns = (model_spacing_mm / s for s in spacing_mm)
        size = (max(1, round(shape[0] / rows)), max(1, round(shape[1] / columns)))
        return cls(shape, size, (rows, columns))

    def forward(self, slices: FloatArray) -> FloatArray:
        """Resample an image to the network's grid.

        Parameters
        ----------
        slices : ndarray of float32, shape (n, *shape)

        Returns
        -------
        ndarray of float32, shape (n, *model_shape)
        """
        rows = linear_weights(self.shape[0], self.model_shape[0], self.ratio[0])
        columns = linear_weights(self.shape[1], self.model_shape[1], self.ratio[1])
        return resampled(slices, rows, columns)

    def back_weights(self) -> tuple[Weights, Weights]:
        """Return the matrices that resample from the network's grid to the image's.

        Returns
        -------
        rows, columns : sparse matrix of float32
            ``rows @ plane @ columns.T`` is the plane on the image's grid.
        """
        return (
            linear_weights(self.model_shape[0], self.shape[0], 1 / self.ratio[0]),
            linear_weights(self.model_shape[1], self.shape[1], 1 / self.ratio[1]),
        )
