"""A whole table: the layouts it may have, the figures that come out, the input it refuses."""

from __future__ import annotations

import json
import math
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lpm_segmentator import agreement
from lpm_segmentator.agreement import (
    compare_pair,
    compare_table,
    join_tables,
    unit_of,
)
from lpm_segmentator.core import AgreementError, NoPairsError, TableError


def _wide(n: int = 12, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.uniform(100, 300, n)
    return pd.DataFrame(
        {
            "case": [f"c{i}" for i in range(n)],
            "sequence": ["T1w", "T2w"] * (n // 2),
            "volume1_gd": x,
            "volume1_ai": x + rng.normal(0, 3, n),
        }
    )


def _fast(table: pd.DataFrame, **options) -> agreement.Comparison:
    return compare_table(table, n_resamples=200, **options)


def test_published_table_gives_the_published_numbers(volumes):
    comparison = compare_table(volumes)
    first = comparison.find("volume1")
    assert round(first.reference_mean, 2) == 250.81
    assert round(first.prediction_mean, 2) == 251.48
    assert round(first.mae.value, 2) == 3.22
    assert round(first.spearman.value, 4) == 0.9984
    assert round(first.ols.slope.value, 5) == 1.00437
    assert round(first.ols.intercept.value, 5) == -0.42155
    assert [p.tost.method for p in comparison] == [
        "parametric",
        "bootstrap",
        "bootstrap",
        "parametric",
    ]
    assert all(p.tost.equivalent and p.tost.equivalent_holm for p in comparison)
    assert {p.unit for p in comparison} == {"mL"}
    # pingouin 0.7.0
    assert [p.icc.agreement.value for p in comparison] == pytest.approx(
        [0.9990368355, 0.9975477815, 0.9979465112, 0.9992417607], abs=1e-9
    )


def test_the_published_table_s_repeated_subjects_are_noticed_and_handled(volumes):
    plain = _fast(volumes)
    assert any("70 names" in note for note in plain.notes)
    pair = _fast(volumes, subject_pattern=r"^(\d+)_").find("volume1")
    assert (pair.n, pair.n_subjects) == (331, 261)
    assert pair.bland_altman.method == "repeated"
    assert pair.tost.n == 261


def test_tidy_and_long_layouts_give_the_wide_one_s_numbers():
    wide = _wide()
    tidy = wide.rename(
        columns={"volume1_gd": "volume_reference", "volume1_ai": "volume_prediction"}
    )
    tidy = tidy.assign(muscle="ES", side="right")
    parts = [
        wide[["case", "sequence"]].assign(muscle="ES", side="right", volume=wide[column])
        for column in ("volume1_gd", "volume1_ai")
    ]
    long = join_tables(*parts).sample(frac=1, random_state=1)
    results = [_fast(t).pairs[0] for t in (wide, tidy, long)]
    assert results[1].name == results[2].name == "volume ES right"
    for other in results[1:]:
        assert other.icc.agreement.value == pytest.approx(results[0].icc.agreement.value)
        assert other.bland_altman.bias.value == pytest.approx(results[0].bland_altman.bias.value)


def test_strata_are_compared_apart():
    both = pd.concat([_wide(seed=1).assign(level="L3"), _wide(seed=2).assign(level="L4")])
    comparison = _fast(both)
    assert [p.name for p in comparison] == ["volume1 L3", "volume1 L4"]
    assert comparison.pairs[0].strata == (("level", "L3"),)


def test_a_measure_column_names_the_measure_and_its_unit():
    table = pd.concat(
        [_wide().assign(measure="csa_mm2"), _wide(seed=3).assign(measure="volume_ml")]
    ).rename(columns={"volume1_gd": "value_gd", "volume1_ai": "value_ai"})
    assert [(p.measure, p.unit) for p in _fast(table)] == [("csa_mm2", "mm²"), ("volume_ml", "mL")]
    assert [p.measure for p in _fast(table, measures=["volume_ml"])] == ["volume_ml"]


def test_subgroups_follow_all_cases_and_holm_counts_them_all():
    comparison = _fast(_wide(), by="sequence")
    assert [(p.by, p.subgroup, p.n) for p in comparison] == [
        ("", "", 12),
        ("sequence", "T1w", 6),
        ("sequence", "T2w", 6),
    ]
    assert comparison.overall == comparison.pairs[:1]
    raw = [p.tost.p for p in comparison]
    assert comparison.pairs[int(np.argmin(raw))].tost.p_holm == pytest.approx(3 * min(raw))


def test_missing_values_are_dropped_counted_and_named():
    table = _wide()
    table.loc[2, "volume1_ai"] = np.nan
    table.loc[5, "volume1_gd"] = np.inf
    comparison = _fast(table)
    pair = comparison.pairs[0]
    assert (pair.n, pair.dropped) == (10, ("c2", "c5"))
    assert pair.to_row()["n_dropped"] == 2
    assert any("c2, c5" in note for note in comparison.notes)


def test_cases_left_out_of_several_pairs_are_named_once():
    table = _wide().assign(volume2_gd=_wide(seed=2)["volume1_gd"], volume2_ai=_wide()["volume1_ai"])
    table.loc[2, ["volume1_ai", "volume2_ai"]] = np.nan
    (note,) = [note for note in _fast(table).notes if "left out" in note]
    assert note == "volume1, volume2: 1 case left out for a missing value: c2"


def test_a_pair_without_any_case_is_left_out_and_its_measure_named():
    table = _wide().assign(ratio1_gd=np.nan, ratio1_ai=0.3)
    comparison = _fast(table)
    assert [pair.name for pair in comparison] == ["volume1"]
    assert "not compared, since no case has both values: ratio1" in comparison.notes
    with pytest.raises(NoPairsError):
        _fast(table.drop(columns=["volume1_gd", "volume1_ai"]))


def test_a_measure_that_one_stratum_lacks_needs_no_note():
    table = pd.concat([_wide().assign(side="R"), _wide().assign(side="L", volume1_ai=np.nan)])
    comparison = _fast(table)
    assert [pair.name for pair in comparison] == ["volume1 R"]
    assert comparison.notes == ()


def test_differences_that_scatter_around_zero_have_no_unit_to_check():
    x = np.linspace(0.001, 0.01, 12)
    table = pd.DataFrame({"case": [f"c{i}" for i in range(12)]})
    for name in ("volume_asymmetry_percent", "shift"):
        table[f"{name}_gd"], table[f"{name}_ai"] = x, 1000 * x
    with pytest.raises(AgreementError, match="shift"):
        _fast(table)
    table.loc[0, "shift_gd"] = -1.0
    assert len(_fast(table)) == 2


def test_a_case_without_a_subgroup_is_named():
    table = _wide()
    table.loc[0, "sequence"] = None
    comparison = _fast(table, by="sequence")
    assert any("c0" in note for note in comparison.notes)
    assert sum(p.n for p in comparison if p.by) == 11


def test_a_long_table_s_lone_cases_are_dropped_and_named():
    wide = _wide()
    reference = wide[["case"]].assign(volume_ml=wide["volume1_gd"])
    prediction = wide[["case"]].assign(volume_ml=wide["volume1_ai"]).iloc[1:]
    assert _fast(join_tables(reference, prediction)).pairs[0].dropped == ("c0",)


def test_one_case_has_no_statistics_but_reasons():
    pair = _fast(_wide(2).head(1)).pairs[0]
    assert pair.n == 1
    assert {"icc_a_1", "tost", "loa_upper", "ols_slope", "pearson"} <= set(pair.reasons)
    assert math.isnan(pair.icc.agreement.value)
    assert pair.mae.value > 0


def test_a_constant_column_has_no_correlation():
    table = _wide()
    table["volume1_ai"] = 200.0
    pair = _fast(table).pairs[0]
    assert math.isnan(pair.icc.agreement.value)
    assert math.isnan(pair.spearman.value)
    assert "constant" in pair.reasons["icc_a_1"]


def _drop(column):
    return lambda t: t.drop(columns=column)


def _set(column, row, value):
    def change(table):
        table[column] = table[column].astype(object)
        table.loc[row, column] = value
        return table

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_drop("volume1_ai"), "no partner column for volume1_gd"),
        (_drop(["volume1_ai", "volume1_gd"]), "no paired columns"),
        (lambda t: t.rename(columns={"volume1_ai": "volume1_mm3_ai"}), "volume1_mm3_ai is similar"),
        (_set("case", 3, "c2"), "more than one row of c2"),
        (_set("case", 3, None), "empty in row 4"),
        (_set("volume1_ai", 1, "12 mL"), "'12 mL' for c1"),
        (_set("volume1_ai", 1, "12,5"), "decimals with a point"),
        (lambda t: t.iloc[:0], "no rows"),
        (lambda t: t.assign(volume1_ai=np.nan), "no case has both"),
        (lambda t: t.assign(volume1_ai=t.volume1_ai * 1000), "is near 1000"),
        (lambda t: t.assign(volume1_gd=t.volume1_gd / 10), "is near 10"),
        (_set("volume1_ai", 4, 170_000.0), None),
        (lambda t: t.assign(volume1_ai=t.volume1_ai > 200), "true/false"),
        (lambda t: pd.concat([t, t[["volume1_ai"]]], axis=1), "more than once"),
    ],
)
def test_bad_tables_are_refused_with_the_place(change, words):
    table = _wide()
    table.loc[4, ["volume1_gd", "volume1_ai"]] = [170.0, 171.0]
    with pytest.raises(AgreementError) as caught:
        _fast(change(table))
    assert (words or "c4") in str(caught.value)
    assert caught.value.hint


