"""Intensity-based fat against the Dixon fat ratio, as benchmarks/intensity_fat.py measures it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from lpm_segmentator.core import DixonPair, LabelMap, Volume

pytest.importorskip("sklearn", reason="needs the extra t1t2")
pytest.importorskip("SimpleITK", reason="needs the extra t1t2")

_PATH = Path(__file__).resolve().parents[3] / "benchmarks" / "intensity_fat.py"


@pytest.fixture(scope="module")
def benchmark():  # type: ignore[no-untyped-def]
    spec = importlib.util.spec_from_file_location("intensity_fat", _PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules["intensity_fat"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["intensity_fat"]


def test_every_map_follows_dixon_across_levels_and_grades(benchmark, tum) -> None:  # type: ignore[no-untyped-def]
    """On one subject, the muscles' part of the image, every other slice; three grades."""
    labels, pair = tum("TUM01")
    box = np.s_[80:320, 130:290, ::2]
    affine = labels.affine @ np.diag([1.0, 1.0, 2.0, 1.0])
    labels = LabelMap(labels.array[box], affine)
    pair = DixonPair(*(Volume(v.array[box], affine) for v in (pair.water, pair.fat)))
    values = list(benchmark.values_of(labels, pair, grades=(0.0, 0.3, 0.7)))
    assert len(values) == 2 * 3 * 16  # image types, grades, levels × muscles
    ratios = [v.dixon for v in values]
    assert min(ratios) < 0.2
    assert max(ratios) > 0.7
    for contrast, name, r, bias, limits, n in benchmark.table(values):
        assert n == 48
        assert r >= 0.90, (contrast, name, r)
        assert -40 < bias < 0, (contrast, name, bias)  # intensity is linear in fat, Dixon is not
        assert 0 < limits < 25, (contrast, name, limits)
    against_truth = {(c, n): (b, w) for c, n, _, b, w, _ in benchmark.table(values, "made")}
    for contrast in benchmark.CONTRASTS:
        bias, limits = against_truth[contrast, "gmm3_soft"]
        assert abs(bias) < 8
        assert limits < 15
