from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given

from lpm_segmentator.core.volume import DixonPair, LabelMap
from lpm_segmentator.measure import (
    IntensityFat,
    IntensityMethod,
    IntensitySplit,
    MeasureRow,
    measure_case,
    outline_variants,
)
from strategies import label_maps


def whole(labels: LabelMap, pair: DixonPair | None = None, key: str = "ES_R") -> MeasureRow:
    """The row of one muscle and side over the whole stack."""
    rows = measure_case(labels, pair=pair).rows
    (row,) = [r for r in rows if f"{r.muscle}_{r.side}" == key]
    return row


def test_a_block_loses_and_gains_its_outline(blocks: tuple[LabelMap, DixonPair]) -> None:
    row = whole(*blocks)
    voxel_ml = 0.01
    assert math.isclose(row["volume_low_ml"], 6 * 8 * 8 * voxel_ml)
    assert math.isclose(row["volume_high_ml"], 6 * (10 * 12 + 2 * 10) * voxel_ml)
    assert (row["csa_mean_low_mm2"], row["csa_mean_high_mm2"]) == (8 * 8 * 2.0, 140 * 2.0)
    # The block is uniform and nothing but air surrounds it, except the neighbour muscle.
    assert math.isclose(row["fat_ratio_low"], 0.2)
    assert row["fat_ratio_high"] >= 0.2
    assert math.isclose(row["lean_volume_low_ml"], row["volume_low_ml"] * 0.8)
    assert row.note == ""


@given(label_maps())
def test_the_value_lies_inside_its_interval(labels: LabelMap) -> None:
    for row in measure_case(labels).rows:
        assert row["volume_low_ml"] <= row["volume_ml"] * (1 + 1e-9)
        assert row["volume_high_ml"] >= row["volume_ml"] * (1 - 1e-9)
        assert math.isnan(row["fat_ratio_low"])


def test_the_image_border_is_no_outline() -> None:
    labels = LabelMap(np.ones((4, 4, 2), np.uint8), np.eye(4))
    row = whole(labels)
    assert row["volume_low_ml"] == row["volume_high_ml"]


def test_an_empty_mask_has_no_interval() -> None:
    row = whole(LabelMap(np.zeros((4, 4, 2), np.uint8), np.eye(4)))
    assert row["volume_high_ml"] == 0.0
    assert math.isnan(row["csa_mean_low_mm2"])
    assert "no interval" not in row.note  # the value itself is undefined, and that is said


def test_an_outline_that_erosion_removes_is_said_to_have_no_interval() -> None:
    array = np.zeros((5, 5, 1), np.uint8)
    array[2, 2, 0] = 1
    row = whole(LabelMap(array, np.eye(4)))
    assert row["csa_mean_mm2"] == 1.0
    assert math.isnan(row["csa_mean_low_mm2"])
    assert math.isnan(row["csa_mean_high_mm2"])
    assert "no interval" in row.note


def test_slices_other_than_their_own_are_untouched(blocks: tuple[LabelMap, DixonPair]) -> None:
    labels, _ = blocks
    variants = outline_variants(labels.mask(1), labels.geometry)
    assert variants.dilated.voxels[0] == 0
    assert variants.eroded.voxels[1] == variants.eroded.voxels[3] > 0
    assert (variants.given.voxels == labels.mask(1).sum(axis=(0, 1))).all()


def test_bounds_belong_to_the_pair_where_there_are_pair_and_image(
    blocks: tuple[LabelMap, DixonPair],
) -> None:
    labels, pair = blocks
    curve = np.array([[0.0, 100.0], [0.0, 1.0]])
    splits = {m: IntensitySplit(m, 50.0, (0.0, 100.0), (0.5, 0.5), curve) for m in IntensityMethod}
    intensity = IntensityFat(pair.fat, splits)
    both = measure_case(labels, pair=pair, intensity=intensity).rows[0]
    assert both["fat_ratio_low"] <= both["fat_ratio"] == pytest.approx(0.2)
    assert both["fat_gmm3_soft"] == pytest.approx(0.2)
    assert math.isnan(both["fat_gmm3_soft_low"])
    alone = measure_case(labels, intensity=intensity).rows[0]
    assert alone["fat_gmm3_soft_low"] <= alone["fat_gmm3_soft"] <= alone["fat_gmm3_soft_high"]
    assert math.isnan(alone["fat_ratio_low"])
    assert "no interval" not in both.note + alone.note
