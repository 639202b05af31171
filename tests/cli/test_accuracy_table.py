"""The table of ``lpm evaluate``: names from the catalogue, values in their columns."""

from __future__ import annotations

import math

from lpm_segmentator.cli.accuracy_table import echo_accuracy


def test_values_stand_under_their_names_with_mean_and_deviation(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    columns = ("dsc_global", "dsc_1", "dsc_2", "dsc_3", "dsc_4", "hd95_mm_global")
    first = dict(zip(columns, (0.9, 0.91, 0.92, 0.93, 0.94, 1.25), strict=True))
    second = {**first, "dsc_2": math.nan, "hd95_mm_global": 2.25}
    echo_accuracy([{"case": "A", **first}, {"case": "B", **second}])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        [
            "case",
            "Dice",
            *("ES", "right"),
            *("MF", "right"),
            *("MF", "left"),
            *("ES", "left"),
            *("HD95", "mm"),
        ],
        ["A", "0.900", "0.910", "0.920", "0.930", "0.940", "1.2"],
        ["B", "0.900", "0.910", "–", "0.930", "0.940", "2.2"],
        ["mean", "0.900", "0.910", "0.920", "0.930", "0.940", "1.8"],
        ["SD", "0.000", "0.000", "–", "0.000", "0.000", "0.7"],
    ]
