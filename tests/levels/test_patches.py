from __future__ import annotations

import numpy as np

from lpm_segmentator.levels.patches import PATCH_PIXELS, cut_patch, standardise

SPACING_MM = np.array([4.0, 2.0, 2.0])


def test_a_patch_shows_its_point_in_the_middle() -> None:
    planes = np.zeros((9, 120, 120), np.float32)
    planes[4, 60:62, 40:42] = 1.0
    patch, inside = cut_patch(planes, SPACING_MM, np.array([4.0, 60.5, 40.5]))
    rows, columns = np.nonzero(patch[1] > 0.05)
    middle = (PATCH_PIXELS - 1) / 2
    assert abs(rows.mean() - middle) < 0.6
    assert abs(columns.mean() - middle) < 0.6
    assert patch[0].max() == 0  # 8 mm to the side
    assert inside[:, PATCH_PIXELS // 2].all()


def test_what_lies_beyond_the_image_is_marked() -> None:
    planes = np.ones((9, 120, 120), np.float32)
    patch, inside = cut_patch(planes, SPACING_MM, np.array([4.0, 115.0, 60.0]))
    assert inside[: PATCH_PIXELS // 2].all()
    assert not inside[-10:].any()
    channels = standardise(patch, inside)
    assert np.array_equal(channels[-1] > 0, inside)
    assert not channels[:, ~inside].any()


def test_brightness_makes_no_difference() -> None:
    planes = np.random.default_rng(0).random((9, 120, 120)).astype(np.float32)
    at = np.array([4.0, 60.0, 60.0])
    one = standardise(*cut_patch(planes, SPACING_MM, at))
    many = standardise(*cut_patch(planes * 900, SPACING_MM, at))
    assert np.allclose(one, many, atol=1e-3)
