"""The part of a stack that a network computes: the body, the muscles, padded to its multiple."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core import bounding_box

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["body_box", "muscle_box", "pad"]

FloatArray = npt.NDArray[np.float32]
Box = tuple[slice, slice]

#: air that is kept around the body, in pixels
_AIR_MARGIN_PX = 8
#: pixels with a lower background probability are refined
_BACKGROUND = 0.9
#: what is refined around them, in pixels (30 mm)
_REFINED_MARGIN_PX = 24


def body_box(images: Sequence[FloatArray]) -> Box:
    """Return the rows and columns that hold the body in any slice, with a margin.

    Parameters
    ----------
    images : sequence of ndarray of float32, shape (slices, rows, columns)
        On the same grid.

    Returns
    -------
    tuple of slice
        Rows and columns; all of them where every image is empty.
    """
    body = np.any([planes.max(axis=0) > 0.25 * planes.mean() for planes in images], axis=0)
    rows, columns = bounding_box(body, _AIR_MARGIN_PX) or (slice(0, n) for n in body.shape)
    return rows, columns


def muscle_box(probabilities: FloatArray, multiple: int) -> Box | None:
    """Return the rows and columns around all pixels that may be muscle.

    Parameters
    ----------
    probabilities : ndarray of float32, shape (n, classes, rows, columns)
        Class 0 is background.
    multiple : int
        The box has a multiple of this many rows and columns, as far as the array reaches.

    Returns
    -------
    tuple of slice or None
        None where no pixel may be muscle.
    """
    likely = bounding_box(probabilities[:, 0].min(axis=0) < _BACKGROUND, _REFINED_MARGIN_PX)
    if likely is None:
        return None
    box = []
    for part, size in zip(likely, probabilities.shape[2:], strict=True):
        length = part.stop - part.start
        length = min(size, length + -length % multiple)
        start = min(part.start, size - length)
        box.append(slice(start, start + length))
    return box[0], box[1]


def pad(stacks: FloatArray, multiple: int) -> tuple[FloatArray, Box]:
    """Pad stacks with zeros so that rows and columns are a multiple of a number.

    Parameters
    ----------
    stacks : ndarray of float32, shape (n, channels, rows, columns)
    multiple : int

    Returns
    -------
    padded : ndarray of float32
    box : tuple of slice
        Rows and columns of `padded` that hold the stacks.
    """
    pads, box = [], []
    for size in stacks.shape[2:]:
        # Zeros on both sides: in training the field of view often ended in zeros.
        extra = -size % multiple
        before = extra // 2
        pads.append((before, extra - before))
        box.append(slice(before, before + size))
    padded: FloatArray = np.pad(stacks, [(0, 0), (0, 0), *pads])
    return padded, (box[0], box[1])
