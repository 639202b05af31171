"""Figures need an extra: where it is missing, nothing is begun."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from lpm_segmentator import api
from lpm_segmentator.cli.main import main
from lpm_segmentator.core import MissingExtraError


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.csv"
    rows = [f"{n},{10 + n},{10.5 + n - n % 3 / 10}" for n in range(12)]
    path.write_text("\n".join(["case,volume1_gd,volume1_ai", *rows]), encoding="utf-8")
    return path


@pytest.fixture
def made(table, tmp_path) -> Path:
    """Results of an earlier call, with figures."""
    api.compare_file(table, tmp_path / "out", n_resamples=100)
    return tmp_path / "out"


@pytest.fixture
def without_matplotlib(monkeypatch):
    real = importlib.util.find_spec

    def find(name, *more):
        return None if name == "matplotlib" else real(name, *more)

    with monkeypatch.context() as patch:
        patch.setattr(importlib.util, "find_spec", find)
        yield


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_without_matplotlib_figures_are_refused_before_anything_changes(
    made, table, tmp_path, without_matplotlib
):
    before = content(made)
    assert "scatter_volume.pdf" in before
    table.write_text(table.read_text("utf-8").replace("10.5", "11.5"), encoding="utf-8")
    with pytest.raises(MissingExtraError, match=r"drawing figures .*lpm-segmentator\[compare\]"):
        api.compare_file(table, made, n_resamples=100)
    assert content(made) == before
    with pytest.raises(MissingExtraError, match=r"lpm-segmentator\[compare\]"):
        api.compare_file(table, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_without_matplotlib_tables_are_still_written(table, tmp_path, without_matplotlib):
    files = api.compare_file(table, tmp_path / "out", plots=False, n_resamples=100)
    assert [path.name for path in files.written] == ["agreement.csv", "agreement.json"]


def test_the_command_line_names_what_to_install_on_one_line(
    table, tmp_path, without_matplotlib, capsys
):
    for command in (
        ["compare", str(table), "-o", str(tmp_path / "out")],
        ["figures", str(tmp_path), "-o", str(tmp_path / "out")],
    ):
        with pytest.raises(SystemExit) as ended:
            main(command)
        assert ended.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "pip install 'lpm-segmentator[compare]'" in line
    assert not (tmp_path / "out").exists()
