"""Which part of a stack the network is shown: the body, the muscles, padded to what it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["body_box", "muscle_box", "pad"]

FloatArray = npt.NDArray[np.float32]

#: what is kept of the air around the body
_AIR_MARGIN_PX = 8
#: where background is less probable than this, it is looked at again
_LIKELY = 0.9
#: what is seen around the muscles then: 30 mm
_SURROUNDINGS_PX = 24


def body_box(images: Sequence[FloatArray]) -> tuple[slice, slice]:
    """Return the rows and columns that are not air all through the images, with a margin."""
    body = np.any([planes.max(axis=0) > 0.25 * planes.mean() for planes in images], axis=0)
    whole = slice(0, body.shape[0]), slice(0, body.shape[1])
    return _around(body, _AIR_MARGIN_PX) or whole


def pad(stacks: FloatArray, multiple: int) -> tuple[FloatArray, tuple[slice, slice]]:
    """Return stacks ``(n, c, h, w)`` padded to a multiple, and where the stacks lie in them."""
    pads, crops = [], []
    for size in stacks.shape[2:]:
        # A border of zeros on both sides: in training the field of view often ended in zeros.
        extra = -size % multiple
        before = extra // 2
        pads.append((before, extra - before))
        crops.append(slice(before, before + size))
    padded: FloatArray = np.pad(stacks, [(0, 0), (0, 0), *pads])
    return padded, (crops[0], crops[1])


def muscle_box(probabilities: FloatArray, multiple: int) -> tuple[slice, slice] | None:
    """Return rows and columns around all that may be muscle, as long as the network wants them."""
    held = _around(probabilities[:, 0].min(axis=0) < _LIKELY, _SURROUNDINGS_PX)
    if held is None:
        return None
    box = []
    for part, size in zip(held, probabilities.shape[2:], strict=True):
        length = min(size, part.stop - part.start + -(part.stop - part.start) % multiple)
        start = min(part.start, size - length)
        box.append(slice(start, start + length))
    return box[0], box[1]


def _around(mask: npt.NDArray[np.bool_], margin: int) -> tuple[slice, slice] | None:
    """Return the rows and columns that hold a mask, with a margin; None if it is empty."""
    if not mask.any():
        return None
    box = []
    for axis, size in enumerate(mask.shape):
        held = np.flatnonzero(mask.any(axis=1 - axis))
        box.append(slice(max(0, int(held[0]) - margin), min(size, int(held[-1]) + 1 + margin)))
    return box[0], box[1]
