from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpm_segmentator.core.errors import GeometryError
from lpm_segmentator.core.transform import reorient
from lpm_segmentator.core.volume import DixonPair, LabelMap, Volume
from lpm_segmentator.measure import (
    area_across_body_mm2,
    csa_measure,
    fat_measure,
    label_volumes_ml,
    slice_sums,
    sums_of_mask,
)
from lpm_segmentator.train.phantom import make_phantom
from strategies import label_maps


def pair_like(labels: LabelMap, water: object, fat: object) -> DixonPair:
    full = np.zeros(labels.shape)
    return DixonPair(
        Volume(np.asarray(full + water), labels.affine),
        Volume(np.asarray(full + fat), labels.affine),
    )


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


@given(st.floats(1e-3, 1e3), st.integers(0, 1000))
def test_fat_measures_do_not_change_when_both_images_are_scaled(scale: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = LabelMap(rng.integers(0, 5, (5, 4, 3), dtype=np.uint8), np.eye(4))
    water, fat = rng.uniform(0, 9, (2, *labels.shape))
    plain = slice_sums(labels, pair_like(labels, water, fat))
    scaled = slice_sums(labels, pair_like(labels, scale * water, scale * fat))
    for value in plain:
        a, b = (fat_measure(s[value].over()) for s in (plain, scaled))
        np.testing.assert_allclose(a.fat_ratio, b.fat_ratio, rtol=1e-9)
        np.testing.assert_allclose(a.fat_fraction_mean, b.fat_fraction_mean, rtol=1e-9)


def test_the_two_fat_definitions_differ_as_their_formulas_say() -> None:
    labels = LabelMap(np.array([[[1], [1]]], dtype=np.uint8), np.eye(4))
    measure = fat_measure(
        slice_sums(labels, pair_like(labels, [[[0], [90]]], [[[10], [0]]]))[1].over()
    )
    assert measure.fat_ratio == pytest.approx(10 / 100)
    assert measure.fat_fraction_mean == pytest.approx((1.0 + 0.0) / 2)


def test_voxels_without_signal_are_left_out_and_counted() -> None:
    labels = LabelMap(np.ones((1, 1, 5), dtype=np.uint8), np.eye(4))
    water = np.array([[[3.0, 0.0, -2.0, np.nan, 0.0]]])
    fat = np.array([[[1.0, 0.0, 1.0, 5.0, 0.0]]])
    measure = fat_measure(slice_sums(labels, pair_like(labels, water, fat))[1].over())
    assert measure.fat_ratio == pytest.approx(0.25)
    assert measure.fat_fraction_mean == pytest.approx(0.25)
    assert (measure.voxels, measure.no_signal_voxels, measure.reason) == (5, 4, "")


def test_undefined_fat_is_nan_with_a_reason() -> None:
    labels = LabelMap(np.ones((1, 2, 2), dtype=np.uint8), np.eye(4))
    dark = slice_sums(labels, pair_like(labels, 0.0, 0.0))
    for measure, reason in (
        (fat_measure(slice_sums(labels)[1].over()), "no Dixon pair"),
        (fat_measure(dark[1].over()), "no voxel with signal"),
        (fat_measure(dark[2].over()), "no voxels"),
    ):
        assert math.isnan(measure.fat_ratio)
        assert math.isnan(measure.fat_fraction_mean)
        assert measure.reason.startswith(reason)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16])
def test_integer_images_do_not_overflow(dtype: type) -> None:
    top = np.iinfo(dtype).max
    labels = LabelMap(np.ones((10, 10, 10), dtype=np.uint8), np.eye(4))
    full = np.full(labels.shape, top, dtype=dtype)
    pair = DixonPair(Volume(full, labels.affine), Volume(full, labels.affine))
    sums = slice_sums(labels, pair)[1].over()
    assert sums.fat == 1000.0 * top
    assert fat_measure(sums).fat_ratio == 0.5


def test_phantom_fat_ratio_within_half_a_point_of_its_truth() -> None:
    for grade in (0.0, 0.5, 1.0):
        p = make_phantom(seed=5, shape=(128, 128, 10), spacing_mm=(2.0, 2.0, 10.0), fat_grade=grade)
        labels = LabelMap(p.labels, p.affine)
        pair = DixonPair(Volume(p.water, p.affine), Volume(p.fat, p.affine))
        for value, sums in slice_sums(labels, pair).items():
            assert fat_measure(sums.over()).fat_ratio == pytest.approx(
                p.fat_ratio[value], abs=0.005
            )
            assert label_volumes_ml(labels)[value] == pytest.approx(p.volumes_ml[value], abs=1e-6)


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


def test_a_pair_on_another_grid_is_refused(blocks: tuple[LabelMap, DixonPair]) -> None:
    labels, pair = blocks
    moved = labels.affine.copy()
    moved[0, 3] = 7.0
    with pytest.raises(GeometryError, match="different grids"):
        slice_sums(LabelMap(labels.array, moved), pair)
    with pytest.raises(GeometryError, match="different grids"):
        sums_of_mask(labels.mask(1), LabelMap(labels.array, moved).geometry, pair)


def test_ignored_values_are_no_structure() -> None:
    scheme = LabelMap(np.zeros((1, 1, 1), np.uint8), np.eye(4)).scheme.ignoring([255])
    labels = LabelMap(np.array([[[1, 255, 255, 0]]], dtype=np.uint8), np.eye(4), scheme)
    assert {v: s.over().voxels for v, s in slice_sums(labels).items()} == {1: 1, 2: 0, 3: 0, 4: 0}


def test_real_subject(tum) -> None:  # type: ignore[no-untyped-def]
    labels, pair = tum("TUM01")
    sums = slice_sums(labels, pair)
    water, fat = pair.water.array.astype(float), pair.fat.array.astype(float)
    for value, measured in sums.items():
        inside = labels.array == value
        expected = fat[inside].sum() / (fat[inside].sum() + water[inside].sum())
        both = fat_measure(measured.over())
        assert both.fat_ratio == pytest.approx(expected, abs=1e-12)
        assert 0.009 < both.fat_ratio - both.fat_fraction_mean < 0.015
    assert label_volumes_ml(labels)[1] == pytest.approx(203.131, abs=0.01)
