from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpm_segmentator.core.errors import GeometryError, Remedy
from lpm_segmentator.core.transform import reorient
from lpm_segmentator.core.volume import DixonPair, LabelMap, Volume
from lpm_segmentator.measure import fat_measure, slice_sums, sums_of_mask
from strategies import label_maps, pair_like


@given(label_maps(oblique=False), st.sampled_from(["RAS", "LPS", "SAR", "PIL", "ASR"]))
def test_reorienting_changes_no_measure(labels: LabelMap, codes: str) -> None:
    fat = np.arange(labels.array.size, dtype=float).reshape(labels.shape)
    turned = reorient(labels, tuple(codes))
    turned_fat = reorient(Volume(fat, labels.affine), tuple(codes))
    before = slice_sums(labels, pair_like(labels, 10.0, fat))
    after = slice_sums(turned, pair_like(turned, 10.0, turned_fat.array))
    for value in before:
        one, other = before[value], after[value]
        assert sorted(one.areas_mm2) == pytest.approx(sorted(other.areas_mm2))
        assert one.over().voxels == other.over().voxels
        np.testing.assert_allclose(
            fat_measure(one.over()).fat_ratio, fat_measure(other.over()).fat_ratio
        )


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16])
def test_integer_images_do_not_overflow(dtype: type) -> None:
    top = np.iinfo(dtype).max
    labels = LabelMap(np.ones((10, 10, 10), dtype=np.uint8), np.eye(4))
    full = np.full(labels.shape, top, dtype=dtype)
    pair = DixonPair(Volume(full, labels.affine), Volume(full, labels.affine))
    sums = slice_sums(labels, pair)[1].over()
    assert sums.fat == 1000.0 * top
    assert fat_measure(sums).fat_ratio == 0.5


def test_a_pair_on_another_grid_is_refused(blocks: tuple[LabelMap, DixonPair]) -> None:
    labels, pair = blocks
    moved = labels.affine.copy()
    moved[0, 3] = 7.0
    with pytest.raises(GeometryError, match="different grids") as caught:
        slice_sums(LabelMap(labels.array, moved), pair)
    assert caught.value.remedies == (Remedy.ACCEPT_ORIGIN_MISMATCH,)
    assert "--" not in str(caught.value)
    with pytest.raises(GeometryError, match="different grids"):
        sums_of_mask(labels.mask(1), LabelMap(labels.array, moved).geometry, pair)


def test_ignored_values_are_no_structure() -> None:
    scheme = LabelMap(np.zeros((1, 1, 1), np.uint8), np.eye(4)).scheme.ignoring([255])
    labels = LabelMap(np.array([[[1, 255, 255, 0]]], dtype=np.uint8), np.eye(4), scheme)
    assert {v: s.over().voxels for v, s in slice_sums(labels).items()} == {1: 1, 2: 0, 3: 0, 4: 0}
