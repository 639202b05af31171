"""One run at a time in an output folder."""

from __future__ import annotations

import pytest
from filelock import FileLock

from lpm_segmentator.study.lock import run_lock


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
