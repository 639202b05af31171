"""What the user requests of a run, and which part of it concerns a case."""

from __future__ import annotations

from pathlib import Path

import pytest

from lpm_segmentator.core import Disc, TableError
from lpm_segmentator.study import options as module
from lpm_segmentator.study.options import LevelOptions, SliceTable

NAMES = ("A", "A_water", "A_fat")


def table(folder: Path, *rows: str) -> LevelOptions:
    path = folder / "discs.csv"
    path.write_text("\n".join(["pid,L1-L2,L5-S1", *rows]))
    return LevelOptions(table=path)


@pytest.mark.parametrize("rows", [["A,5,0"], ["A_water,5,0"], ["A_water,5,0", "A_fat,5,0"]])
def test_a_table_of_discs_may_name_the_pair_or_its_images(tmp_path, rows):
    anchors = table(tmp_path, *rows).of_case(NAMES).anchors
    assert anchors == ((Disc.L1_L2, 5), (Disc.L5_S1, 0))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["A_water,5,0", "A_fat,4,0"], "table of discs lists A_water, A_fat with different slices"),
        (["B,5,0"], "table of discs has no row for the case 'A'"),
        (["A,,"], "no slice of any disc is given for the case 'A'"),
    ],
)
def test_a_table_of_discs_that_does_not_tell_is_refused(tmp_path, rows, words):
    with pytest.raises(TableError, match=words):
        table(tmp_path, *rows).of_case(NAMES)


def test_tables_are_read_once_until_they_change(tmp_path, monkeypatch):
    read = []
    for name in ("read_disc_table", "read_slice_table"):
        real = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda *args, real=real, **more: (read.append(1), real(*args, **more))[1]
        )
    slices = SliceTable(tmp_path / "slices.csv", "inclusive")
    slices.path.write_text("pid,slice_start,slice_stop\nA,0,2\n")
    discs = table(tmp_path, "A,5,0")
    for _ in range(3):
        discs.of_case(NAMES)
        slices.read()
    assert len(read) == 2
    slices.path.write_text("pid,slice_start,slice_stop\nA,0,22\n")
    assert slices.read()[0].stop == 23
    slices.path.unlink()
    with pytest.raises(TableError, match="No such file"):
        slices.read()
