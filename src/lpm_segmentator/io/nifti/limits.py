"""What a header can state: numbers that make sense, images no larger than a body."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core.errors import GeometryError, Remedy
from lpm_segmentator.core.geometry import spacing_mm

__all__ = ["check_size", "joined", "makes_sense"]

#: of an image of a body, whatever its unit
_SMALLEST_STEP_MM, _LARGEST_IMAGE_MM = 0.01, 3000.0
_FARTHEST_MM = 1e6
#: beyond it a number is the result of damage
_LARGEST_NUMBER = 1e100


def check_size(affine: npt.NDArray[np.float64], shape: tuple[int, ...]) -> None:
    """Refuse an image larger than any body: to resample it would take all memory.

    Parameters
    ----------
    affine : ndarray, shape (4, 4)
        Voxel to world, RAS+ millimetres.
    shape : tuple of int, length 3

    Raises
    ------
    GeometryError
        If an axis is longer than 3 m, a step shorter than 0.01 mm, or the first voxel more than
        1 km from the origin. A step of 0 is left to `core.geometry.checked_affine`.
    """
    if np.abs(affine[:3, 3]).max() > _FARTHEST_MM:
        raise GeometryError(
            f"the first voxel would lie at {joined(affine[:3, 3])} mm",
            hint="The header is damaged: export the image again",
        )
    steps = spacing_mm(affine)
    extent = [step * n for step, n in zip(steps, shape, strict=True)]
    if max(extent) > _LARGEST_IMAGE_MM or 0 < min(steps) < _SMALLEST_STEP_MM:
        raise GeometryError(
            f"with voxels of {joined(steps)} mm the image would measure {joined(extent)} mm",
            hint="Shape, spacing or unit in the header are wrong; state the true spacing in mm "
            f"along the array axes: pass {Remedy.SPACING}",
            remedy=Remedy.SPACING,
        )


def makes_sense(*values: Any) -> bool:
    """Return whether numbers of a header are finite and can be lengths or directions."""
    return all(np.isfinite(value) and abs(float(value)) <= _LARGEST_NUMBER for value in values)


def joined(lengths: Any) -> str:
    """Return lengths along several axes as text."""
    return " × ".join(f"{length:.4g}" for length in lengths)
