from __future__ import annotations

import math

import pytest

from lpm_segmentator.core.regions import Region, single_slice, whole_stack
from lpm_segmentator.core.volume import DixonPair, LabelMap
from lpm_segmentator.measure import AsymmetryFormula, GroupSums, slice_sums

Blocks = tuple[LabelMap, DixonPair]


def of_one_side(blocks: Blocks, value: int) -> GroupSums:
    return GroupSums(slice_sums(*blocks)[value])


def of_both_sides(blocks: Blocks) -> GroupSums:
    right, left = (of_one_side(blocks, value) for value in (1, 4))
    return GroupSums(right.dixon + left.dixon, sides=(right, left), formula=AsymmetryFormula.LARGER)


def test_the_sums_over_a_region_are_made_once(blocks: Blocks) -> None:
    group = of_both_sides(blocks)
    region = Region("L5", "vertebra", (1, 2, 3))
    assert group.over(region) is group.over(Region("L5", "vertebra", (1, 2, 3)))
    assert group.over(region) is not group.over(whole_stack(8))
    right, _ = group.over(region).sides or pytest.fail("there are two sides")
    assert right is group.sides[0].over(region)
    assert right.total.voxels == 3 * 100


def test_one_slice_has_an_area_and_no_volume(blocks: Blocks) -> None:
    sums = of_one_side(blocks, 1).over(single_slice(2))
    assert sums.area.mean_mm2 == 200.0
    assert math.isnan(sums.volume_ml)
    assert sums.reasons() == ("one slice has no volume",)


def test_maps_of_fat_are_found_by_name(blocks: Blocks) -> None:
    labels, pair = blocks
    dixon, by_map = slice_sums(labels)[1], slice_sums(labels, pair)[1]
    sums = GroupSums(dixon, {"gmm3_soft": by_map}).over(whole_stack(8))
    assert sums.fat_share("gmm3_soft") == pytest.approx(0.2)
    assert sums.functional_csa_mm2("gmm3_soft") == pytest.approx(160.0)
    assert math.isnan(sums.fat_share("otsu_soft"))
    assert math.isnan(sums.functional_csa_mm2("otsu_soft"))
    assert not sums.has_pair
    assert math.isnan(sums.fat.fat_ratio)


def test_outline_variants_are_made_when_asked_for(blocks: Blocks) -> None:
    calls = []

    def outline() -> tuple[GroupSums, ...]:
        calls.append(1)
        return (of_one_side(blocks, 1), of_one_side(blocks, 2))

    group = GroupSums(slice_sums(*blocks)[1], outline=outline)
    sums = group.over(whole_stack(8))
    assert sums.total.voxels == 600
    assert calls == []
    assert [variant.total.voxels for variant in sums.variants] == [600, 240]
    assert group.over(single_slice(2)).variants[0].total.voxels == 100
    assert calls == [1]
    assert of_one_side(blocks, 1).over(whole_stack(8)).variants == ()


def test_reasons_are_in_order_and_not_repeated(blocks: Blocks) -> None:
    labels, _ = blocks
    array = labels.array.copy()
    array[array == 4] = 0
    half = of_both_sides((labels.with_array(array), blocks[1]))
    assert half.over(whole_stack(8)).reasons() == (
        "one side has no voxels of this structure here: no asymmetry",
    )
    empty = GroupSums(slice_sums(labels)[1], split_reason="no intensity-based fat (gmm2): why")
    assert empty.over(single_slice(0)).reasons() == (
        "no Dixon pair",
        "no voxels of this structure here",
        "one slice has no volume",
        "no intensity-based fat (gmm2): why",
    )
