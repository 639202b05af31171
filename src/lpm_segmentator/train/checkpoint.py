"""Resumable training: checkpoints on disk, and the moving average of the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from lpm_segmentator.core import InputError, Remedy
from lpm_segmentator.io import atomic_path

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

__all__ = ["resume", "save_checkpoint", "update_average"]


def resume(
    path: Path, identity: str, parts: dict[str, Any], *, device: torch.device | None = None
) -> tuple[int, float]:
    """Load a checkpoint into the parts of a run.

    Parameters
    ----------
    path : Path
    identity : str
        Configuration, subjects and start; a checkpoint with a different identity is refused.
    parts : dict
        Networks and optimiser, whose states are replaced.
    device : torch.device, optional
        Where the states are loaded to; by default the device they were saved from.

    Returns
    -------
    step : int
        Completed steps; 0 if there is no checkpoint.
    seconds : float
        Time they took.

    Raises
    ------
    InputError
        If the checkpoint belongs to a different run or cannot be read.
    """
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


def save_checkpoint(
    path: Path, identity: str, parts: dict[str, Any], step: int, seconds: float = 0.0
) -> None:
    """Write a checkpoint for `resume`; if interrupted, the previous checkpoint is kept.

    Parameters
    ----------
    path : Path
    identity : str
        See `resume`.
    parts : dict
        Networks and optimiser.
    step : int
        Completed steps.
    seconds : float
        Time they took.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    state = {name: part.state_dict() for name, part in parts.items()}
    with atomic_path(path) as temporary:
        torch.save({"identity": identity, "step": step, "seconds": seconds, **state}, temporary)


def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Update an exponential moving average of the weights, in place.

    Parameters
    ----------
    average : torch.nn.Module
        Becomes ``decay * average + (1 - decay) * network``; integer states are copied.
    network : torch.nn.Module
    decay : float
        0 to 1.
    """
    with torch.no_grad():
        for kept, new in zip(
            average.state_dict().values(), network.state_dict().values(), strict=True
        ):
            if kept.dtype.is_floating_point:
                kept.lerp_(new, 1 - decay)
            else:
                kept.copy_(new)
