from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpm_segmentator.core import Crop, LabelMap, crop, on_lattice, reorient
from strategies import ORIENTATIONS, label_maps


@given(label_maps(), st.sampled_from(ORIENTATIONS), st.data())
def test_a_turned_crop_comes_back_to_its_place(labels, codes, data):
    start = [data.draw(st.integers(0, n - 1)) for n in labels.shape]
    stop = [data.draw(st.integers(a + 1, n)) for a, n in zip(start, labels.shape, strict=True)]
    box = Crop(tuple(start), tuple(stop), labels.geometry)
    back = on_lattice(reorient(crop(labels, box), codes), labels.geometry)
    expected = np.zeros_like(labels.array)
    expected[box.slices] = labels.array[box.slices]
    np.testing.assert_array_equal(back.array, expected)
    assert back.geometry == labels.geometry


@given(label_maps(), st.sampled_from(ORIENTATIONS))
def test_a_padded_map_is_cropped_to_the_grid(labels, codes):
    padded = LabelMap(
        np.pad(labels.array, 2), labels.geometry.shifted([-2] * 3, np.add(labels.shape, 4)).affine
    )
    back = on_lattice(reorient(padded, codes), labels.geometry)
    np.testing.assert_array_equal(back.array, labels.array)


@pytest.mark.parametrize(
    "change",
    [
        np.diag([1.01, 1, 1, 1]),
        np.array([[1, 0, 0, 0.3], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]),
        np.array([[1, 0.1, 0, 0], [-0.1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]),
    ],
    ids=["other spacing", "between voxels", "turned"],
)
def test_voxels_that_do_not_coincide_are_not_placed(change):
    labels = LabelMap(np.ones((20, 20, 4), np.uint8), np.diag([1.0, 1, 4, 1]))
    moved = labels.with_grid(labels.array, labels.affine @ change)
    assert on_lattice(moved, labels.geometry) is None


def test_a_map_beside_the_grid_leaves_it_empty():
    labels = LabelMap(np.ones((3, 3, 3), np.uint8), np.eye(4))
    beside = labels.geometry.shifted([5, 0, 0], (3, 3, 3))
    assert not on_lattice(labels, beside).array.any()
