"""Where a muscle ends: from class probabilities to labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

__all__ = ["DIXON", "SINGLE", "Outline"]

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Outline:
    """How tightly the masks lie around what the network is sure of.

    Attributes
    ----------
    least : float
        A muscle beats the background from this probability on, if there are but these two.
    blur_mm : float
        Standard deviation of a Gaussian by which the probabilities are blurred in plane before:
        people draw smooth outlines.
    """

    least: float = 0.5
    blur_mm: float = 0.0

    def smooth(self, probabilities: FloatArray, spacing_mm: float) -> FloatArray:
        """Return the probabilities ``(…, h, w)``, blurred in plane."""
        if self.blur_mm == 0:
            return probabilities
        still = (0.0,) * (probabilities.ndim - 2)
        sigma = self.blur_mm / spacing_mm
        blurred: FloatArray = ndimage.gaussian_filter(
            probabilities, (*still, sigma, sigma), mode="nearest", truncate=3.0
        )
        return blurred

    def decide(self, probability: FloatArray) -> npt.NDArray[np.uint8]:
        """Return the label of each pixel from the smooth probabilities ``(5, h, w)``."""
        weighed = probability.copy()
        weighed[0] *= self.least / (1.0 - self.least)
        labels: npt.NDArray[np.uint8] = weighed.argmax(axis=0).astype(np.uint8)
        return labels


#: of images of a Dixon pair: the likelier class
DIXON = Outline()
#: of T1w and T2w images, which readers outline further out than the networks are sure of: areas of
#: T2w slices were 7 % below the readers', so they are 2 % (docs/experiments.md, 24)
SINGLE = Outline(least=0.4, blur_mm=2.0)
