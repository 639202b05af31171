"""Train the level model: seeded, checkpointed, resumable."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from lpm_segmentator.levels.model import CHANNELS, MULTIPLE
from lpm_segmentator.train.checkpoint import follow, resume, save_checkpoint
from lpm_segmentator.train.export import Sigmoid, export_onnx
from lpm_segmentator.train.levels_data import LevelSubject, draw_batch
from lpm_segmentator.train.network import CompactUNet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["LevelsConfig", "export_levels", "train_levels"]

_CHECKPOINT_EVERY = 100


@dataclass(frozen=True)
class LevelsConfig:
    """A training of the level model; every number that decides its outcome.

    The learning rate starts again at each of the `cycles` (their steps): marking discs is learnt in
    the first, naming them takes the second.
    """

    widths: tuple[int, ...] = (16, 32, 64, 96, 128)
    cycles: tuple[int, ...] = (600, 700)
    batch_size: int = 12
    learning_rate: float = 3e-3
    weight_decay: float = 1e-3
    ema_decay: float = 0.99
    folds: int = 5
    seed: int = 6

    @property
    def steps(self) -> int:
        """Steps of all cycles."""
        return sum(self.cycles)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> LevelsConfig:
        """Return the configuration of a mapping; TypeError for a name that is no setting."""
        lists = {"widths", "cycles"} & values.keys()
        return cls(**{**values, **{name: tuple(values[name]) for name in lists}})


def train_levels(
    subjects: list[LevelSubject],
    config: LevelsConfig,
    folder: Path,
    *,
    progress: Callable[[int, float], None] | None = None,
) -> CompactUNet:
    """Train on the CPU and return the moving average of the weights.

    The run is kept in ``folder/checkpoint.pt`` and goes on from there.

    Raises
    ------
    InputError
        If the folder holds a run of another configuration or other subjects.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(config.seed)
    network = CompactUNet(config.widths, context=0, classes=CHANNELS)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    # Most of a map is empty: the last layer starts there.
    nn.init.constant_(network.head.bias, -4.0)
    average: CompactUNet = copy.deepcopy(network)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    parts = {"network": network, "average": average, "optimiser": optimiser}
    identity = json.dumps([dataclasses.asdict(config), [s.name for s in subjects]])
    step, _ = resume(folder / "checkpoint.pt", identity, parts)
    while step < config.steps:
        for group in optimiser.param_groups:
            group["lr"] = _rate(step, config)
        images, targets = draw_batch(subjects, config.batch_size, seed=config.seed, step=step)
        loss = _loss(network.train(), images, targets)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        step += 1
        follow(average, network, min(config.ema_decay, step / (step + 9)))
        if progress is not None:
            progress(step, float(loss.detach()))
        if step % _CHECKPOINT_EVERY == 0 or step == config.steps:
            save_checkpoint(folder / "checkpoint.pt", identity, parts, step)
    return average.eval()


def _rate(step: int, config: LevelsConfig) -> float:
    length = config.cycles[0]
    for length in config.cycles:
        if step < length:
            break
        step -= length
    warm = max(1, round(0.04 * length))
    if step < warm:
        return config.learning_rate * (step + 1) / warm
    part = (step - warm) / max(1, length - warm)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * part))


def _loss(network: nn.Module, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the weighted cross-entropy of the maps; what is not labelled counts nothing."""
    half = bool(torch.cpu._is_avx512_bf16_supported())
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        logits = network(images.contiguous(memory_format=torch.channels_last))
    truth, known = targets[:, :CHANNELS], targets[:, CHANNELS:]
    weight = 1 + 12 * truth
    weight = torch.cat([weight[:, : CHANNELS - 2], weight[:, CHANNELS - 2 :] * known], dim=1)
    entropy = nn.functional.binary_cross_entropy_with_logits(
        logits.float(), truth, weight=weight, reduction="none"
    )
    entropy[:, CHANNELS - 1] *= 0.1  # bodies fill more of the plane than all discs together
    return entropy.mean() * 10


def export_levels(network: CompactUNet, path: Path, metadata: dict[str, Any]) -> None:
    """Write the network as ONNX: input ``image`` (n, 1, h, w), output ``heat`` (n, 7, h, w)."""
    export_onnx(
        Sigmoid(network), path, channels=1, multiple=MULTIPLE, outputs=("heat",), metadata=metadata
    )
