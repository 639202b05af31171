"""The training loop of the compact model: seeded and resumable, on a CPU or a GPU."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING

import torch

from lpm_segmentator.io import file_sha256
from lpm_segmentator.train.checkpoint import run_steps
from lpm_segmentator.train.compact.warm_start import load_exported
from lpm_segmentator.train.network import CompactUNet
from lpm_segmentator.train.optimise import (
    Averaged,
    fast_convolutions,
    one_cycle,
    segmentation_loss,
)
from lpm_segmentator.train.synthesis.synthesiser import Batch, Synthesiser

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from lpm_segmentator.train.compact.config import CompactConfig
    from lpm_segmentator.train.synthesis.subjects import TrainingSubject

__all__ = ["learning_rate", "stage_of", "train_compact"]


def train_compact(
    subjects: Sequence[TrainingSubject],
    config: CompactConfig,
    folder: Path,
    *,
    device: str = "auto",
    start: Path | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> CompactUNet:
    """Train a network and return the moving average of its weights.

    The state is kept in ``checkpoint.pt`` and ``log.jsonl`` of `folder`. Called again with the same
    configuration, subjects and start, an interrupted training is resumed.

    Parameters
    ----------
    subjects : sequence of TrainingSubject
        The labelled pairs.
    config : CompactConfig
        The settings.
    folder : Path
        Where the training keeps its state.
    device : str
        ``"auto"`` (a GPU if available), ``"cpu"`` or ``"cuda"``.
    start : Path, optional
        An exported compact model to start from, instead of random weights.
    progress : callable, optional
        Called with the step and the loss after each step.

    Returns
    -------
    CompactUNet
        In evaluation mode, ready for export.

    Raises
    ------
    InputError
        If the folder holds a different run, or its checkpoint cannot be read.
    """
    target = torch.device(_choose_device(device))
    synthesisers = [Synthesiser(subjects, stage.synthesis) for stage in config.stages]
    network = _network(config, synthesisers[0], start, target)
    state = Averaged(network, weight_decay=config.weight_decay, decay=config.ema_decay)

    run_steps(
        functools.partial(_take, state, synthesisers, config),
        config.total_steps,
        folder / "checkpoint.pt",
        _identity(config, subjects, start),
        state.parts,
        device=target,
        progress=progress,
        log=folder / "log.jsonl",
    )
    return state.average.eval()


def _take(
    state: Averaged[CompactUNet],
    synthesisers: Sequence[Synthesiser],
    config: CompactConfig,
    step: int,
) -> float:
    """Draw the batch of a step and train on it; a new stage starts from the average."""
    stage, first = stage_of(step, config)
    if step == first and stage > 0:
        state.network.load_state_dict(state.average.state_dict())
    batch = synthesisers[stage].batch(config.batch_size, seed=config.seed, step=step)
    loss = _loss(state.network.train(), batch)
    return state.update(loss, learning_rate(step, config), step)


def _choose_device(device: str) -> str:
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device


def _network(
    config: CompactConfig, synthesiser: Synthesiser, start: Path | None, device: torch.device
) -> CompactUNet:
    """Return the network before the first step, with random weights or those of `start`."""
    torch.manual_seed(config.seed)
    network = CompactUNet(config.widths, config.synthesis.context)
    if start is not None:
        images = synthesiser.batch(config.batch_size, seed=config.seed, step=0).images
        load_exported(network, start, images)
    return network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _identity(
    config: CompactConfig, subjects: Sequence[TrainingSubject], start: Path | None
) -> str:
    """Return what identifies a training; a checkpoint of a different one is refused."""
    start_sha256 = "" if start is None else file_sha256(start)
    return json.dumps([config.to_dict(), [subject.name for subject in subjects], start_sha256])


def _loss(network: CompactUNet, batch: Batch) -> torch.Tensor:
    device = network.head.weight.device
    images = batch.images.to(device).contiguous(memory_format=torch.channels_last)
    with fast_convolutions(device):
        logits = network(images)
    return segmentation_loss(logits.float(), batch.labels.to(device))


def stage_of(step: int, config: CompactConfig) -> tuple[int, int]:
    """Return the index of the stage that a step belongs to, and that stage's first step."""
    first = 0
    for index, stage in enumerate(config.stages):
        if step < first + stage.steps:
            return index, first
        first += stage.steps
    raise ValueError(f"step {step} is beyond the {first} steps of the training")


def learning_rate(step: int, config: CompactConfig) -> float:
    """Return the learning rate of a step: in each stage a warm-up over 3 %, then a cosine to 0."""
    index, first = stage_of(step, config)
    stage = config.stages[index]
    return one_cycle(step - first, stage.steps, stage.learning_rate, warm_up=0.03)
