from __future__ import annotations

import numpy as np

from lpm_segmentator.core.transform import reorient
from lpm_segmentator.core.volume import LabelMap, Volume
from lpm_segmentator.measure.checks.body import body_box, plane, spread


def test_the_box_holds_the_body_without_noise_and_arms(back: tuple[LabelMap, Volume]) -> None:
    _, image = back
    rng = np.random.default_rng(0)
    array = image.array + rng.uniform(0, 5, image.shape).astype(np.float32)
    array[2:6, 40:80] = 100  # an arm
    box = body_box(plane(image.with_array(array), 2))
    assert box == (slice(13, 148), slice(17, 104), slice(0, 1))


def test_a_slice_without_signal_has_no_body() -> None:
    assert body_box(np.zeros((8, 8, 1))) is None
    assert body_box(np.full((8, 8, 1), np.nan)) is None
    single = np.zeros((20, 20, 1))
    single[4, 4] = 1  # one bright voxel is noise
    assert body_box(single) is None


def test_a_plane_follows_the_slice_axis(back: tuple[LabelMap, Volume]) -> None:
    turned = reorient(back[0], ("S", "L", "P"))
    np.testing.assert_array_equal(plane(turned, 3)[0], plane(back[0], 3)[..., 0])


def test_slices_are_spread_evenly_and_not_repeated() -> None:
    assert spread(range(29)) == [0, 5, 9, 14, 19, 23, 28]
    assert spread([4, 7]) == [4, 7]
    assert spread([3]) == [3]
    assert spread([]) == []