def test_a_case_whose_two_values_are_in_another_unit_is_refused():
    table = _wide()
    table.loc[7, ["volume1_gd", "volume1_ai"]] *= 1000
    with pytest.raises(AgreementError, match="c7"):
        _fast(table)
    assert _fast(table, check_units=False).pairs[0].n == 12


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"by": "sex"}, "no column sex"),
        ({"by": "volume1_gd"}, "too many"),
        ({"subject": "patient"}, "no column patient"),
        ({"subject_pattern": "("}, "not a regular expression"),
        ({"subject_pattern": "^c"}, "no group"),
        ({"subject_pattern": "^(x)"}, "does not match c0"),
        ({"pairs": {"v": ("volume1_gd", "volume9")}}, "no column volume9"),
        ({"measures": ["volume7"]}, "no pair of columns for volume7"),
        ({"confidence": 95}, "confidence"),
        ({"margin_percent": -5}, "margin"),
        ({"source": "sequence"}, "T1w, T2w"),
    ],
)
def test_wrong_options_are_refused(options, words):
    table = _wide(80)
    with pytest.raises(TableError) as caught:
        _fast(table, **options)
    assert words in str(caught.value)


def test_an_unknown_keyword_is_refused():
    with pytest.raises(TypeError, match="marginpercent"):
        _fast(_wide(), marginpercent=3)


