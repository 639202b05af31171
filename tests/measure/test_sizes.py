from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpm_segmentator.core.volume import DixonPair, LabelMap
from lpm_segmentator.measure import (
    area_across_body_mm2,
    csa_measure,
    label_volumes_ml,
    slice_sums,
)
from strategies import label_maps


@given(label_maps())
def test_volume_is_voxel_count_times_voxel_volume(labels: LabelMap) -> None:
    voxel_ml = abs(np.linalg.det(labels.affine[:3, :3])) / 1000
    for value, volume in label_volumes_ml(labels).items():
        assert volume == pytest.approx(np.count_nonzero(labels.array == value) * voxel_ml, abs=1e-6)


@given(label_maps())
def test_volume_is_area_times_slice_distance_even_if_sheared(labels: LabelMap) -> None:
    for value, sums in slice_sums(labels).items():
        by_slices = sums.areas_mm2.sum() * labels.geometry.slice_spacing_mm / 1000
        assert by_slices == pytest.approx(label_volumes_ml(labels)[value], rel=1e-9, abs=1e-12)


@given(label_maps(), st.floats(0.1, 10.0))
def test_areas_scale_with_the_square_and_volumes_with_the_cube_of_the_spacing(
    labels: LabelMap, scale: float
) -> None:
    affine = labels.affine.copy()
    affine[:3, :3] *= scale
    scaled = LabelMap(labels.array, affine)
    for value, sums in slice_sums(labels).items():
        area, other = csa_measure(sums), csa_measure(slice_sums(scaled)[value])
        np.testing.assert_allclose(other.mean_mm2, scale**2 * area.mean_mm2)
        np.testing.assert_allclose(other.max_mm2, scale**2 * area.max_mm2)
        np.testing.assert_allclose(
            label_volumes_ml(scaled)[value], scale**3 * label_volumes_ml(labels)[value]
        )


def test_csa_of_blocks(blocks: tuple[LabelMap, DixonPair]) -> None:
    labels, pair = blocks
    area = csa_measure(slice_sums(labels, pair)[1])
    assert (area.mean_mm2, area.max_mm2, area.slices) == (200.0, 200.0, 6)
    assert area.lean_mean_mm2 == pytest.approx(200 * (1 - 0.2))
    assert math.isnan(csa_measure(slice_sums(labels, pair)[1], [0]).mean_mm2)
    assert csa_measure(slice_sums(labels)[1]).reason == "no Dixon pair"


def test_csa_counts_only_slices_that_show_the_structure() -> None:
    array = np.zeros((4, 4, 3), np.uint8)
    array[:2, :2, 0], array[:, :, 2] = 1, 1
    area = csa_measure(slice_sums(LabelMap(array, np.eye(4)))[1])
    assert (area.mean_mm2, area.max_mm2, area.slices) == (10.0, 16.0, 2)


def test_area_and_volume_of_oblique_and_sheared_stacks() -> None:
    array = np.ones((2, 3, 4), np.uint8)
    angle = np.radians(30)
    turn = np.array(
        [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]
    )
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([1.0, 2.0, 4.0])
    oblique = LabelMap(array, affine)
    assert slice_sums(oblique)[1].areas_mm2 == pytest.approx(np.full(4, 12.0))
    assert area_across_body_mm2(12.0, oblique.geometry) == pytest.approx(12 * np.cos(angle))
    sheared = np.diag([1.0, 2.0, 4.0, 1.0])
    sheared[1, 2] = 3.0  # each slice is moved by 3 mm, but they lie 4 mm apart
    assert label_volumes_ml(LabelMap(array, sheared))[1] == pytest.approx(24 * 8 / 1000)
