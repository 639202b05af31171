"""Train the compact model: seeded, checkpointed, resumable, on a CPU or a GPU."""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from .checkpoint import follow, resume, save_checkpoint
from .network import CompactUNet
from .synthesis import Batch, Synthesiser
from .warm_start import load_exported

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from .config import CompactConfig
    from .subjects import TrainingSubject

logger = logging.getLogger(__name__)

#: steps between checkpoints
_CHECKPOINT_EVERY = 100


@dataclass
class _State:
    """What a checkpoint holds."""

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
        """What has a state of its own."""
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
    """Train a network and return the moving average of its weights, ready for export.

    The run is checkpointed in ``folder`` (``checkpoint.pt``, ``log.jsonl``) and goes on from there
    when it is called again with the same configuration, subjects and start.

    Parameters
    ----------
    subjects : sequence of TrainingSubject
        The labelled pairs.
    config : CompactConfig
        Every number that decides the outcome.
    folder : Path
        Where the run keeps its state.
    device : str
        ``"auto"`` (a GPU where there is one), ``"cpu"`` or ``"cuda"``.
    start : Path, optional
        An exported compact model to go on from, instead of random weights.
    progress : callable, optional
        Called with the step and the loss after each step.

    Raises
    ------
    InputError
        If the folder holds another run, or its checkpoint cannot be read.
    """
    target = torch.device(_choose_device(device))
    folder.mkdir(parents=True, exist_ok=True)
    drawings = [Synthesiser(subjects, stage.synthesis) for stage in config.stages]
    network = _network(config)
    if start is not None:
        images = drawings[0].batch(config.batch_size, seed=config.seed, step=0).images
        load_exported(network, start, images)
    state = _State.of(network, config, target)
    checkpoint, identity = folder / "checkpoint.pt", _identity(config, subjects, start)
    state.step, state.seconds = resume(checkpoint, identity, state.parts, device=target)
    if state.step:
        logger.info("resumed at step %d", state.step)
    while state.step < config.total_steps:
        started = time.monotonic()
        stage, first = stage_of(state.step, config)
        if state.step == first and stage > 0:
            state.network.load_state_dict(state.average.state_dict())
        batch = drawings[stage].batch(config.batch_size, seed=config.seed, step=state.step)
        loss = _step(state, batch, config, target)
        state.step += 1
        state.seconds += time.monotonic() - started
        if progress is not None:
            progress(state.step, loss)
        if state.step % 20 == 0:
            _log(folder, {"step": state.step, "loss": loss, "seconds": round(state.seconds, 1)})
        if state.step % _CHECKPOINT_EVERY == 0 or state.step == config.total_steps:
            save_checkpoint(checkpoint, identity, state.parts, state.step, state.seconds)
    return state.average.eval()


def _choose_device(device: str) -> str:
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device


def _network(config: CompactConfig) -> CompactUNet:
    torch.manual_seed(config.seed)
    return CompactUNet(config.widths, config.synthesis.context)


def _identity(
    config: CompactConfig, subjects: Sequence[TrainingSubject], start: Path | None
) -> str:
    """Return what makes a run the same run."""
    begun = "" if start is None else hashlib.sha256(start.read_bytes()).hexdigest()
    return json.dumps([config.to_dict(), [subject.name for subject in subjects], begun])


def _log(folder: Path, row: dict[str, Any]) -> None:
    with (folder / "log.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(row) + "\n")


def _step(state: _State, batch: Batch, config: CompactConfig, device: torch.device) -> float:
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
    # Early on a long memory would hold the random start.
    decay = min(config.ema_decay, (1 + state.step) / (10 + state.step))
    follow(state.average, state.network, decay)
    return float(loss.detach())


def _half_precision(device: torch.device) -> bool:
    """Whether bfloat16 convolutions are native here; emulated ones would be slower."""
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
    raise ValueError(f"the training has {first} steps, step {step} is beyond")


def learning_rate(step: int, config: CompactConfig) -> float:
    """Return the rate of a step: in each stage linear warm-up over 3 %, then a cosine to zero."""
    index, first = stage_of(step, config)
    stage = config.stages[index]
    step -= first
    warm = max(1, round(0.03 * stage.steps))
    if step < warm:
        return stage.learning_rate * (step + 1) / warm
    part = (step - warm) / max(1, stage.steps - warm)
    return stage.learning_rate * 0.5 * (1 + math.cos(math.pi * part))


def segmentation_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return cross-entropy plus soft Dice of the muscles, both over the whole batch.

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
