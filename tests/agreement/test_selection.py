"""The default selection of what a run measures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lpm_segmentator.agreement import (
    DEFAULT_MEASURES,
    compare_table,
    default_selection,
    is_default_pair,
    join_tables,
)

MEASURES = (
    "volume_ml",
    "csa_mean_mm2",
    "csa_max_mm2",
    "fat_ratio",
    "volume_asymmetry_percent",
    "fat_gmm2_hard",
)
LEVELS = {"all": "all", "L1-L2..L5-S1": "span", "L4": "vertebra", "L4-L5": "disc"}


def paired_measures(n: int = 12) -> pd.DataFrame:
    """A table such as a run's ``paired_measures.csv``."""
    rng = np.random.default_rng(0)
    rows = [
        {"case": f"c{case:03d}", "muscle": muscle, "side": side, "level": level, "level_kind": kind}
        for case in range(n)
        for muscle in ("ES", "MF", "ES+MF")
        for side in ("R", "L", "both")
        for level, kind in LEVELS.items()
    ]
    frame = pd.DataFrame(rows)
    reference = frame.assign(**{m: rng.uniform(50, 90, len(frame)) for m in MEASURES})
    reference.loc[reference["level_kind"] == "disc", "volume_ml"] = np.nan
    reference.loc[reference["side"] != "both", "volume_asymmetry_percent"] = np.nan
    prediction = reference.copy()
    prediction[list(MEASURES)] += rng.normal(0, 1, (len(frame), len(MEASURES)))
    return join_tables(reference, prediction)


def _names(table: pd.DataFrame, **choices: object) -> list[str]:
    return [pair.name for pair in compare_table(table, n_resamples=20, **choices)]


def test_single_muscles_and_sides_in_the_stack_and_at_the_measure_s_levels():
    table = paired_measures()
    names = _names(table, selection=default_selection(table))
    places = [f"{muscle} {side}" for muscle in ("ES", "MF") for side in ("R", "L")]
    assert set(names) == {
        *(f"volume_ml {place} {level}" for place in places for level in ("all", "L4")),
        *(f"csa_mean_mm2 {place} {level}" for place in places for level in ("all", "L4-L5")),
        *(f"fat_ratio {place} {level}" for place in places for level in ("all", "L4-L5")),
        *(f"volume_asymmetry_percent {m} both {lv}" for m in ("ES", "MF") for lv in ("all", "L4")),
    }


def test_measures_that_were_chosen_are_compared_in_the_default_rows():
    table = paired_measures()
    chosen = ["csa_max_mm2"]
    names = _names(table, measures=chosen, selection=default_selection(table, chosen))
    levels = ("all", "L1-L2..L5-S1", "L4", "L4-L5")
    assert set(names) == {
        f"csa_max_mm2 {m} {s} {level}" for m in ("ES", "MF") for s in ("R", "L") for level in levels
    }


@pytest.mark.parametrize("columns", [["volume1_gd", "volume1_ai"], ["muscle", "side", "level"]])
def test_other_tables_are_compared_whole(columns):
    assert default_selection(pd.DataFrame(columns=columns)) is None


@pytest.mark.parametrize("other", [{"muscle": "psoas"}, {"level": "L4"}])
def test_tables_with_other_muscles_or_without_the_whole_stack_are_compared_whole(other):
    assert default_selection(paired_measures().assign(**other)) is None


def test_without_a_selection_everything_with_a_value_is_compared():
    table = paired_measures()
    comparison = compare_table(table, n_resamples=20)
    assert len(comparison) == 9 * (3 + 4 * 4) + 3 * 4
    assert all(pair.n for pair in comparison)


def test_a_dozen_measures_are_selected():
    assert 8 <= len(DEFAULT_MEASURES) <= 12
    assert is_default_pair("fat_gmm3_soft", {"muscle": "MF", "side": "L", "level": "L5-S1"})
    assert not is_default_pair("fat_gmm3_soft", {"muscle": "MF", "side": "L", "level": "L5"})
