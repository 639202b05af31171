from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given

from lpm_segmentator.core.errors import GeometryError, Remedy
from lpm_segmentator.core.labels import LPM_SCHEME
from lpm_segmentator.core.regions import SliceLevels
from lpm_segmentator.core.volume import DixonPair, LabelMap
from lpm_segmentator.measure import compare_label_maps, label_volumes_ml
from strategies import label_maps


def shuffled(labels: LabelMap) -> LabelMap:
    """Another label map on the same grid."""
    return labels.with_array(np.roll(labels.array, 1, axis=0))


@given(label_maps())
def test_overlap_follows_the_definition_and_is_symmetric(labels: LabelMap) -> None:
    other = shuffled(labels)
    there = compare_label_maps(labels, other, surfaces=False)
    back = compare_label_maps(other, labels, surfaces=False)
    for row, mirrored in zip(there.rows, back.rows, strict=True):
        one, two = (
            m.array > 0 if row.label == 0 else m.array == row.label for m in (labels, other)
        )
        sizes, both = one.sum() + two.sum(), (one & two).sum()
        if sizes:
            assert row["dice"] == pytest.approx(2 * both / sizes, abs=1e-12)
            assert row["jaccard"] == pytest.approx(both / (one | two).sum(), abs=1e-12)
            assert row["jaccard"] == pytest.approx(row["dice"] / (2 - row["dice"]), abs=1e-12)
        else:
            assert math.isnan(row["dice"])
            assert "empty" in row.note
        np.testing.assert_equal(row["dice"], mirrored["dice"])
        if row["reference_volume_ml"] and row["prediction_volume_ml"]:
            assert row["volume_difference_ml"] == pytest.approx(-mirrored["volume_difference_ml"])


@given(label_maps())
def test_a_map_agrees_with_itself(labels: LabelMap) -> None:
    for row in compare_label_maps(labels, labels).rows:
        if row["reference_volume_ml"]:
            assert (row["dice"], row["jaccard"], row["hd95_mm"], row["assd_mm"]) == (
                1.0,
                1.0,
                0.0,
                0.0,
            )
            assert (row["nsd_1mm"], row["volume_difference_ml"]) == (1.0, 0.0)


def test_global_dice_takes_no_notice_of_labels() -> None:
    reference = LabelMap(np.array([[[1, 1, 2, 0]]], np.uint8), np.eye(4))
    prediction = LabelMap(np.array([[[2, 2, 1, 3]]], np.uint8), np.eye(4))
    row = compare_label_maps(reference, prediction, case="a").wide()
    assert row["case"] == "a"
    assert row["dsc_global"] == pytest.approx(6 / 7)
    assert row["dsc_1"] == row["dsc_2"] == row["dsc_3"] == 0.0
    assert math.isnan(float(row["dsc_4"]))


def test_a_muscle_that_the_reference_lacks_has_no_volume_error() -> None:
    reference = LabelMap(np.array([[[1, 1, 1, 2]]], np.uint8), np.eye(4))
    prediction = LabelMap(np.array([[[1, 1, 1, 3]]], np.uint8), np.eye(4))
    row = compare_label_maps(reference, prediction).wide()
    for column in ("hd95_mm", "assd_mm", "fat_ratio_difference"):
        assert all(math.isnan(float(row[f"{column}_{label}"])) for label in (2, 3, 4))
    for column in ("volume_difference_ml", "volume_difference_percent"):
        assert all(math.isnan(float(row[f"{column}_{label}"])) for label in (3, 4))
    # What was outlined and not found is an error, and must count as one.
    assert row["volume_difference_percent_2"] == -100.0
    note = str(row["note"])
    assert "MF_R: prediction is empty" in note
    assert "MF_L: reference is empty" in note
    assert "ES_L: reference and prediction are empty" in note
    assert "ES_R" not in note


def test_the_wide_row_begins_with_the_published_columns() -> None:
    labels = LabelMap(np.ones((2, 2, 2), np.uint8), np.eye(4))
    names = list(compare_label_maps(labels, labels).wide())
    assert names[:6] == ["case", "dsc_global", "dsc_1", "dsc_2", "dsc_3", "dsc_4"]
    for column in (
        "hd95_mm_1",
        "assd_mm_4",
        "nsd_1mm_2",
        "nsd_2mm_global",
        "volume_difference_ml_3",
    ):
        assert column in names


def test_ignored_voxels_count_for_neither() -> None:
    scheme = LPM_SCHEME.ignoring([255])
    reference = LabelMap(np.array([[[1, 1, 255, 255]]], np.uint8), np.eye(4), scheme)
    prediction = LabelMap(np.array([[[1, 0, 1, 2]]], np.uint8), np.eye(4))
    accuracy = compare_label_maps(reference, prediction)
    found = {r.label: r for r in accuracy.rows}
    assert accuracy.ignored_voxels == 2
    assert found[1]["dice"] == pytest.approx(2 / 3)
    assert found[1]["prediction_volume_ml"] == pytest.approx(0.001)
    assert math.isnan(found[2]["dice"])


