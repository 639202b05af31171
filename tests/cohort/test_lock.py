"""One run at a time in an output folder."""

from __future__ import annotations

import pytest
from filelock import FileLock

from cohort_runs import run, states
from lpm_segmentator.cohort.lock import run_lock
from lpm_segmentator.core import (
    OutputError,
    Remedy,
)


def test_two_runs_at_once_into_one_folder_are_refused(study, tmp_path, options):
    out = tmp_path / "out"
    refused = []

    def second(event):
        with pytest.raises(OutputError, match="another run is writing") as caught:
            run(study, out, options)
        refused.append(caught.value.remedies)

    assert states(run(study, out, options, on_event=second)) == {"A": "done", "B": "done"}
    assert refused == [(Remedy.OUTPUT,)] * 2
    assert states(run(study, out, options)) == {"A": "skipped", "B": "skipped"}


@pytest.mark.parametrize("kind", [OSError, NotImplementedError])
def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch, caplog, kind):
    def refuse(self):
        raise kind("no locks here")

    monkeypatch.setattr(FileLock, "_acquire", refuse)
    ran = False
    with run_lock(tmp_path):
        ran = True
    assert ran
    assert "cannot be locked (no locks here)" in caplog.text
