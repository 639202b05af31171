"""Fixtures and settings that all tests share."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import settings

from tiny_model import TINY, tiny_onnx

# Time limits on single examples fail on busy machines and say nothing about the code.
settings.register_profile("default", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real images beside the checkout; they are not part of the repository."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the shared image data are not beside this checkout (../shared/data)")
    return folder


@pytest.fixture(scope="session")
def tiny_bytes() -> bytes:
    """An ONNX model that costs nothing to run."""
    return tiny_onnx({"lpm": json.dumps(TINY)})


@pytest.fixture(scope="session")
def tiny_path(tiny_bytes: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.onnx"
    path.write_bytes(tiny_bytes)
    return path
