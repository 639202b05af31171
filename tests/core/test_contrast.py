from __future__ import annotations

import numpy as np

from lpm_segmentator.core import (
    Contrast,
    ContrastSource,
    KnownContrast,
    Volume,
    crop_slices,
    reorient,
)


def test_words():
    assert str(KnownContrast()) == "unknown"
    assert str(KnownContrast(Contrast.T2W, ContrastSource.NAME)) == "T2w (file name)"


def test_water_and_fat_are_of_a_dixon_scan():
    assert [c for c in Contrast if c.is_dixon] == [Contrast.WATER, Contrast.FAT]


def test_the_contrast_goes_with_the_image_but_not_with_other_voxels():
    image = Volume(np.arange(24.0).reshape(2, 3, 4), np.eye(4), Contrast.FAT)
    assert reorient(crop_slices(image, 1, 3)[0], "LPS").contrast is Contrast.FAT
    assert image.with_array(image.array).contrast is Contrast.UNKNOWN
