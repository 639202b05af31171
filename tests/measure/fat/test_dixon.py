from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpm_segmentator.core import Contrast
from lpm_segmentator.core.volume import DixonPair, LabelMap, Volume
from lpm_segmentator.measure import (
    fat_fraction_map,
    fat_measure,
    label_volumes_ml,
    slice_sums,
)
from lpm_segmentator.samples.phantom import make_phantom
from strategies import pair_like


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


def test_the_map_is_a_fat_fraction_and_its_mean_is_the_measure(
    blocks: tuple[LabelMap, DixonPair],
) -> None:
    labels, pair = blocks
    fraction = fat_fraction_map(pair)
    assert fraction.contrast is Contrast.FAT_FRACTION
    assert np.isnan(fraction.array[0, 0, 0])  # no signal
    measure = fat_measure(slice_sums(labels, pair)[1].over())
    assert float(fraction.array[labels.mask(1)].mean()) == pytest.approx(
        measure.fat_fraction_mean, abs=1e-6
    )
