"""The loop over the steps: each is taken once, and progress is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from lpm_segmentator.core import InputError
from lpm_segmentator.train.checkpoint import run_steps


class _Counter:
    """A training whose state is the number of its steps."""

    def __init__(self) -> None:
        self.network = torch.nn.BatchNorm1d(1)
        self.taken: list[int] = []

    def take(self, step: int) -> float:
        self.taken.append(step)
        self.network.num_batches_tracked += 1
        return step / 2


def test_a_training_goes_on_after_its_checkpoint(tmp_path: Path) -> None:
    path, log = tmp_path / "run" / "checkpoint.pt", tmp_path / "run" / "log.jsonl"
    first, second = _Counter(), _Counter()
    seen: list[tuple[int, float]] = []
    parts = {"network": first.network}
    run_steps(first.take, 40, path, "a", parts, progress=lambda *s: seen.append(s), log=log)
    assert seen[-1] == (40, 19.5)
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert [(row["step"], row["loss"]) for row in rows] == [(20, 9.5), (40, 19.5)]
    run_steps(second.take, 42, path, "a", {"network": second.network})
    assert second.taken == [40, 41]
    assert int(second.network.num_batches_tracked) == 42
    with pytest.raises(InputError, match="another run"):
        run_steps(second.take, 42, path, "b", {"network": second.network})
