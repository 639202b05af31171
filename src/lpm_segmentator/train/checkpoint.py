"""A training that can be cut: its state on the disk, and the moving average of its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from lpm_segmentator.core import InputError
from lpm_segmentator.io import atomic_path

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

__all__ = ["follow", "resume", "save_checkpoint"]


def resume(
    path: Path, identity: str, parts: dict[str, Any], *, device: torch.device | None = None
) -> tuple[int, float]:
    """Load a checkpoint into the parts of a run.

    Parameters
    ----------
    path : Path
    identity : str
        What makes it this run: configuration, subjects, start.
    parts : dict
        Networks and optimiser, whose state is replaced.
    device : torch.device, optional
        Where the state goes; where it was saved from by default.

    Returns
    -------
    tuple of int and float
        Steps done and the seconds they took; zeros where there is no checkpoint.

    Raises
    ------
    InputError
        If the checkpoint is another run's or cannot be read.
    """
    if not path.exists():
        return 0, 0.0
    try:
        saved = torch.load(path, map_location=device, weights_only=True)
        same = saved["identity"] == identity
    # Of a damaged file torch raises whatever its reader stumbles upon.
    except Exception as error:
        raise InputError(
            f"the checkpoint cannot be read ({type(error).__name__})",
            where=path,
            hint="Delete it to train from the first step, or choose another output folder",
        ) from error
    if not same:
        raise InputError(
            "the folder holds another run: its configuration, subjects or start differ",
            where=path.parent,
            hint="Choose another output folder, or delete this one to train anew",
        )
    for name, part in parts.items():
        part.load_state_dict(saved[name])
    return int(saved["step"]), float(saved["seconds"])


def save_checkpoint(
    path: Path, identity: str, parts: dict[str, Any], step: int, seconds: float = 0.0
) -> None:
    """Write what `resume` reads; a run that is cut meanwhile keeps the former one."""
    state = {name: part.state_dict() for name, part in parts.items()}
    with atomic_path(path) as temporary:
        torch.save({"identity": identity, "step": step, "seconds": seconds, **state}, temporary)


def follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move an average of weights towards a network: ``decay`` of it stays."""
    with torch.no_grad():
        for kept, new in zip(
            average.state_dict().values(), network.state_dict().values(), strict=True
        ):
            if kept.dtype.is_floating_point:
                kept.lerp_(new, 1 - decay)
            else:
                kept.copy_(new)
