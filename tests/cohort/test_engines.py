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


def stand_in(case, *, ends=False):
    work = partial(os._exit, 1) if ends else partial(Event, case, "done")
    return SimpleNamespace(files=SimpleNamespace(case=case), run=work)


@pytest.mark.parametrize("engine", [engines._processes, engines._dask])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_case_that_ends_its_worker_fails_alone(engine, workers):
    """What a case with too little memory does: its worker ends, and so does the next one."""
    import dask

    tasks = [stand_in(case, ends=case in "AD") for case in "ABCDEFG"]
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        ended = list(engine(workers)(tasks))
    events = {event.case: event for event in ended}
    assert len(ended) == len(events) == len(tasks)
    for case in "BCEFG":
        assert events[case] == Event(case, "done")
    for case in "AD":
        assert events[case].state == "failed"
        assert "its worker process ended" in events[case].error


def test_an_error_that_ends_the_run_ends_the_pool(tmp_path):
    tasks = [stand_in("A"), stand_in("B")]
    tasks[0].run = partial((tmp_path / "missing").read_bytes)
    with pytest.raises(FileNotFoundError):
        list(engines._processes(1)(tasks))
