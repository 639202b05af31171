from __future__ import annotations

import numpy as np
import pytest

from lpm_segmentator.core import Volume, axial_slices, reorient


@pytest.mark.parametrize("codes", ["RAS", "LPS", "SAR", "PIL"])
def test_slices_run_to_the_head_rows_to_the_back_columns_to_the_left(codes):
    image = Volume(np.arange(24).reshape(2, 3, 4), np.diag([1.0, 1, 1, 1]))
    slices = axial_slices(reorient(image, codes))
    assert slices.shape == (4, 3, 2)
    # In the array above i grows to the right, j to anterior, k to superior.
    assert slices[3, 0, 0] == image.array[1, 2, 3]
    assert slices[0, 2, 1] == image.array[0, 0, 0]
