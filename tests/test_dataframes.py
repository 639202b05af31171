"""Data frames, and what is said where pandas is missing."""

from __future__ import annotations

import sys

import pytest

from lpm_segmentator.core import MissingExtraError
from lpm_segmentator.dataframes import data_frame, require_pandas


def test_rows_become_a_data_frame():
    frame = data_frame([{"case": "A", "volume_ml": 2.5}, {"case": "B"}])
    assert list(frame["case"]) == ["A", "B"]
    assert frame["volume_ml"].isna().tolist() == [False, True]


def test_missing_pandas_is_named_with_its_install_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"lpm-segmentator\[compare\]") as caught:
        require_pandas("comparing tables")
    assert "comparing tables needs an optional package" in str(caught.value)
