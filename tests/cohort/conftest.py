from __future__ import annotations

from pathlib import Path

import pytest

from lpm_segmentator import api
from phantoms import write_pair, write_reference


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two phantoms with references."""
    folder = tmp_path / "study"
    for seed, case in enumerate(("A", "B")):
        write_pair(folder, case, seed)
        write_reference(folder, case, seed)
    return folder


@pytest.fixture
def options(tiny_path: Path) -> api.RunOptions:
    return api.RunOptions(model=str(tiny_path), mode="fast", keep_low_confidence=True)