def test_reference_and_prediction_must_agree_on_the_subgroup():
    wide = _wide()
    first = wide[["case", "sequence"]].assign(volume_ml=wide["volume1_gd"])
    second = first.assign(sequence=["T2w", *first["sequence"].iloc[1:]])
    with pytest.raises(AgreementError, match="differs between reference and prediction of c0"):
        _fast(join_tables(first, second), by="sequence")


def test_rows_and_json_hold_everything_but_the_data():
    comparison = _fast(_wide(), by="sequence")
    rows = comparison.to_rows()
    assert len({tuple(row) for row in rows}) == 1
    assert {"icc_a_1_low", "tost_p_holm", "deming_slope", "loa_upper_high"} <= set(rows[0])
    text = json.dumps(comparison.to_dict(), allow_nan=False)
    assert json.loads(text)["settings"]["n_resamples"] == 200
    assert json.loads(text)["pairs"][0]["icc"]["agreement"]["value"] == rows[0]["icc_a_1"]


def test_results_cannot_be_changed():
    pair = _fast(_wide()).pairs[0]
    with pytest.raises(AttributeError):
        pair.n = 3
    with pytest.raises(ValueError, match="read-only"):
        pair.reference[0] = 0


def test_the_table_given_is_left_as_it_was():
    table = _wide()
    before = table.copy()
    _fast(table)
    pd.testing.assert_frame_equal(table, before)


@settings(max_examples=10)
@given(st.permutations(range(12)))
def test_the_order_of_rows_does_not_matter(order):
    table = _wide()
    a, b = _fast(table).pairs[0], _fast(table.iloc[list(order)]).pairs[0]
    for name, estimate in a.estimates.items():
        # Bootstrap intervals depend on which case a draw means, so on the order.
        assert b.estimates[name].value == pytest.approx(estimate.value, rel=1e-9, abs=1e-9)
    assert b.tost.method == a.tost.method


@settings(max_examples=10)
@given(st.floats(0.2, 5))
def test_a_common_scale_changes_no_ratio_and_no_verdict(factor):
    table = _wide()
    x, y = table["volume1_gd"], table["volume1_ai"]
    a, b = compare_pair(x, y), compare_pair(x * factor, y * factor)
    for name in ("icc", "cv_percent", "spearman"):
        first, second = getattr(a, name), getattr(b, name)
        first = first.agreement if name == "icc" else first
        second = second.agreement if name == "icc" else second
        assert second.value == pytest.approx(first.value, rel=1e-6)
    assert b.mae.value == pytest.approx(a.mae.value * factor)
    assert b.tost.p == pytest.approx(a.tost.p, rel=1e-6)


def test_within_subject_cv_of_a_worked_example():
    # Pairs (10, 12) and (20, 20): squares of sd/mean are (2/11²) and 0, so CV = √(1/121).
    pair = compare_pair([10.0, 20.0], [12.0, 20.0])
    assert pair.cv_percent.value == pytest.approx(100 / 11)


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("volume1", "mL"),
        ("volume_ml", "mL"),
        ("csa_mm2", "mm²"),
        ("csa_mean_mm2", "mm²"),
        ("ratio3", ""),
        ("fat_percent", "%"),
        ("hd95_mm_1", "mm"),
    ],
)
def test_units_by_name(name, unit):
    assert unit_of(name) == unit


def test_public_names_exist_and_are_listed_once():
    assert len(set(agreement.__all__)) == len(agreement.__all__)
    assert all(hasattr(agreement, name) for name in agreement.__all__)


@pytest.mark.slow
def test_a_study_of_1302_cases_compares_within_a_minute():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"case": [f"c{i}" for i in range(1302)]})
    for measure in range(8):
        x = np.exp(rng.normal(5, 0.4, 1302))
        table[f"volume{measure}_gd"] = x
        # Heavy tails: the normality test fails and the bootstrap has to be made.
        table[f"volume{measure}_ai"] = x + 3 * rng.standard_t(3, 1302)
    start = time.process_time()  # of this process alone: the machine may be busy with others
    comparison = compare_table(table)
    assert {p.tost.method for p in comparison} == {"bootstrap"}
    assert time.process_time() - start < 60
