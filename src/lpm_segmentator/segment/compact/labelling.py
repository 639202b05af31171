"""From class probabilities on the network's grid to labels on the image's grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core import bounding_box
from lpm_segmentator.segment.compact.grid import resampled

if TYPE_CHECKING:
    from lpm_segmentator.segment.compact.boxes import Box
    from lpm_segmentator.segment.compact.grid import InPlaneGrid, Weights
    from lpm_segmentator.segment.decision_boundary import DecisionBoundary

__all__ = ["LabelledSlices"]

FloatArray = npt.NDArray[np.float32]

#: where muscle is less probable than this, nothing is resampled to the image's grid
_NO_MUSCLE = 1e-4


class LabelledSlices:
    """Labels and confidence of a stack on the image's grid, filled batch by batch.

    Parameters
    ----------
    count : int
        Number of slices.
    grid : InPlaneGrid
    box : tuple of slice
        Rows and columns of the network's grid that are computed; the rest is background.
    boundary : DecisionBoundary
    spacing_mm : float
        In-plane spacing of the network's grid.

    Attributes
    ----------
    labels : ndarray of uint8, shape (count, rows, columns)
    confidence : ndarray of float32, same shape
        Probability of the assigned label. It does not depend on the decision boundary where the
        label is the same.
    """

    def __init__(
        self,
        count: int,
        grid: InPlaneGrid,
        box: Box,
        boundary: DecisionBoundary,
        spacing_mm: float,
    ) -> None:
        rows, columns = grid.back_weights()
        self._rows, self._columns = rows[:, box[0]], columns[:, box[1]]
        self._boundary = boundary
        self._spacing_mm = spacing_mm
        shape = (count, *grid.shape)
        self.labels = np.zeros(shape, np.uint8)
        self.confidence = np.ones(shape, np.float32)

    def fill(self, first: int, probabilities: FloatArray) -> None:
        """Label consecutive slices.

        Parameters
        ----------
        first : int
            Index of the first one.
        probabilities : ndarray of float32, shape (slices, classes, rows, columns)
            Of the box, on the network's grid.
        """
        smooth = self._boundary.smooth(probabilities, self._spacing_mm)
        region, rows, columns = self._muscle_region(smooth)
        for index, plane, smooth_plane in zip(
            range(first, first + len(probabilities)), probabilities, smooth, strict=True
        ):
            here = _on_image(plane, rows, columns)
            judged = _on_image(smooth_plane, rows, columns) if self._boundary.blur_mm else here
            labels = self._boundary.label(judged)
            self.labels[index][region] = labels
            self.confidence[index][region] = np.take_along_axis(here, labels[None], axis=0)[0]

    def _muscle_region(
        self, probabilities: FloatArray
    ) -> tuple[tuple[slice, slice], Weights, Weights]:
        """Return the part of the image that may hold muscle, and the weights of its pixels."""
        likely = probabilities[:, 1:].max(axis=(0, 1)) > _NO_MUSCLE
        region, weights = [], []
        for axis, lines in enumerate((self._rows, self._columns)):
            held = bounding_box((lines @ likely.any(axis=1 - axis)) > 0)
            part = slice(0, 0) if held is None else held[0]
            region.append(part)
            weights.append(lines[part])
        return (region[0], region[1]), weights[0], weights[1]


def _on_image(probabilities: FloatArray, rows: Weights, columns: Weights) -> FloatArray:
    """Return the probabilities ``(classes, rows, columns)`` of one slice on the image's grid."""
    muscles = resampled(probabilities[1:], rows, columns)
    # Background is the rest: outside the computed box it is 1.
    full: FloatArray = np.concatenate([1.0 - muscles.sum(axis=0, keepdims=True), muscles])
    return full
