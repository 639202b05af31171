"""The command as users run it: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

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
