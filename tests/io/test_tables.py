from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lpm_segmentator.core import TableError
from lpm_segmentator.io import (
    SliceRange,
    lookup,
    read_disc_table,
    read_slice_table,
    read_table,
    write_table,
)

GOOD = ",pid,slice_start,slice_stop,note\n0,01_water,0,28,x\n1,10,6.0,34,\n"


def write(tmp_path, text):
    path = tmp_path / "slices.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(("end", "extra"), [("exclusive", 0), ("inclusive", 1)])
def test_ranges_are_half_open_under_either_convention(tmp_path, end, extra):
    for text in (GOOD, GOOD.replace(",", ";"), "\ufeff" + GOOD, GOOD.replace("\n", "\r\n")):
        assert read_slice_table(write(tmp_path, text), end=end) == [
            SliceRange("01_water", 0, 28 + extra),
            SliceRange("10", 6, 34 + extra),
        ]


def test_the_convention_must_be_said(tmp_path):
    with pytest.raises(TypeError, match="end"):
        read_slice_table(write(tmp_path, GOOD))
    with pytest.raises(ValueError, match="inclusive"):
        read_slice_table(write(tmp_path, GOOD), end="both")


HEAD = "pid,slice_start,slice_stop\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "missing"),
        ("pid,start,stop\n1,0,3\n", "columns slice_start, slice_stop are missing"),
        (HEAD, "no rows"),
        (HEAD + "1,0,x\n", "line 2: slice_stop must be a whole number, got 'x'"),
        (HEAD + "1,0.5,3\n", "slice_start must be a whole number"),
        (HEAD + "1,0,inf\n", "slice_stop must be a whole number"),
        (HEAD + "1,0\n", "slice_stop must be a whole number, got None"),
        (HEAD + "1,0,3\n1,4,5\n", "line 3: the case '1' is listed twice"),
        (HEAD + "1,3,3\n", "holds no slice"),
        (HEAD + "1,-1,3\n", "holds no slice"),
        (HEAD + ",0,3\n", "pid is empty"),
        (b"\xff\xfe\x00", "UTF-8"),
    ],
)
def test_bad_tables_are_named(tmp_path, text, words):
    with pytest.raises(TableError, match=words):
        read_slice_table(write(tmp_path, text), end="exclusive")


def test_one_slice_is_a_range_when_both_ends_count(tmp_path):
    path = write(tmp_path, HEAD + "1,3,3\n")
    assert read_slice_table(path, end="inclusive") == [SliceRange("1", 3, 4)]


def test_missing_table(tmp_path):
    with pytest.raises(TableError, match="No such file"):
        read_slice_table(tmp_path / "none.csv", end="exclusive")


def test_lookup_is_exact_and_lists_what_is_near():
    table = [SliceRange(case, 0, 3) for case in ("1", "10", "01_water_img")]
    assert lookup(table, "10").case == "10"
    with pytest.raises(TableError, match="'01_water_img'"):
        lookup(table, "TUM01_water_img_img_L2-L5")
    with pytest.raises(TableError, match="no row for the case '100'"):
        lookup(table, "100")


def test_real_table(shared_data):
    path = shared_data / "myosegmentum" / "MyoSegmenTUM_54_water_fat_L2-L5.csv"
    table = read_slice_table(path, end="inclusive")
    first = lookup(table, "01_water_img")
    assert (first.start, first.stop) == (0, 29)  # the shipped crop has 29 slices


def test_tables_come_back_and_nan_is_written_as_nan(tmp_path):
    rows = [{"case": "01", "v": 1.5}, {"case": "02", "v": np.nan, "reason": "empty"}]
    path = tmp_path / "new" / "a.csv"
    write_table(rows, path)
    assert path.read_text() == "case,v,reason\n01,1.5,nan\n02,nan,empty\n"
    back = read_table(path, required=["case", "v"])
    assert list(back["case"]) == ["01", "02"]
    write_table(back.to_dict("records"), path)
    pd.testing.assert_frame_equal(read_table(path), back)


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "is empty"), ("a,b\n1,2\n", "columns case are missing"), ("case\n", "no rows")],
)
def test_tables_without_what_is_needed(tmp_path, text, words):
    with pytest.raises(TableError, match=words):
        read_table(write(tmp_path, text), required=["case"])


def test_tables_of_one_column_can_be_read(tmp_path):
    assert list(read_table(write(tmp_path, "case\n01\n02\n"))["case"]) == ["01", "02"]


DISCS = ("L1-L2", "L2-L3", "L3-L4", "L4-L5", "L5-S1")


def test_a_table_of_discs_is_told_from_one_of_slices(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("pid,slice_start,slice_stop\nA,1,2\n")
    assert read_disc_table(path, DISCS) is None
    path.write_text("pid; L1-L2 ;L5-S1;note\n012;20;3;x\nB;;4;\n")
    assert read_disc_table(path, DISCS) == {"012": {"L1-L2": 20, "L5-S1": 3}, "B": {"L5-S1": 4}}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("A,x\n", "whole number"),
        ("A,-1\n", "count from 0"),
        ("A,1\nA,2\n", "listed twice"),
        (",1\n", "pid is empty"),
        ("", "no rows"),
    ],
)
def test_a_wrong_table_of_discs_is_refused(tmp_path, rows, message):
    path = tmp_path / "t.csv"
    path.write_text("pid,L4-L5\n" + rows)
    with pytest.raises(TableError, match=message):
        read_disc_table(path, DISCS)
    path.write_text("case,L4-L5\nA,1\n")
    with pytest.raises(TableError, match="columns pid are missing"):
        read_disc_table(path, DISCS)


@pytest.mark.parametrize("blank", ["", ",", " ,", " ,  "])
def test_rows_of_spaces_count_as_blank(tmp_path, blank):
    path = tmp_path / "a.csv"
    path.write_text(f"case,volume_ml\nA,1.5\n{blank}\nB,2.5\n")
    table = read_table(path)
    assert list(table["case"]) == ["A", "B"]
    assert list(table["volume_ml"]) == [1.5, 2.5]
