"""Execution backends find the same."""

from __future__ import annotations

import sys

import pytest

from cohort_runs import TABLES, run, saved, states
from lpm_segmentator.core import (
    LpmError,
)
from phantoms import write_pair


def test_two_workers_find_what_one_finds(study, tmp_path, options):
    (study / "A_fat.nii.gz").write_bytes(b"")
    write_pair(study, "C", 2)
    one, two = tmp_path / "one", tmp_path / "two"
    for out, workers in ((one, 1), (two, 2)):
        result = run(study, out, options, workers=workers)
        assert states(result) == {"A": "failed", "B": "done", "C": "done"}
    for name in TABLES:
        assert (one / name).read_bytes() == (two / name).read_bytes()
    assert saved(one)["cases"].keys() == saved(two)["cases"].keys()
    assert not (two / "cases" / "A").exists()


def test_dask_without_its_package_names_the_extra(study, tmp_path, options, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(LpmError, match=r"lpm-segmentator\[dask\]"):
        run(study, tmp_path / "out", options, engine="dask")
