"""The training loop of the compact model: seeded and resumable, on a CPU or a GPU."""

from __future__ import annotations

import copy
import json
import logging
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from lpm_segmentator.io import file_sha256
from lpm_segmentator.train.checkpoint import resume, save_checkpoint, update_average
from lpm_segmentator.train.compact.warm_start import load_exported
from lpm_segmentator.train.network import CompactUNet
from lpm_segmentator.train.synthesis.synthesiser import Batch, Synthesiser

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from lpm_segmentator.train.compact.config import CompactConfig
    from lpm_segmentator.train.synthesis.subjects import TrainingSubject

__all__ = ["learning_rate", "segmentation_loss", "stage_of", "train_compact"]

logger = logging.getLogger(__name__)

#: steps between checkpoints
_CHECKPOINT_EVERY = 100


@dataclass
class _State:
    """The state of a training, as stored in a checkpoint."""

    network: CompactUNet
    average: CompactUNet
    optimiser: torch.optim.AdamW
    step: int = 0
    seconds: float = 0.0

    @classmethod
    def of(cls, network: CompactUNet, config: CompactConfig, device: torch.device) -> _State:
        """Return the state before the first step."""
        network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimiser = torch.optim.AdamW(
            network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        return cls(network, copy.deepcopy(network), optimiser)

    @property
    def parts(self) -> dict[str, Any]:
        """The objects whose states a checkpoint stores."""
        return {"network": self.network, "average": self.average, "optimiser": self.optimiser}


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
    folder.mkdir(parents=True, exist_ok=True)
    synthesisers = [Synthesiser(subjects, stage.synthesis) for stage in config.stages]
    state = _State.of(_network(config, synthesisers[0], start), config, target)
    checkpoint, identity = folder / "checkpoint.pt", _identity(config, subjects, start)
    state.step, state.seconds = resume(checkpoint, identity, state.parts, device=target)
    if state.step:
        logger.info("resumed at step %d", state.step)
    while state.step < config.total_steps:
        started = time.monotonic()
        loss = _next_step(state, synthesisers, config, target)
        state.seconds += time.monotonic() - started
        if progress is not None:
            progress(state.step, loss)
        if state.step % 20 == 0:
            _log(folder, {"step": state.step, "loss": loss, "seconds": round(state.seconds, 1)})
        if state.step % _CHECKPOINT_EVERY == 0 or state.step == config.total_steps:
            save_checkpoint(checkpoint, identity, state.parts, state.step, state.seconds)
    return state.average.eval()


def _next_step(
    state: _State, synthesisers: Sequence[Synthesiser], config: CompactConfig, device: torch.device
) -> float:
    """Draw the batch of the next step and train on it; a new stage starts from the average."""
    stage, first = stage_of(state.step, config)
    if state.step == first and stage > 0:
        state.network.load_state_dict(state.average.state_dict())
    batch = synthesisers[stage].batch(config.batch_size, seed=config.seed, step=state.step)
    loss = _step(state, batch, config, device)
    state.step += 1
    return loss


def _choose_device(device: str) -> str:
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device


def _network(config: CompactConfig, synthesiser: Synthesiser, start: Path | None) -> CompactUNet:
    """Return the network before the first step, with random weights or those of `start`."""
    torch.manual_seed(config.seed)
    network = CompactUNet(config.widths, config.synthesis.context)
    if start is not None:
        images = synthesiser.batch(config.batch_size, seed=config.seed, step=0).images
        load_exported(network, start, images)
    return network


def _identity(
    config: CompactConfig, subjects: Sequence[TrainingSubject], start: Path | None
) -> str:
    """Return what identifies a training; a checkpoint of a different one is refused."""
    start_sha256 = "" if start is None else file_sha256(start)
    return json.dumps([config.to_dict(), [subject.name for subject in subjects], start_sha256])


def _log(folder: Path, row: dict[str, Any]) -> None:
    with (folder / "log.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(row) + "\n")


def _step(state: _State, batch: Batch, config: CompactConfig, device: torch.device) -> float:
    """Update network, optimiser and average with a batch; return the loss."""
    for group in state.optimiser.param_groups:
        group["lr"] = learning_rate(state.step, config)
    images = batch.images.to(device).contiguous(memory_format=torch.channels_last)
    labels = batch.labels.to(device)
    state.network.train()
    with torch.autocast(device.type, torch.bfloat16, enabled=_half_precision(device)):
        logits = state.network(images)
    loss = segmentation_loss(logits.float(), labels)
    state.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(state.network.parameters(), 5.0)
    state.optimiser.step()
    # In the first steps a slow average would retain the random initial weights.
    decay = min(config.ema_decay, (1 + state.step) / (10 + state.step))
    update_average(state.average, state.network, decay)
    return float(loss.detach())


def _half_precision(device: torch.device) -> bool:
    """Return whether the device has native bfloat16 convolutions; emulated ones are slower."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.cpu._is_avx512_bf16_supported())


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
    step -= first
    warm = max(1, round(0.03 * stage.steps))
    if step < warm:
        return stage.learning_rate * (step + 1) / warm
    part = (step - warm) / max(1, stage.steps - warm)
    return stage.learning_rate * 0.5 * (1 + math.cos(math.pi * part))


def segmentation_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return cross-entropy plus soft Dice loss of the muscles, both over the whole batch.

    Parameters
    ----------
    logits : torch.Tensor
        ``(n, classes, h, w)``.
    labels : torch.Tensor
        ``(n, h, w)``, integers.
    """
    entropy = functional.cross_entropy(logits, labels)
    probabilities = logits.softmax(1)[:, 1:]
    truth = functional.one_hot(labels, logits.shape[1]).permute(0, 3, 1, 2)[:, 1:].float()
    overlap = (probabilities * truth).sum((0, 2, 3))
    total = (probabilities + truth).sum((0, 2, 3))
    dice = (2 * overlap + 1) / (total + 1)
    return entropy + 1 - dice.mean()
