"""The marking network: it learns, resumes exactly, and exports maps."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from box_spine import write_box_subject
from lpm_segmentator.core import InputError
from lpm_segmentator.levels.model import CHANNELS
from lpm_segmentator.train.levels.config import LevelsConfig
from lpm_segmentator.train.levels.marking import _rate, export_levels, train_levels
from lpm_segmentator.train.levels.subjects import LevelSubject, read_level_subjects
from training import InterruptError, interrupt_at

TINY = LevelsConfig(widths=(4, 8, 8, 8, 8), cycles=(4, 3), batch_size=2)


@pytest.fixture(scope="module")
def subjects(tmp_path_factory: pytest.TempPathFactory) -> list[LevelSubject]:
    folder = tmp_path_factory.mktemp("data")
    write_box_subject(folder, "a_water")
    return read_level_subjects({}, folder)


def test_an_interrupted_training_resumes_to_the_same_weights(
    subjects: list[LevelSubject], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lpm_segmentator.train.checkpoint._CHECKPOINT_EVERY", 2)
    whole = train_levels(subjects, TINY, tmp_path / "whole")
    with pytest.raises(InterruptError):
        train_levels(subjects, TINY, tmp_path / "interrupted", progress=interrupt_at(5))
    resumed = train_levels(subjects, TINY, tmp_path / "interrupted")
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, msg=name)
    with pytest.raises(InputError, match="another run"):
        train_levels(subjects, dataclasses.replace(TINY, seed=1), tmp_path / "whole")


def test_the_loss_falls(subjects: list[LevelSubject], tmp_path: Path) -> None:
    losses: list[float] = []
    config = dataclasses.replace(TINY, cycles=(60,), batch_size=4, learning_rate=1e-2)
    train_levels(subjects, config, tmp_path, progress=lambda _, loss: losses.append(loss))
    assert np.mean(losses[-15:]) < 0.75 * np.mean(losses[:5])


def test_the_rate_restarts_with_each_cycle() -> None:
    config = LevelsConfig(cycles=(100, 50))
    rates = [_rate(step, config) for step in range(150)]
    assert max(rates[:100]) == max(rates[100:]) == pytest.approx(config.learning_rate)
    assert rates[99] < 0.01 * config.learning_rate
    assert rates[149] < 0.01 * config.learning_rate


def test_the_exported_network_gives_maps(subjects: list[LevelSubject], tmp_path: Path) -> None:
    import onnxruntime

    network = train_levels(subjects, dataclasses.replace(TINY, cycles=(1,)), tmp_path)
    export_levels(network, tmp_path / "levels.onnx", {})
    session = onnxruntime.InferenceSession(str(tmp_path / "levels.onnx"))
    image = np.random.default_rng(0).random((2, 1, 32, 48)).astype(np.float32)
    (maps,) = session.run(["heat"], {"image": image})
    assert maps.shape == (2, CHANNELS, 32, 48)
    with torch.no_grad():
        expected = network(torch.from_numpy(image)).sigmoid().numpy()
    np.testing.assert_allclose(maps, expected, atol=1e-5)
