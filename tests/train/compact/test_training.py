"""Training: the loss falls, and an interrupted training resumes exactly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lpm_segmentator.core import InputError
from lpm_segmentator.train.compact.config import CompactConfig, SynthesisConfig
from lpm_segmentator.train.compact.training import (
    learning_rate,
    stage_of,
    train_compact,
)
from lpm_segmentator.train.export import Softmax, export_onnx
from lpm_segmentator.train.synthesis.subjects import TrainingSubject
from training import InterruptError, interrupt_at, phantom_subject

TINY = CompactConfig(
    widths=(4, 8, 12),
    steps=6,
    batch_size=2,
    phantoms=0,
    synthesis=SynthesisConfig(spacing_mm=4.0, patch=(48, 64), near_patch=(32, 48)),
)


@pytest.fixture(scope="module")
def subject() -> TrainingSubject:
    return phantom_subject(shape=(120, 90, 4), spacing_mm=(3.0, 3.0, 20.0))


def test_an_interrupted_run_resumes_to_the_same_weights(
    subject: TrainingSubject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lpm_segmentator.train.checkpoint._CHECKPOINT_EVERY", 2)
    whole = train_compact([subject], TINY, tmp_path / "whole", device="cpu")
    with pytest.raises(InterruptError):
        train_compact(
            [subject], TINY, tmp_path / "interrupted", device="cpu", progress=interrupt_at(5)
        )
    resumed = train_compact([subject], TINY, tmp_path / "interrupted", device="cpu")
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, msg=name)


def test_another_configuration_does_not_resume(subject: TrainingSubject, tmp_path: Path) -> None:
    train_compact([subject], TINY, tmp_path, device="cpu")
    other = replace(TINY, seed=1)
    with pytest.raises(InputError, match="another run"):
        train_compact([subject], other, tmp_path, device="cpu")


def test_other_subjects_or_another_start_do_not_resume(
    subject: TrainingSubject, tmp_path: Path
) -> None:
    network = train_compact([subject], TINY, tmp_path / "run", device="cpu")
    with pytest.raises(InputError, match="another run"):
        train_compact([replace(subject, name="other")], TINY, tmp_path / "run", device="cpu")
    start = tmp_path / "start.onnx"
    export_onnx(
        Softmax(network), start, channels=3, multiple=4, outputs=("probability",), metadata={}
    )
    with pytest.raises(InputError, match="another run"):
        train_compact([subject], TINY, tmp_path / "run", device="cpu", start=start)


def test_a_damaged_checkpoint_is_reported(subject: TrainingSubject, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"damaged")
    with pytest.raises(InputError, match="cannot be read"):
        train_compact([subject], TINY, tmp_path, device="cpu")


def test_the_loss_falls(subject: TrainingSubject, tmp_path: Path) -> None:
    longer = replace(TINY, steps=150)
    losses: list[float] = []
    train_compact(
        [subject], longer, tmp_path, device="cpu", progress=lambda _, loss: losses.append(loss)
    )
    assert np.mean(losses[-20:]) < 0.75 * np.mean(losses[:10])


def test_the_rate_warms_up_and_falls_to_zero() -> None:
    rates = [learning_rate(step, CompactConfig(steps=100)) for step in range(100)]
    assert max(rates) == pytest.approx(CompactConfig().learning_rate)
    assert rates.index(max(rates)) in (2, 3)
    assert rates[-1] < 0.01 * max(rates)


def test_the_second_stage_starts_a_cycle_of_its_own() -> None:
    config = CompactConfig(steps=100, refine_steps=50, refine_learning_rate=1e-4)
    assert config.total_steps == 150
    assert [stage_of(step, config) for step in (0, 99, 100, 149)] == [
        (0, 0),
        (0, 0),
        (1, 100),
        (1, 100),
    ]
    rates = [learning_rate(step, config) for step in range(150)]
    assert max(rates[100:]) == pytest.approx(1e-4)
    assert rates[99] < 1e-5
    with pytest.raises(ValueError, match="beyond"):
        stage_of(150, config)


def test_an_interrupted_second_stage_resumes_to_the_same_weights(
    subject: TrainingSubject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lpm_segmentator.train.checkpoint._CHECKPOINT_EVERY", 4)
    config = replace(TINY, steps=4, refine_steps=4)
    whole = train_compact([subject], config, tmp_path / "whole", device="cpu")
    with pytest.raises(InterruptError):
        train_compact(
            [subject], config, tmp_path / "interrupted", device="cpu", progress=interrupt_at(6)
        )
    resumed = train_compact([subject], config, tmp_path / "interrupted", device="cpu")
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, msg=name)
