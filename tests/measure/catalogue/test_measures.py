from __future__ import annotations

from dataclasses import replace

import pytest

from lpm_segmentator.core.regions import SliceLevels
from lpm_segmentator.core.volume import DixonPair, LabelMap
from lpm_segmentator.measure import (
    CATALOGUE,
    Catalogue,
    Comparison,
    Quantity,
    RegionSums,
    measure_case,
)

Blocks = tuple[LabelMap, DixonPair]

NOT_COMPARED = {"slices", "voxels", "no_signal_voxels", "asymmetry_formula"}


def test_the_columns_are_those_of_the_published_tables() -> None:
    assert [q.name for q in CATALOGUE.measures] == [
        *("slices", "voxels", "no_signal_voxels"),
        *("volume_ml", "lean_volume_ml", "csa_mean_mm2", "csa_max_mm2", "lean_csa_mean_mm2"),
        *("fat_ratio", "fat_fraction_mean"),
        *("volume_asymmetry_percent", "csa_asymmetry_percent", "asymmetry_formula"),
        "fat_ratio_side_difference",
        *("volume_low_ml", "volume_high_ml", "csa_mean_low_mm2", "csa_mean_high_mm2"),
        *("lean_volume_low_ml", "lean_volume_high_ml"),
        *("lean_csa_mean_low_mm2", "lean_csa_mean_high_mm2"),
        *("fat_ratio_low", "fat_ratio_high", "fat_fraction_mean_low", "fat_fraction_mean_high"),
        *("fat_gmm2_soft", "fat_gmm2_hard", "fat_gmm3_soft", "fat_gmm3_hard"),
        *("fat_otsu_soft", "fat_otsu_hard", "fat_gmm3_soft_low", "fat_gmm3_soft_high"),
        *("lean_volume_gmm3_ml", "lean_csa_mean_gmm3_mm2"),
    ]
    assert [q.name for q in CATALOGUE.profile] == [
        *("csa_mm2", "lean_csa_mm2", "fat_ratio", "fat_fraction_mean", "fat_gmm3_soft"),
    ]


def test_counts_remarks_and_bounds_are_not_compared_with_a_reference() -> None:
    for quantity in CATALOGUE.measures:
        is_bound = bool({"low", "high"} & set(quantity.name.split("_")))
        assert quantity.is_compared == (quantity.name not in NOT_COMPARED and not is_bound)


def test_sizes_and_their_asymmetries_need_the_whole_muscle() -> None:
    for quantity in (*CATALOGUE.measures, *CATALOGUE.profile):
        is_size = quantity.unit in ("mL", "mm²", "%")
        assert quantity.needs_whole_muscle == is_size, quantity.name


def test_labels_tell_quantities_apart() -> None:
    for quantities in (CATALOGUE.measures, CATALOGUE.profile):
        labels = [quantity.label for quantity in quantities]
        assert len(labels) == len(set(labels))


@pytest.mark.parametrize("name", ["volume_ml", "case", "level", "note", "values"])
def test_a_column_cannot_be_there_twice(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        CATALOGUE.adding(replace(CATALOGUE["slices"], name=name))


def test_an_unknown_name_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="mass_kg"):
        CATALOGUE["mass_kg"]


# The example of docs/extending.md, step by step.


def smallest_area(sums: RegionSums) -> float:
    areas = sums.group.dixon.areas_mm2[list(sums.region.slices)]
    return float(areas[areas > 0].min(initial=float("inf"))) if areas.any() else float("nan")


CSA_MIN: Quantity[RegionSums] = Quantity(
    name="csa_min_mm2",
    unit="mm²",
    label="Minimum cross-sectional area",
    description="Smallest area over the slices that show the muscle.",
    function=smallest_area,
    shown_unit="cm²",
    factor=0.01,
    comparison=Comparison.RELATIVE,
)


def test_an_added_measure_comes_out_in_rows_and_columns(
    blocks: Blocks, levels: SliceLevels
) -> None:
    labels, pair = blocks
    array = labels.array.copy()
    array[2:7, :, 2][array[2:7, :, 2] == 1] = 0  # half of the right erector spinae in one slice
    catalogue = CATALOGUE.adding(CSA_MIN)
    measures = measure_case(labels.with_array(array), pair=pair, levels=levels, catalogue=catalogue)
    rows = {(r.muscle, r.side, r.level): r for r in measures.rows}
    assert rows["ES", "R", "all"]["csa_min_mm2"] == 100.0
    assert rows["ES", "R", "L4-L5"]["csa_min_mm2"] == 200.0
    assert rows["ES", "R", "all"]["volume_ml"] > 0
    columns = list(rows["ES", "R", "all"].to_dict())
    assert columns[-3:] == ["csa_min_mm2", "valid", "note"]
    assert "csa_min_mm2" not in measures.profile[0].to_dict()
    assert [q.name for q in catalogue.measures if q.is_compared][-1] == "csa_min_mm2"
    assert catalogue["csa_min_mm2"].text(250.0) == "2.5"
    assert CSA_MIN not in CATALOGUE.measures  # the catalogue itself is unchanged


def test_an_added_measure_can_join_the_profile(blocks: Blocks) -> None:
    catalogue = CATALOGUE.adding(CSA_MIN, to_profile=True)
    profile = measure_case(blocks[0], catalogue=catalogue).profile
    shown = [row for row in profile if row["csa_mm2"] > 0]
    assert shown
    assert all(row["csa_min_mm2"] == row["csa_mm2"] for row in shown)


def test_a_measure_that_is_undefined_for_a_reason_of_its_own_says_so(blocks: Blocks) -> None:
    def why(sums: RegionSums) -> str:
        return "fewer than 5 slices" if sums.total.voxels < 100 * 5 else ""

    catalogue = CATALOGUE.adding(replace(CSA_MIN, reason=why), to_profile=True)
    measures = measure_case(*blocks[:1], pair=blocks[1], catalogue=catalogue)
    rows = {(r.muscle, r.side): r for r in measures.rows}
    assert rows["ES", "R"].note == ""
    assert rows["MF", "R"].note == "fewer than 5 slices"
    assert {r.note for r in measures.profile} == {
        "fewer than 5 slices",
        "no voxels of this structure here; fewer than 5 slices",
    }


def test_a_small_catalogue_measures_no_more_than_it_lists(
    blocks: Blocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def costly(*_: object) -> None:
        raise AssertionError("the outline was varied though no bound is wanted")

    monkeypatch.setattr("lpm_segmentator.measure.case.outline_variants", costly)
    small = Catalogue((CATALOGUE["volume_ml"],), ())
    row = measure_case(blocks[0], catalogue=small).rows[0]
    assert list(row.values) == ["volume_ml"]
