"""Resumable training: the loop over the steps, with checkpoints on disk."""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any

import torch

from lpm_segmentator.core import InputError, Remedy
from lpm_segmentator.io import atomic_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["run_steps"]

logger = logging.getLogger(__name__)

#: steps between checkpoints
_CHECKPOINT_EVERY = 20
#: steps between lines of the log
_LOG_EVERY = 20


def run_steps(
    take: Callable[[int], float],
    steps: int,
    path: Path,
    identity: str,
    parts: dict[str, Any],
    *,
    device: torch.device | None = None,
    progress: Callable[[int, float], None] | None = None,
    log: Path | None = None,
) -> None:
    """Take the steps of a training that are not done yet, with a checkpoint every 20 steps.

    Parameters
    ----------
    take : callable
        Takes the step of a number from 0 and returns its loss.
    steps : int
        Length of the training.
    path : Path
        The checkpoint.
    identity : str
        Configuration, subjects and start; a checkpoint with a different identity is refused.
    parts : dict
        Networks and optimiser, whose states the checkpoint holds.
    device : torch.device, optional
        Where the states are loaded to; by default the device they were saved from.
    progress : callable, optional
        Called with the number of completed steps and the loss after each step.
    log : Path, optional
        Gets a line of JSON every 20 steps.

    Raises
    ------
    InputError
        If the checkpoint belongs to a different run or cannot be read.
    OutputError
        If the checkpoint cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    step, seconds = _resume(path, identity, parts, device=device)
    if step:
        logger.info("resumed at step %d", step)
    while step < steps:
        started = time.monotonic()
        loss = take(step)
        seconds += time.monotonic() - started
        step += 1
        if progress is not None:
            progress(step, loss)
        if log is not None and step % _LOG_EVERY == 0:
            row = {"step": step, "loss": loss, "seconds": round(seconds, 1)}
            with log.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(row) + "\n")
        if step % _CHECKPOINT_EVERY == 0 or step == steps:
            _save(path, identity, parts, step, seconds)


def _resume(
    path: Path, identity: str, parts: dict[str, Any], *, device: torch.device | None
) -> tuple[int, float]:
    """Load a checkpoint; return the completed steps and the seconds they took, 0 without one."""
    if not path.exists():
        return 0, 0.0
    try:
        saved = torch.load(path, map_location=device, weights_only=True)
        same = saved["identity"] == identity
    # torch raises errors of many types for a damaged file.
    except Exception as error:
        raise InputError(
            f"the checkpoint cannot be read ({type(error).__name__})",
            where=path,
            hint="Delete it to train from the first step, or use another output folder "
            f"({Remedy.OUTPUT})",
            remedy=Remedy.OUTPUT,
        ) from error
    if not same:
        raise InputError(
            "the folder holds another run: its configuration, subjects or start differ",
            where=path.parent,
            hint=f"Use another output folder ({Remedy.OUTPUT}), or delete this one to start again",
            remedy=Remedy.OUTPUT,
        )
    for name, part in parts.items():
        part.load_state_dict(saved[name])
    return int(saved["step"]), float(saved["seconds"])


def _save(path: Path, identity: str, parts: dict[str, Any], step: int, seconds: float) -> None:
    """Write a checkpoint; if interrupted, the previous one is kept."""
    state = {name: part.state_dict() for name, part in parts.items()}
    with atomic_path(path) as temporary:
        torch.save({"identity": identity, "step": step, "seconds": seconds, **state}, temporary)
