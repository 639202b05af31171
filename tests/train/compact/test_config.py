"""Settings of the training: its stages."""

from __future__ import annotations

from lpm_segmentator.train.compact.config import CompactConfig


def test_a_second_stage_differs_in_rate_and_low_slices_alone() -> None:
    config = CompactConfig(steps=100, refine_steps=50, refine_learning_rate=1e-4)
    first, second = config.stages
    assert config.total_steps == 150
    assert (second.steps, second.learning_rate) == (50, 1e-4)
    assert second.synthesis.low_slices == config.refine_low_slices
    assert first.synthesis == config.synthesis
