"""The command as users run it: in a process of its own, or here."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import lpm_segmentator.study.dicom
from exports import Lpm as LpmHere
from exports import Said
from lpm_segmentator.cli.main import main

Lpm = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def lpm(tmp_path_factory: pytest.TempPathFactory) -> Lpm:
    """Run ``lpm`` with arguments; the result has the exit code, standard output and error,
    as bytes if `raw`.
    """
    folder = tmp_path_factory.mktemp("cwd")

    def run(*arguments: object, env: dict[str, str] | None = None, raw: bool = False):
        return subprocess.run(
            [sys.executable, "-m", "lpm_segmentator", *map(str, arguments)],
            capture_output=True,
            encoding=None if raw else "utf-8",
            check=False,
            cwd=folder,
            timeout=600,
            env={**os.environ, "COLUMNS": "160", **(env or {})},
        )

    return run


@pytest.fixture(scope="session")
def tum01(shared_data: Path) -> dict[str, Path]:
    """The files of a real subject; its water image has lost its origin."""
    folder = shared_data / "myosegmentum"
    return {
        "water": folder / "TUM01_water_img_img_L2-L5.nii.gz",
        "fat": folder / "TUM01_fat_img_img_L2-L5.nii.gz",
        "labels": folder / "TUM01_fat_manual_label_segmentation_L2-L5.nii.gz",
    }


@pytest.fixture
def lpm_here(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> LpmHere:
    """Run the command in this process, with a cache of its own and a wide terminal."""
    monkeypatch.setattr(lpm_segmentator.study.dicom, "scan_cache", lambda: tmp_path / "cache")
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Said(int(ended.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture
def run_here(lpm_here: LpmHere, tiny_path: Path) -> LpmHere:
    """Run ``lpm run`` in this process with a model that costs nothing."""

    def with_model(*arguments: object) -> Said:
        model = ("--model", tiny_path, "--mode", "fast", "--keep-low-confidence")
        return lpm_here("run", *arguments, *model, "--no-intensity-fat")

    return with_model
