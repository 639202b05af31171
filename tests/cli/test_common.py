"""What reaches the terminal."""

from __future__ import annotations

import pytest

from lpm_segmentator.cli.common import announce, show
from lpm_segmentator.core import Remedy


@pytest.mark.parametrize("remedy", [Remedy.ACCEPT_FRAME_MISMATCH, Remedy.NAME_PAIR])
def test_python_arguments_are_printed_as_flags(remedy, capsys):
    show(f"pass {remedy}")
    announce(f"pass {remedy}", quiet=False)
    announce(f"pass {remedy}", quiet=True)
    told = capsys.readouterr()
    assert told.out == told.err
    assert told.err.startswith("pass --")
    assert str(remedy) not in told.err


def test_a_dry_run_names_flags(lpm, tmp_path):
    for name in ("A_water.nii.gz", "A_W.nii.gz", "A_fat.nii.gz"):
        (tmp_path / name).touch()
    done = lpm("run", tmp_path, "-o", tmp_path / "out", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "name the pair (--water PATH --fat PATH)" in done.stdout
