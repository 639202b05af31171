from __future__ import annotations

import numpy as np
import pytest

from lpm_segmentator.core.volume import LabelMap, Volume

Back = tuple[LabelMap, Volume]


@pytest.fixture
def back() -> Back:
    """The muscles of a back of life size in an elliptic body; the right ones lie further back.

    The array axes run to left, posterior and superior; the slices taper to the head.
    """
    shape, spacing = (160, 120, 6), 2.5
    labels = np.zeros(shape, np.uint8)
    for index in range(6):
        for value, i, width, j, depth in (
            (1, 53, 16, 82, 14),
            (2, 69, 10, 84, 16),
            (3, 81, 10, 81, 15),
            (4, 91, 15, 79, 13),
        ):
            labels[i : i + width, j : j + depth - index, index] = value
    i, j, _ = np.indices(shape)
    body = ((i - 80) / 68) ** 2 + ((j - 60) / 44) ** 2 < 1
    affine = np.diag([-spacing, -spacing, 8.0, 1.0])
    image = np.where(labels > 0, 40.0, 100.0) * body
    return LabelMap(labels, affine), Volume(image.astype(np.float32), affine)
