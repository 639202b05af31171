from __future__ import annotations

import numpy as np
from hypothesis import given

from lpm_segmentator.core import Contrast, DixonPair, LabelMap, Volume
from lpm_segmentator.measure.window import cut, cut_pair, foreground_window
from strategies import label_maps


@given(label_maps())
def test_the_window_holds_all_foreground_and_all_slices(labels: LabelMap) -> None:
    window = foreground_window(labels)
    part = cut(labels, window)
    assert np.count_nonzero(part.array) == np.count_nonzero(labels.array)
    assert part.shape[labels.slice_axis] == labels.shape[labels.slice_axis]
    # Every voxel stays at its place in the world.
    first = [s.start for s in window]
    np.testing.assert_allclose(
        part.geometry.origin_mm, labels.geometry.voxel_to_world(first), atol=1e-9
    )


def test_two_maps_share_a_window_with_a_margin_in_the_plane() -> None:
    one, other = np.zeros((2, 20, 30, 4), np.uint8)
    one[5, 10, 1], other[8, 20, 2] = 1, 2
    maps = [LabelMap(array, np.eye(4)) for array in (one, other)]
    assert foreground_window(*maps) == np.s_[3:11, 8:23, 0:4]
    assert foreground_window(maps[0], margin=0) == np.s_[5:6, 10:11, 0:4]


def test_without_foreground_the_window_is_everything() -> None:
    labels = LabelMap(np.zeros((4, 5, 6), np.uint8), np.eye(4))
    assert cut(labels, foreground_window(labels)).shape == (4, 5, 6)


def test_a_part_keeps_its_contrast_and_no_pair_stays_none() -> None:
    water, fat = (Volume(np.ones((4, 4, 2)), np.eye(4), c) for c in (Contrast.WATER, Contrast.FAT))
    part = cut_pair(DixonPair(water, fat), np.s_[1:3, 0:4, 0:2])
    assert part is not None
    assert (part.water.contrast, part.fat.contrast) == (Contrast.WATER, Contrast.FAT)
    assert part.geometry.shape == (2, 4, 2)
    assert cut_pair(None, np.s_[1:3, 0:4, 0:2]) is None