def test_levels_and_slices_show_where_it_fails(
    blocks: tuple[LabelMap, DixonPair], levels: SliceLevels
) -> None:
    labels, pair = blocks
    worse = labels.array.copy()
    worse[:, :, 2][worse[:, :, 2] == 2] = 0
    worse[:, :, 4][worse[:, :, 4] == 2] = 1
    accuracy = compare_label_maps(labels, labels.with_array(worse), levels=levels, pair=pair)
    by = {(r.structure, r.level): r for r in accuracy.rows}
    assert by["MF_R", "L4"]["dice"] == pytest.approx(2 / 3)  # slices 4 and 5, one lost
    assert by["MF_R", "L4-L5"]["dice"] == 0.0
    assert by["MF_R", "L5-S1"]["dice"] == 1.0
    assert by["ES_R", "L4-L5"]["csa_mean_difference_mm2"] == pytest.approx(80.0)
    assert by["ES_R", "L4-L5"]["fat_ratio_difference"] == pytest.approx(
        (0.2 * 10 + 0.5 * 4) / 14 - 0.2
    )
    assert by["foreground", "L4-L5"]["dice"] == 1.0
    slices = {(r.structure, r.level): r for r in accuracy.slices}
    assert {s for (name, s), r in slices.items() if name == "MF_R" and r["dice"] == 0.0} == {
        "2",
        "4",
    }
    assert {s for _, s in slices} == {str(n) for n in range(1, 7)}  # those that show a muscle
    assert slices["MF_R", "2"].note.startswith("prediction is empty")
    assert math.isnan(slices["MF_R", "2"]["hd95_mm"])
    assert (slices["MF_R", "2"]["nsd_2mm"], slices["MF_R", "3"]["dice"]) == (0.0, 1.0)
    assert all(r.level_kind == "slice" for r in accuracy.slices)


def test_surfaces_of_a_level_are_those_of_its_slices(
    blocks: tuple[LabelMap, DixonPair], levels: SliceLevels
) -> None:
    labels, _ = blocks
    moved = labels.array.copy()
    moved[:, :, 4:] = np.roll(labels.array[:, :, 4:], 3, axis=1)  # 3 mm from L4 up
    accuracy = compare_label_maps(labels, labels.with_array(moved), levels=levels)
    by = {(r.structure, r.level): r for r in accuracy.rows}
    assert by["ES_R", "L5-S1"]["hd95_mm"] == 0.0
    assert by["ES_R", "L5-S1"]["nsd_1mm"] == 1.0
    assert by["ES_R", "L4-L5"]["hd95_mm"] == pytest.approx(3.0)
    assert by["ES_R", "L4-L5"]["nsd_2mm"] < 1.0
    assert by["ES_R", "L5"]["assd_mm"] < by["ES_R", "all"]["assd_mm"] < by["ES_R", "L4"]["assd_mm"]
    assert by["ES_R", "L5-S1"]["assd_mm"] == 0.0
    # The end slice of the stack is no special case: its outline moved as the others' did.
    assert by["ES_R", "L3-L4"]["assd_mm"] == pytest.approx(by["ES_R", "L4-L5"]["assd_mm"])
    slices = {(r.structure, r.level): r for r in accuracy.slices}
    assert slices["ES_R", "4"]["hd95_mm"] == by["ES_R", "L4-L5"]["hd95_mm"]
    plain = compare_label_maps(labels, labels.with_array(moved), levels=levels, surfaces=False)
    assert all(math.isnan(r["hd95_mm"]) for r in (*plain.rows, *plain.slices))


def test_undefined_values_carry_a_note() -> None:
    reference = LabelMap(np.array([[[1, 0]]], np.uint8), np.eye(4))
    prediction = LabelMap(np.array([[[0, 0]]], np.uint8), np.eye(4))
    rows = {r.label: r for r in compare_label_maps(reference, prediction).rows}
    assert (rows[1]["dice"], rows[1]["nsd_1mm"]) == (0.0, 0.0)
    assert math.isnan(rows[1]["hd95_mm"])
    assert rows[1].note == "prediction is empty"
    assert rows[1]["volume_difference_percent"] == -100.0
    assert math.isnan(rows[2]["volume_difference_percent"])


def test_other_grids_and_levels_are_refused(levels: SliceLevels) -> None:
    labels = LabelMap(np.ones((2, 2, 2), np.uint8), np.eye(4))
    moved = np.eye(4)
    moved[2, 3] = 5.0
    with pytest.raises(GeometryError, match=r"different grids.*resample=True") as caught:
        compare_label_maps(labels, LabelMap(labels.array, moved))
    assert caught.value.remedies == (Remedy.RESAMPLE,)
    assert "--" not in str(caught.value)
    with pytest.raises(GeometryError, match="levels"):
        compare_label_maps(labels, labels, levels=levels)


def test_real_subject_equals_medpy(tum) -> None:  # type: ignore[no-untyped-def]
    binary = pytest.importorskip("medpy.metric.binary")
    labels, pair = tum("TUM02")
    prediction = labels.with_array(np.roll(labels.array, (2, 1), axis=(0, 1)))
    accuracy = compare_label_maps(labels, prediction, pair=pair)
    row = accuracy.wide()
    for name, masks in {
        "global": (labels.array > 0, prediction.array > 0),
        **{str(v): (labels.array == v, prediction.array == v) for v in range(1, 5)},
    }.items():
        assert row[f"dsc_{name}"] == pytest.approx(binary.dc(*masks), abs=1e-9)
        assert row[f"jaccard_{name}"] == pytest.approx(binary.jc(*masks), abs=1e-9)
    volumes = label_volumes_ml(labels), label_volumes_ml(prediction)
    for r in accuracy.rows:
        if r.label:
            assert r["volume_difference_ml"] == pytest.approx(
                volumes[1][r.label] - volumes[0][r.label], abs=1e-6
            )
    assert 0 < float(row["assd_mm_1"]) < float(row["hd95_mm_1"]) < 4
