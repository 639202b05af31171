"""Which changes of the inputs make a case run again, and what differs."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lpm_segmentator.segment import ModelInfo
from lpm_segmentator.study import resume
from lpm_segmentator.study.cases import CaseFiles
from lpm_segmentator.study.options import LevelOptions, RunOptions, SliceTable
from lpm_segmentator.study.resume import fingerprint_of

MODEL = ModelInfo("m", version="1", sha256="0" * 64)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    names = ("A.hdr", "A.img", "A.json", "slices.csv", "A_levels.json", "sag.nii", "sag.json")
    for name in (*names, "levels.onnx", "levels-names.onnx"):
        (tmp_path / name).write_text(name)
    return tmp_path


def fingerprint(folder: Path) -> str:
    options = RunOptions(
        slices=SliceTable(folder / "slices.csv", "inclusive"),
        levels=LevelOptions(
            written=folder / "A_levels.json",
            sagittal=folder / "sag.nii",
            model=folder / "levels.onnx",
        ),
    )
    return fingerprint_of(CaseFiles("A", image=folder / "A.hdr"), options, MODEL)


def later(path: Path) -> None:
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 10**9))


def other(path: Path) -> None:
    time = path.stat().st_mtime_ns
    path.write_text(path.read_text()[::-1])
    os.utime(path, ns=(time, time))


@pytest.mark.parametrize("name", ["A.hdr", "A.img", "sag.nii", "levels.onnx", "levels-names.onnx"])
def test_images_and_models_count_by_their_time(folder, name):
    before = fingerprint(folder)
    later(folder / name)
    assert fingerprint(folder) != before


@pytest.mark.parametrize("name", ["A.json", "sag.json", "slices.csv", "A_levels.json"])
def test_small_files_count_by_their_content(folder, name):
    before = fingerprint(folder)
    later(folder / name)
    assert fingerprint(folder) == before
    other(folder / name)
    assert fingerprint(folder) != before


@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.rename(path.parent / "x")])
def test_a_sidecar_that_is_gone_counts(folder, change: Callable[[Path], object]):
    before = fingerprint(folder)
    change(folder / "A.json")
    assert fingerprint(folder) != before


def test_levels_count_only_where_they_are_wanted(folder):
    def of(levels: LevelOptions | None, sagittal: Path | None = None) -> str:
        files = CaseFiles("A", image=folder / "A.hdr", sagittal=sagittal)
        return fingerprint_of(files, RunOptions(levels=levels), MODEL)

    series = folder / "sag.nii"
    assert of(LevelOptions(sagittal_only=True)) == of(None) != of(LevelOptions())
    assert of(LevelOptions(sagittal_only=True), series) != of(None, series)


def test_every_option_has_words():
    assert list(resume._WORDS) == [field.name for field in dataclasses.fields(RunOptions)]
