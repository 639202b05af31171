"""The orientations in which slices are shown to readers and to networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core.transform import GridT, reorient

__all__ = ["AXIAL_FRAME", "SAGITTAL_FRAME", "axial_slices"]

AXIAL_FRAME = ("L", "P", "S")
"""Radiological display: columns grow to the left, rows to posterior, slices to superior."""

SAGITTAL_FRAME = ("R", "I", "P")
"""Planes grow to the right, rows to the feet, columns to the back."""


def axial_slices(vol: GridT) -> npt.NDArray[Any]:
    """Return an image as a stack of axial slices in radiological display.

    Parameters
    ----------
    vol : Volume or LabelMap
        In any orientation.

    Returns
    -------
    ndarray, shape (slices, rows, columns)
        A view without a copy: slices from feet to head, rows from front to back, columns from the
        patient's right to the left.
    """
    return np.asarray(reorient(vol, AXIAL_FRAME).array).T
