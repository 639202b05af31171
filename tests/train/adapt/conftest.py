from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs torch (the extra train)")
pytest.importorskip("onnx", reason="needs onnx (the extra train)")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base of one small network."""
    from adaptation import tiny_base

    return tiny_base(tmp_path_factory.mktemp("base") / "tiny.onnx")
