"""Execution backends find the same."""

from __future__ import annotations

import os
import sys
from functools import partial
from types import SimpleNamespace

import pytest

from cohort_runs import TABLES, run, saved, states
from lpm_segmentator.cohort import Event, engines
from lpm_segmentator.core import (
    LpmError,
)
from phantoms import write_pair


@pytest.mark.parametrize("engine", ["processes", "dask"])
def test_two_workers_find_what_one_finds(study, tmp_path, options, engine):
    (study / "A_fat.nii.gz").write_bytes(b"")
    write_pair(study, "C", 2)
    one, two = tmp_path / "one", tmp_path / "two"
    for out, workers, chosen in ((one, 1, None), (two, 2, engine)):
        result = run(study, out, options, workers=workers, engine=chosen)
        assert states(result) == {"A": "failed", "B": "done", "C": "done"}
    for name in TABLES:
        assert (one / name).read_bytes() == (two / name).read_bytes()
    assert saved(one)["cases"].keys() == saved(two)["cases"].keys()
    assert not (two / "cases" / "A").exists()


def test_dask_without_its_package_names_the_extra(study, tmp_path, options, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(LpmError, match=r"lpm-segmentator\[dask\]"):
        run(study, tmp_path / "out", options, engine="dask")


def test_a_case_that_ends_its_dask_worker_fails_alone():
    """What a case with too little memory does: its worker ends, and so does the next one."""
    import dask

    tasks = [
        SimpleNamespace(files=SimpleNamespace(case="A"), run=partial(os._exit, 1)),
        SimpleNamespace(files=SimpleNamespace(case="B"), run=partial(Event, "B", "done")),
    ]
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        events = {event.case: event for event in engines._dask(1)(tasks)}
    assert events["B"] == Event("B", "done")
    assert events["A"].state == "failed"
    assert "its worker process ended" in events["A"].error
