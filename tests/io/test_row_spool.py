"""Rows that are kept on disk give the table that pandas would write."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpm_segmentator.core import OutputError
from lpm_segmentator.io import RowSpool

VALUES = st.one_of(
    st.floats(allow_infinity=False),
    st.none(),
    st.booleans(),
    st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=5),
)
ROWS = st.lists(st.dictionaries(st.sampled_from("abc"), VALUES, min_size=1), min_size=1)


@given(ROWS)
def test_the_table_is_that_of_pandas(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("spool")
    with RowSpool(folder / "t.csv", digits=None) as spool:
        for row in rows:
            spool.add([row])
        spool.write()
    frame = pd.DataFrame(rows, dtype=object)
    frame = frame.where(frame.notna(), math.nan)
    frame.to_csv(folder / "expected.csv", index=False, na_rep="nan", lineterminator="\n")
    assert (folder / "t.csv").read_bytes() == (folder / "expected.csv").read_bytes()
    assert {path.name for path in folder.iterdir()} == {"t.csv", "expected.csv"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123456789, "0.123457"),
        (205.2184321, "205.218"),
        (np.float64(-2.0), "-2.0"),
        (1234567.891, "1234568.0"),
        (1.5e-7, "1.5e-07"),
        (1234567, "1234567"),
        (math.inf, "inf"),
        (math.nan, "nan"),
        (True, "True"),
    ],
)
def test_numbers_have_six_significant_digits_and_all_before_the_point(tmp_path, value, text):
    with RowSpool(tmp_path / "t.csv") as spool:
        spool.add([{"x": value}])
        spool.write()
    assert (tmp_path / "t.csv").read_text("utf-8") == f"x\n{text}\n"


def test_columns_of_later_rows_are_undefined_in_earlier_ones(tmp_path):
    with RowSpool(tmp_path / "new" / "t.csv") as spool:
        assert spool.is_empty
        spool.add([{"case": "A, B", "x": 0.1}, {"case": "C", "x": None, "y": 'say "1"'}])
        assert not spool.is_empty
        spool.add([{"y": True, "z": 3}])
        assert not (tmp_path / "new" / "t.csv").exists()
        spool.write()
    lines = (tmp_path / "new" / "t.csv").read_text("utf-8").split("\n")
    assert lines == ["case,x,y,z", '"A, B",0.1,nan,nan', 'C,nan,"say ""1""",nan',
                     "nan,nan,True,3", ""]  # fmt: skip


def test_without_rows_an_older_table_is_removed(tmp_path):
    (tmp_path / "t.csv").write_text("old")
    with RowSpool(tmp_path / "t.csv") as spool:
        spool.write()
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_if_the_rows_end_in_an_error(tmp_path):
    (tmp_path / "t.csv").write_text("old")

    def rows():
        yield {"a": 1}
        raise KeyError

    with RowSpool(tmp_path / "t.csv") as spool, pytest.raises(KeyError):
        spool.add(rows())
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_a_folder_that_cannot_be_written_is_an_error_of_the_output(tmp_path):
    (tmp_path / "file").write_text("mine")
    with (
        pytest.raises(OutputError, match=r"t\.csv: cannot be written"),
        RowSpool(tmp_path / "file" / "t.csv") as spool,
    ):
        spool.add([{"a": 1}])
