from __future__ import annotations

import numpy as np
import pytest

from lpm_segmentator import api
from lpm_segmentator.core import ModelError, Volume


def test_the_default_is_the_embedded_model():
    assert api.load_predictor().info.kind == "compact"


def test_fast_asks_the_first_network_alone():
    both, first = api.load_predictor().info, api.load_predictor(mode="fast").info
    assert both.version == f"{first.version}+{both.version.rpartition('+')[2]}"
    assert both.sha256 != first.sha256


def test_a_path_is_a_compact_model(tiny_path):
    assert api.load_predictor(str(tiny_path)).info.name == "tiny"


@pytest.mark.parametrize("name", ["no-such-model", "gone.onnx", ""])
def test_an_unknown_model_is_refused_with_a_hint(name):
    with pytest.raises(ModelError, match="embedded"):
        api.load_predictor(name)


class _Steps(list):
    def __call__(self, done: int, total: int) -> None:
        self.append((done, total))


@pytest.mark.parametrize("mode", [None, "fast", "exact"])
def test_an_installed_model_is_run_as_its_file_is(tiny_path, tmp_path, monkeypatch, mode):
    """The mode reaches it (looking twice or once), and so does who is told of the progress."""
    monkeypatch.setenv("LPM_HOME", str(tmp_path))
    api.ModelStore().install(tiny_path, name="mine")
    array = np.full((60, 40, 3), 20.0, np.float32)
    array[5:40, 10:20] = 100.0  # off the middle: mirrored, the model finds other sides
    volume = Volume(array, np.diag([-2.0, -2.0, 4.0, 1.0]))
    steps = {"mine": _Steps(), str(tiny_path): _Steps()}
    answers = [
        api.load_predictor(name, mode=mode, progress=told).predict(volume).confidence
        for name, told in steps.items()
    ]
    assert np.array_equal(*answers)
    assert steps["mine"] == steps[str(tiny_path)] == [(3, 3)]
