from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lpm_segmentator.core.errors import GeometryError
from lpm_segmentator.core.labels import Disc
from lpm_segmentator.core.regions import SliceLevels
from lpm_segmentator.core.transform import reorient
from lpm_segmentator.core.volume import DixonPair, LabelMap, Volume
from lpm_segmentator.measure import (
    CATALOGUE,
    AsymmetryFormula,
    CaseMeasures,
    Catalogue,
    IntensityFat,
    IntensityMethod,
    IntensitySplit,
    Kind,
    MeasureRow,
    measure_case,
)
from strategies import ORIENTATIONS, label_maps, pair_like

Blocks = tuple[LabelMap, DixonPair]


def by_key(measures: CaseMeasures) -> dict[tuple[str, str, str], MeasureRow]:
    return {(r.muscle, r.side, r.level): r for r in measures.rows}


def test_rows_are_case_by_muscle_by_side_by_level(blocks: Blocks, levels: SliceLevels) -> None:
    labels, pair = blocks
    measures = measure_case(labels, case="c", pair=pair, levels=levels)
    rows = by_key(measures)
    assert len(rows) == len(measures.rows) == 9 * 7  # all, span, L4, L5 and three discs
    assert {r.case for r in measures.rows} == {"c"}
    whole = rows["ES", "R", "all"]
    assert whole["volume_ml"] == pytest.approx(10 * 10 * 6 * 0.01)
    assert whole["lean_volume_ml"] == pytest.approx(6.0 * 0.8)
    assert whole["fat_ratio"] == pytest.approx(0.2)
    assert whole["volume_low_ml"] < whole["volume_ml"] < whole["volume_high_ml"]
    assert whole.note == ""
    assert rows["ES", "R", "L5"]["slices"] == 3  # slices 1, 2, 3
    assert rows["ES", "R", "L4"]["volume_ml"] == pytest.approx(2.0)


def test_muscles_and_sides_together(blocks: Blocks) -> None:
    labels, pair = blocks
    rows = by_key(measure_case(labels, pair=pair))
    parts = [rows[m, s, "all"] for m in ("ES", "MF") for s in ("R", "L")]
    total = rows["ES+MF", "both", "all"]
    assert total["volume_ml"] == pytest.approx(sum(r["volume_ml"] for r in parts))
    assert total["voxels"] == sum(r["voxels"] for r in parts)
    assert rows["ES+MF", "R", "all"]["fat_ratio"] == pytest.approx((10 * 0.2 + 4 * 0.5) / 14)


def test_asymmetry_stands_on_rows_of_both_sides(blocks: Blocks) -> None:
    labels, pair = blocks
    measures = measure_case(labels, pair=pair)
    rows = by_key(measures)
    es = rows["ES", "both", "all"]
    assert es["volume_asymmetry_percent"] == pytest.approx(100 * (10 - 8) / 9)
    assert es["csa_asymmetry_percent"] == pytest.approx(100 * (10 - 8) / 9)
    assert es["fat_ratio_side_difference"] == pytest.approx(0.2 - 0.25)
    assert rows["MF", "both", "all"]["volume_asymmetry_percent"] == 0.0
    assert math.isnan(rows["ES", "R", "all"]["volume_asymmetry_percent"])
    assert measures.asymmetry_formula == "100 (R - L) / ((R + L) / 2)"
    other = measure_case(labels, pair=pair, formula=AsymmetryFormula.LARGER)
    assert by_key(other)["ES", "both", "all"]["volume_asymmetry_percent"] == pytest.approx(20.0)


def test_a_disc_has_an_area_and_no_volume(blocks: Blocks, levels: SliceLevels) -> None:
    labels, pair = blocks
    row = by_key(measure_case(labels, pair=pair, levels=levels))["ES", "L", "L4-L5"]
    assert (row["slices"], row["csa_mean_mm2"], row["csa_max_mm2"]) == (1, 160.0, 160.0)
    assert math.isnan(row["volume_ml"])
    assert math.isnan(row["volume_low_ml"])
    assert "no volume" in row.note


