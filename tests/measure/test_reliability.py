from __future__ import annotations

import math

import numpy as np
from hypothesis import given

from lpm_segmentator.core.volume import DixonPair, LabelMap
from lpm_segmentator.measure import outline_variants, reliability
from strategies import label_maps


def test_a_block_loses_and_gains_its_outline(blocks: tuple[LabelMap, DixonPair]) -> None:
    labels, pair = blocks
    band = reliability(outline_variants(labels.mask(1), labels.geometry, pair))
    voxel_ml = 0.01
    assert math.isclose(band.volume_ml.low, 6 * 8 * 8 * voxel_ml)
    assert math.isclose(band.volume_ml.high, 6 * (10 * 12 + 2 * 10) * voxel_ml)
    assert (band.csa_mean_mm2.low, band.csa_mean_mm2.high) == (8 * 8 * 2.0, 140 * 2.0)
    # The block is uniform and nothing but air surrounds it, except the neighbour muscle.
    assert math.isclose(band.fat_ratio.low, 0.2)
    assert band.fat_ratio.high >= 0.2


@given(label_maps())
def test_the_value_lies_inside_its_interval(labels: LabelMap) -> None:
    for value in labels.present:
        mask = labels.mask(value)
        band = reliability(outline_variants(mask, labels.geometry))
        volume = np.count_nonzero(mask) * labels.geometry.voxel_volume_ml
        assert band.volume_ml.low <= volume * (1 + 1e-9)
        assert band.volume_ml.high >= volume * (1 - 1e-9)
        assert math.isnan(band.fat_ratio.low)


def test_the_image_border_is_no_outline() -> None:
    labels = LabelMap(np.ones((4, 4, 2), np.uint8), np.eye(4))
    band = reliability(outline_variants(labels.mask(1), labels.geometry))
    assert band.volume_ml.low == band.volume_ml.high


def test_an_empty_mask_has_no_interval() -> None:
    labels = LabelMap(np.zeros((4, 4, 2), np.uint8), np.eye(4))
    band = reliability(outline_variants(labels.mask(1), labels.geometry))
    assert band.volume_ml.high == 0.0
    assert math.isnan(band.csa_mean_mm2.low)


def test_slices_other_than_their_own_are_untouched(blocks: tuple[LabelMap, DixonPair]) -> None:
    labels, _ = blocks
    variants = outline_variants(labels.mask(1), labels.geometry)
    assert variants.dilated.voxels[0] == 0
    assert variants.eroded.voxels[1] == variants.eroded.voxels[3] > 0
