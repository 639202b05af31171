"""Training of the network that marks discs: seeded and resumable, on the CPU."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from lpm_segmentator.levels.model import CHANNELS, MULTIPLE
from lpm_segmentator.train.checkpoint import run_steps
from lpm_segmentator.train.export import Sigmoid, export_onnx
from lpm_segmentator.train.levels.samples import draw_batch
from lpm_segmentator.train.network import CompactUNet
from lpm_segmentator.train.optimise import Averaged, fast_convolutions, one_cycle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lpm_segmentator.train.levels.config import LevelsConfig
    from lpm_segmentator.train.levels.subjects import LevelSubject

__all__ = ["export_levels", "train_levels"]


def train_levels(
    subjects: list[LevelSubject],
    config: LevelsConfig,
    folder: Path,
    *,
    progress: Callable[[int, float], None] | None = None,
) -> CompactUNet:
    """Train a network and return the moving average of its weights.

    The state is kept in ``checkpoint.pt`` of `folder`; an interrupted training is resumed.

    Parameters
    ----------
    subjects : list of LevelSubject
    config : LevelsConfig
    folder : Path
    progress : callable, optional
        Called with the step and the loss.

    Returns
    -------
    CompactUNet
        In evaluation mode, ready for export.

    Raises
    ------
    InputError
        If the folder holds a training with a different configuration or different subjects.
    """
    network = _network(config)
    state = Averaged(network, weight_decay=config.weight_decay, decay=config.ema_decay)

    def take(step: int) -> float:
        images, targets = draw_batch(subjects, config.batch_size, seed=config.seed, step=step)
        return state.update(_loss(network.train(), images, targets), _rate(step, config), step)

    run_steps(
        take,
        config.steps,
        folder / "checkpoint.pt",
        json.dumps([dataclasses.asdict(config), [subject.name for subject in subjects]]),
        state.parts,
        progress=progress,
    )
    return state.average.eval()


def _network(config: LevelsConfig) -> CompactUNet:
    """Return the network with random weights."""
    torch.manual_seed(config.seed)
    network = CompactUNet(config.widths, context=0, classes=CHANNELS)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    # Most pixels of a map are 0: the initial output is close to it.
    assert network.head.bias is not None
    nn.init.constant_(network.head.bias, -4.0)
    return network


def _rate(step: int, config: LevelsConfig) -> float:
    """Return the learning rate: in each cycle a warm-up over 4 %, then a cosine to 0."""
    length = config.cycles[0]
    for length in config.cycles:
        if step < length:
            break
        step -= length
    return one_cycle(step, length, config.learning_rate, warm_up=0.04)


def _loss(network: nn.Module, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the weighted cross-entropy of the maps; unlabelled pixels have no weight."""
    with fast_convolutions(torch.device("cpu")):
        logits = network(images.contiguous(memory_format=torch.channels_last))
    labelled = targets[:, :CHANNELS].isfinite()
    truth, known = targets[:, :CHANNELS].nan_to_num(), targets[:, CHANNELS:]
    weight = (1 + 12 * truth) * labelled
    weight = torch.cat([weight[:, : CHANNELS - 2], weight[:, CHANNELS - 2 :] * known], dim=1)
    entropy = nn.functional.binary_cross_entropy_with_logits(
        logits.float(), truth, weight=weight, reduction="none"
    )
    entropy[:, CHANNELS - 1] *= 0.1  # vertebral bodies cover more pixels than all discs
    return entropy.mean() * 10


def export_levels(network: CompactUNet, path: Path, metadata: dict[str, Any]) -> None:
    """Write the network as ONNX: input ``image`` (n, 1, h, w), output ``heat`` (n, 7, h, w)."""
    export_onnx(
        Sigmoid(network), path, channels=1, multiple=MULTIPLE, outputs=("heat",), metadata=metadata
    )
