from __future__ import annotations

import numpy as np
import pytest

from lpm_segmentator import models
from lpm_segmentator.core import ModelError, Volume
from lpm_segmentator.models import describe_model, list_models, load_predictor


def test_public_names_are_sorted():
    assert models.__all__ == sorted(models.__all__, key=lambda name: (not name.isupper(), name))
    assert all(hasattr(models, name) for name in models.__all__)


def test_the_default_is_the_embedded_model():
    assert load_predictor().info.kind == "compact"


def test_fast_runs_the_first_network_alone():
    both, first = load_predictor().info, load_predictor(mode="fast").info
    assert both.version == f"{first.version}+{both.version.rpartition('+')[2]}"
    assert both.sha256 != first.sha256


def test_a_path_is_a_compact_model(tiny_path):
    assert load_predictor(tiny_path).info.name == "tiny"
    assert load_predictor(str(tiny_path)).info.name == "tiny"


@pytest.mark.parametrize("name", ["no-such-model", "gone.onnx", ""])
def test_an_unknown_model_is_refused_with_a_hint(name):
    with pytest.raises(ModelError, match="embedded"):
        load_predictor(name)


class _Steps(list):
    def __call__(self, done: int, total: int) -> None:
        self.append((done, total))


@pytest.mark.parametrize("mode", [None, "fast", "exact"])
def test_an_installed_model_is_run_as_its_file_is(tiny_path, tmp_path, monkeypatch, mode):
    """The mode (one pass or two) and the progress function reach it."""
    monkeypatch.setenv("LPM_HOME", str(tmp_path))
    models.ModelStore().install(tiny_path, name="mine")
    array = np.full((60, 40, 3), 20.0, np.float32)
    array[5:40, 10:20] = 100.0  # off the centre: in the mirrored image the sides differ
    volume = Volume(array, np.diag([-2.0, -2.0, 4.0, 1.0]))
    steps = {"mine": _Steps(), str(tiny_path): _Steps()}
    confidences = [
        load_predictor(name, mode=mode, progress=progress).predict(volume).confidence
        for name, progress in steps.items()
    ]
    assert np.array_equal(*confidences)
    assert steps["mine"] == steps[str(tiny_path)] == [(3, 3)]


def test_models_are_listed_and_described(tiny_path, tmp_path, monkeypatch):
    monkeypatch.setenv("LPM_HOME", str(tmp_path))
    installed = models.ModelStore().install(tiny_path, name="mine")
    rows = {row["name"]: row for row in list_models()}
    assert {name: row["state"] for name, row in rows.items()} == {
        "embedded": "embedded",
        "mine": "installed",
        "lpm-2025": "not installed",
    }
    assert rows["lpm-2025"]["file"] == "nnUNet_trained_models.zip"
    assert rows["mine"] == {**installed.to_dict(), "state": "installed"}
    assert describe_model("mine") == installed.to_dict()
    assert describe_model("embedded")["kind"] == "compact"


def test_a_model_of_two_networks_is_installed_whole(tiny_path, tmp_path, monkeypatch):
    monkeypatch.setenv("LPM_HOME", str(tmp_path))
    store = models.ModelStore()
    second = tmp_path / "second.onnx"
    second.write_bytes(tiny_path.read_bytes())
    alone = store.install(tiny_path, name="alone")
    installed = store.install(
        tiny_path, name="two", second=second, card={"adaptation": {"cases": 3}}
    )
    assert alone.to_dict().get("adaptation") is None
    assert installed.to_dict()["adaptation"] == {"cases": 3}
    assert installed.info.sha256 != alone.info.sha256
    predictor = load_predictor("two")
    assert predictor.info.sha256 == installed.info.sha256
    volume = Volume(np.full((60, 40, 3), 20.0, np.float32), np.diag([-2.0, -2.0, 4.0, 1.0]))
    assert predictor.predict(volume).details["networks"] == 2
    assert load_predictor("two", mode="fast").predict(volume).details["networks"] == 1
    content = tiny_path.read_bytes()
    assert models.compact_networks("two") == (content, content)
    assert models.compact_networks("alone") == models.compact_networks(tiny_path) == (content,)
    assert len(models.compact_networks()) == 2
    (installed.folder / "second.onnx").unlink()
    with pytest.raises(ModelError, match="not the file"):
        load_predictor("two")
    with pytest.raises(ModelError, match="not the file"):
        models.compact_networks("two")