def test_profile_runs_along_the_spine(blocks: Blocks, levels: SliceLevels) -> None:
    labels, pair = blocks
    profile = [
        r
        for r in measure_case(labels, pair=pair, levels=levels).profile
        if (r.muscle, r.side) == ("ES", "R")
    ]
    assert [r.slice for r in profile] == list(range(8))
    assert np.diff([r.position_mm for r in profile]) == pytest.approx(np.full(7, 5.0))
    assert [r.level for r in profile] == ["", "L5-S1", "L5", "L5", "L4-L5", "L4", "L3-L4", ""]
    assert profile[3]["csa_mm2"] == 200.0
    assert profile[3]["lean_csa_mm2"] == pytest.approx(160.0)
    assert math.isnan(profile[0]["csa_mm2"])
    assert profile[0].note


def test_without_a_pair_sizes_stand_and_fat_is_nan_with_the_reason(blocks: Blocks) -> None:
    measures = measure_case(blocks[0])
    assert measures.swap is None
    assert measures.findings == ()
    for row in measures.rows:
        assert row["volume_ml"] > 0
        assert math.isnan(row["fat_ratio"])
        assert math.isnan(row["lean_volume_ml"])
        assert "no Dixon pair" in row.note


def test_missing_structures_and_dark_voxels_are_warned_about(blocks: Blocks) -> None:
    labels, pair = blocks
    array = labels.array.copy()
    array[array == 3] = 0
    array[30, 2, 2] = 4  # no signal there
    measures = measure_case(labels.with_array(array), pair=pair)
    assert any("MF_L has no voxels" in w for w in [f.message for f in measures.findings])
    assert any("ES_L: 1 voxels" in w for w in [f.message for f in measures.findings])
    rows = by_key(measures)
    assert rows["MF", "L", "all"]["volume_ml"] == 0.0
    assert math.isnan(rows["MF", "L", "all"]["csa_mean_mm2"])
    assert rows["ES", "L", "all"]["no_signal_voxels"] == 1
    assert math.isnan(measures.fat_ratios[3])


def test_an_empty_label_map_is_measured_as_empty() -> None:
    labels = LabelMap(np.zeros((6, 6, 3), np.uint8), np.eye(4))
    measures = measure_case(labels)
    assert len(measures.findings) == 4
    assert all(r["volume_ml"] == 0.0 and math.isnan(r["csa_mean_mm2"]) for r in measures.rows)


@pytest.mark.parametrize("codes", ORIENTATIONS[::5])
def test_reorientation_changes_no_measure(blocks: Blocks, codes: tuple[str, ...]) -> None:
    labels, pair = blocks
    axes: tuple[str, str, str] = (codes[0], codes[1], codes[2])
    turned = DixonPair(reorient(pair.water, axes), reorient(pair.fat, axes))
    before = measure_case(labels, pair=pair).rows
    after = measure_case(reorient(labels, axes), pair=turned).rows
    for one, other in zip(before, after, strict=True):
        for name in ("volume_ml", "csa_mean_mm2", "fat_ratio", "fat_ratio_high", "volume_low_ml"):
            assert one[name] == pytest.approx(other[name])
        assert one.side == other.side


def test_levels_of_another_stack_are_refused(blocks: Blocks) -> None:
    with pytest.raises(GeometryError, match="stack of 9"):
        measure_case(blocks[0], levels=SliceLevels({Disc.L4_L5: 2}, 9))


def test_real_subject(tum) -> None:  # type: ignore[no-untyped-def]
    labels, pair = tum("TUM02")
    discs = {Disc.L5_S1: 0, Disc.L4_L5: 8, Disc.L3_L4: 15, Disc.L2_L3: 22, Disc.L1_L2: 28}
    measures = measure_case(labels, pair=pair, levels=SliceLevels(discs, 29))
    assert measures.findings == ()
    assert measures.volumes_ml[1] == pytest.approx(150.11, abs=0.02)
    assert measures.fat_ratios[4] == pytest.approx(0.16884, abs=1e-4)
    for row in measures.rows:
        if row.level_kind != "disc":
            assert row["volume_low_ml"] < row["volume_ml"] < row["volume_high_ml"]
        assert row["fat_ratio_low"] <= row["fat_ratio"] <= row["fat_ratio_high"]
        assert 0.1 < row["fat_ratio"] < 0.3


# Laws.

EXPONENT = {"mL": 3, "mm²": 2, "%": 0, "": 0}


@st.composite
def cases(draw: st.DrawFn) -> tuple[LabelMap, DixonPair]:
    """Small label maps with a pair, some of whose voxels have no signal."""
    labels = draw(label_maps())
    signal = hnp.arrays(np.float64, labels.shape, elements=st.sampled_from([0.0, 1.0, 2.5, 7.0]))
    return labels, pair_like(labels, draw(signal), draw(signal))


