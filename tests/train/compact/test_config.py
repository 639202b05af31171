"""Settings: stored and read again, under their present and their former names."""

from __future__ import annotations

import json
import logging

import pytest

from lpm_segmentator.train.compact.config import CompactConfig
from lpm_segmentator.train.synthesis.config import SynthesisConfig


def test_a_configuration_survives_its_file() -> None:
    config = CompactConfig(
        widths=(4, 8, 12),
        steps=6,
        synthesis=SynthesisConfig(spacing_mm=4.0, patch=(48, 64), near_patch=(32, 48)),
    )
    assert CompactConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    with pytest.raises(TypeError):
        CompactConfig.from_dict({"stepps": 3})


def test_former_names_of_settings_work_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        config = CompactConfig.from_dict({"synthesis": {"foreign": 0.2, "retreat": 0.1}})
    assert config.synthesis == SynthesisConfig(negatives=0.2, atrophy=0.1)
    assert "'foreign' is now called 'negatives'" in caplog.text
    assert "'retreat' is now called 'atrophy'" in caplog.text


def test_a_second_stage_differs_in_rate_and_low_slices_alone() -> None:
    config = CompactConfig(steps=100, refine_steps=50, refine_learning_rate=1e-4)
    first, second = config.stages
    assert config.total_steps == 150
    assert (second.steps, second.learning_rate) == (50, 1e-4)
    assert second.synthesis.low_slices == config.refine_low_slices
    assert first.synthesis == config.synthesis
