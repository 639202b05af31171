from __future__ import annotations

import json
import math

import pytest

from lpm_segmentator.core.regions import SliceLevels
from lpm_segmentator.core.volume import DixonPair, LabelMap
from lpm_segmentator.io import to_json
from lpm_segmentator.measure import (
    ACCURACY,
    CATALOGUE,
    AccuracyRow,
    MeasureRow,
    ProfileRow,
    compare_label_maps,
    fat_ratio_row,
    measure_case,
    volume_row,
)

Blocks = tuple[LabelMap, DixonPair]


def test_columns_identify_the_row_then_hold_the_catalogue_and_the_note(blocks: Blocks) -> None:
    measures = measure_case(blocks[0], pair=blocks[1])
    keys = ["case", "muscle", "side"]
    assert list(measures.rows[0].to_dict()) == [
        *(*keys, "level", "level_kind"),
        *(quantity.name for quantity in CATALOGUE.measures),
        "valid",
        "note",
    ]
    assert list(measures.profile[0].to_dict()) == [
        *(*keys, "slice", "position_mm", "level"),
        *(quantity.name for quantity in CATALOGUE.profile),
        "valid",
        "note",
    ]
    accuracy = compare_label_maps(*blocks[:1], *blocks[:1])
    assert list(accuracy.rows[0].to_dict()) == [
        *("case", "structure", "label", "level", "level_kind"),
        *(quantity.name for quantity in ACCURACY),
        "note",
    ]


def test_rows_come_back_from_a_record(blocks: Blocks, levels: SliceLevels) -> None:
    labels, pair = blocks
    measures = measure_case(labels, case="a", pair=pair, levels=levels)
    accuracy = compare_label_maps(labels, labels, case="a", levels=levels)
    for row_type, rows in (
        (MeasureRow, measures.rows),
        (ProfileRow, measures.profile),
        (AccuracyRow, accuracy.rows),
    ):
        for row in rows:
            back = row_type.from_dict(json.loads(to_json(row.to_dict())))
            assert to_json(back.to_dict()) == to_json(row.to_dict())
            assert list(back.values) == list(row.values)
            assert [v for v in back.values.values() if v is None] == []


def test_a_row_gives_numbers_by_name(blocks: Blocks) -> None:
    row = measure_case(blocks[0]).rows[0]
    assert row["slices"] == 6
    assert math.isnan(row["fat_ratio"])
    for name in ("asymmetry_formula", "mass_kg"):
        with pytest.raises(KeyError, match=name):
            row[name]


def test_wide_rows_have_the_published_columns() -> None:
    assert volume_row("a", {1: 1.0, 2: 2.0}, {1: 1.5}) == pytest.approx(
        {
            "case": "a",
            "volume1_gd": 1.5,
            "volume1_ai": 1.0,
            "volume2_gd": math.nan,
            "volume2_ai": 2.0,
        },
        nan_ok=True,
    )
    assert fat_ratio_row("b", {1: 0.1}) == {"case": "b", "ratio1_ai": 0.1}


def test_a_muscle_that_the_reference_lacks_has_no_volume_to_compare_with() -> None:
    row = volume_row("A", {1: 5.0, 2: 0.0}, {1: 0.0, 2: 4.0})
    assert math.isnan(float(row["volume1_gd"]))
    assert (row["volume1_ai"], row["volume2_gd"], row["volume2_ai"]) == (5.0, 4.0, 0.0)