def some_levels(labels: LabelMap) -> SliceLevels | None:
    """Discs in the first, the middle and the last slice, if there are so many."""
    n = labels.shape[labels.slice_axis]
    discs = dict(zip((Disc.L3_L4, Disc.L4_L5, Disc.L5_S1), (0, n // 2, n - 1), strict=True))
    return SliceLevels(discs, n) if n >= 3 else None


@given(cases())
def test_both_is_right_and_left_and_a_sum_is_its_muscles(given: Blocks) -> None:
    labels, pair = given
    rows = by_key(measure_case(labels, pair=pair, levels=some_levels(labels)))
    for (muscle, side, level), row in rows.items():
        for name in ("voxels", "no_signal_voxels", "volume_ml"):
            parts = [rows[muscle, s, level][name] for s in ("R", "L")]
            if side == "both":
                np.testing.assert_allclose(row[name], sum(parts), rtol=1e-12)
            if muscle == "ES+MF":
                parts = [rows[m, side, level][name] for m in ("ES", "MF")]
                np.testing.assert_allclose(row[name], sum(parts), rtol=1e-12)


@given(cases())
def test_vertebrae_add_up_to_the_span_less_its_top_slice(given: Blocks) -> None:
    labels, pair = given
    levels = some_levels(labels)
    if levels is None:
        return
    rows = by_key(measure_case(labels, pair=pair, levels=levels))
    for muscle, side in {(m, s) for m, s, _ in rows}:
        parts = [rows[muscle, side, name]["voxels"] for name in ("L4", "L5", "L3-L4")]
        assert sum(parts) == rows[muscle, side, "L3-L4..L5-S1"]["voxels"]


@given(cases(), st.floats(0.2, 5.0))
def test_every_quantity_scales_with_the_spacing_as_its_unit_says(
    given: Blocks, scale: float
) -> None:
    def on(affine: np.ndarray) -> tuple[MeasureRow, ...]:
        pair = DixonPair(*(Volume(v.array, affine) for v in (given[1].water, given[1].fat)))
        labels = LabelMap(given[0].array, affine)
        return measure_case(labels, pair=pair, levels=some_levels(labels)).rows

    larger = given[0].affine.copy()
    larger[:3, :3] *= scale
    for row, other in zip(on(given[0].affine), on(larger), strict=True):
        for quantity in CATALOGUE.measures:
            if quantity.kind is not Kind.TEXT:
                expected = row[quantity.name] * scale ** EXPONENT[quantity.unit]
                np.testing.assert_allclose(
                    other[quantity.name], expected, rtol=1e-9, atol=1e-9, err_msg=quantity.name
                )
        assert other.note == row.note


def a_split(image: Volume) -> IntensityFat:
    """Fat from 0 at intensity 0 to 1 at intensity 10, by every method."""
    curve = np.array([[0.0, 10.0], [0.0, 1.0]])
    splits = {m: IntensitySplit(m, 5.0, (0.0, 10.0), (0.5, 0.5), curve) for m in IntensityMethod}
    return IntensityFat(image, splits)


@given(cases(), st.booleans())
def test_every_quantity_is_a_number_or_the_note_says_why(given: Blocks, dixon: bool) -> None:
    labels, pair = given
    images = {"pair": pair} if dixon else {"intensity": a_split(pair.water)}
    measures = measure_case(labels, levels=some_levels(labels), **images)
    for row in (*measures.rows, *measures.profile):
        for name, value in row.values.items():
            # What needs the other kind of image, or both sides, does not apply.
            from_intensity = any(str(method) in name for method in IntensityMethod)
            if isinstance(value, str) or (from_intensity and dixon):
                continue
            if row.side != "both" and ("asymmetry" in name or "side" in name):
                continue
            assert math.isfinite(value) or row.note, (name, row)


@given(label_maps())
def test_a_catalogue_without_intervals_changes_no_other_value(labels: LabelMap) -> None:
    whole = measure_case(labels).rows
    short = Catalogue(
        tuple(q for q in CATALOGUE.measures if not {"low", "high"} & set(q.name.split("_"))), ()
    )
    for row, other in zip(measure_case(labels, catalogue=short).rows, whole, strict=True):
        for name, value in row.values.items():
            np.testing.assert_equal(value, other.values[name])
