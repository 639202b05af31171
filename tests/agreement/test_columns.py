"""Columns: names are text, whatever they look like, and numbers are numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lpm_segmentator.agreement import compare_table, join_tables, require_columns
from lpm_segmentator.agreement.columns import as_text
from lpm_segmentator.core import AgreementError, TableError

SUBJECTS = ["012", "12", "0012", "7", "007", "8", "9", "10", "11", "13", "14", "15"]


def _table(**columns: object) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    x = rng.uniform(50, 90, 12)
    return pd.DataFrame({**columns, "volume_ml": x, "change": rng.normal(0, 1, 12)})


def _wide(**columns: object) -> pd.DataFrame:
    table = _table(**columns)
    x, change = table.pop("volume_ml"), table.pop("change")
    return table.assign(volume_ml_reference=x, volume_ml_prediction=x + change)


def _long(**columns: object) -> pd.DataFrame:
    table = _table(**columns)
    change = table.pop("change")
    return join_tables(table, table.assign(volume_ml=table["volume_ml"] + change))


def _compare(table: pd.DataFrame, **choices: object):
    return compare_table(table, n_resamples=50, **choices)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (["012", "12 ", None], ["012", "12", ""]),
        ([12, 7], ["12", "7"]),
        ([12.0, np.nan, 7.5], ["12", "", "7.5"]),
        ([1234567890123456.0], ["1234567890123456"]),
        ([True, False], ["True", "False"]),
        (pd.array([12, None], dtype="Int64"), ["12", ""]),
        (pd.array([12.0, None], dtype="Float64"), ["12", ""]),
        (pd.Categorical(["012", "12"]), ["012", "12"]),
    ],
)
def test_names_are_text(values, text):
    assert list(as_text(pd.Series(values))) == text


@pytest.mark.parametrize("make", [_wide, _long])
def test_cases_that_differ_in_leading_zeros_stay_apart(make):
    (pair,) = _compare(make(case=SUBJECTS)).pairs
    assert pair.n == 12
    assert set(pair.cases) == set(SUBJECTS)


@pytest.mark.parametrize("make", [_wide, _long])
@pytest.mark.parametrize("column", ["subject", "person"])
def test_subjects_that_differ_in_leading_zeros_stay_apart(make, column):
    table = make(case=[f"c{i}" for i in range(12)], **{column: SUBJECTS})
    comparison = _compare(table, subject=column)
    assert comparison.pairs[0].n_subjects == 12
    assert not any("read as numbers" in note for note in comparison.notes)


@pytest.mark.parametrize("make", [_wide, _long])
def test_subgroups_that_differ_in_leading_zeros_stay_apart(make):
    table = make(case=[f"c{i}" for i in range(12)], site=["01", "1"] * 6)
    assert [(p.subgroup, p.n) for p in _compare(table, by="site") if p.by] == [("01", 6), ("1", 6)]


def test_ids_that_were_read_as_numbers_come_with_a_note():
    table = _wide(case=[f"c{i}" for i in range(12)], subject=[int(s) for s in SUBJECTS])
    comparison = _compare(table)
    assert comparison.pairs[0].n_subjects == 9
    (note,) = [note for note in comparison.notes if "read as numbers" in note]
    assert note.startswith("column subject")


def test_cases_that_became_one_number_are_refused():
    with pytest.raises(AgreementError, match="more than one row of 12, 7"):
        _compare(_wide(case=[int(s) for s in SUBJECTS]))


def test_a_gap_among_whole_numbers_adds_no_decimal_point():
    table = _wide(case=[f"c{i}" for i in range(12)], site=[1.0, 2.0] * 5 + [np.nan, 2.0])
    assert [(p.subgroup, p.n) for p in _compare(table, by="site") if p.by] == [("1", 5), ("2", 6)]


def test_an_id_column_is_no_measure():
    table = _long(case=[f"c{i}" for i in range(12)], pid=range(12))
    assert [pair.measure for pair in _compare(table)] == ["volume_ml"]


def test_a_missing_column_is_named_beside_those_that_exist():
    with pytest.raises(TableError, match="no column level") as caught:
        require_columns(pd.DataFrame({"case": ["a"], "side": ["R"]}), ["case", "level"])
    assert caught.value.hint == "Its columns are case, side"
