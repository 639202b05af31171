"""Train the network that names discs by their surroundings: seeded, checkpointed, resumable."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from lpm_segmentator.core import Disc
from lpm_segmentator.levels.patches import PATCH_CHANNELS, PATCH_PIXELS
from lpm_segmentator.train.export import Softmax, export_onnx
from lpm_segmentator.train.levels_train import resume, save_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

__all__ = ["NamingConfig", "NamingNetwork", "SubjectPatches", "export_naming", "train_naming"]

#: thoracic, the five lumbar discs, within the sacrum
CLASSES = len(Disc) + 2
_CHECKPOINT_EVERY = 100


@dataclass(frozen=True)
class NamingConfig:
    """A training of the naming network; every number that decides its outcome."""

    patches_each: int = 100
    steps: int = 700
    batch_size: int = 64
    spin_echo_share: float = 0.4
    learning_rate: float = 3e-3
    weight_decay: float = 2e-2
    smoothing: float = 0.05
    seed: int = 6


@dataclass(frozen=True, eq=False)
class SubjectPatches:
    """Patches ``(n, 4, 48, 48)`` of a subject and their classes ``(n,)``."""

    name: str
    patches: npt.NDArray[np.float16]
    classes: npt.NDArray[np.int64]


class NamingNetwork(nn.Module):
    """Five layers from a patch to the scores of the classes."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_block(PATCH_CHANNELS, 24, kernel=5, stride=2),
            *_block(24, 48),
            nn.MaxPool2d(2),
            *_block(48, 96),
            nn.MaxPool2d(2),
            *_block(96, 128, stride=2),
            nn.Flatten(),
            nn.Dropout(0.4),
            nn.Linear(128 * (PATCH_PIXELS // 16) ** 2, CLASSES),
        )

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """Return scores ``(n, classes)``."""
        scores: torch.Tensor = self.layers(patches)
        return scores


def _block(inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]


def train_naming(
    names: list[str],
    patches_of: Callable[[str], SubjectPatches],
    config: NamingConfig,
    path: Path,
    *,
    progress: Callable[[int, float], None] | None = None,
) -> NamingNetwork:
    """Train on the CPU; the run is kept in the checkpoint at `path` and goes on from there.

    Parameters
    ----------
    names : list of str
        The subjects.
    patches_of : callable
        Gives a subject's patches; not asked if the checkpoint's run is over.
    config : NamingConfig
    path : Path
    progress : callable, optional
        Called with the step and the loss.

    Raises
    ------
    ValueError
        If the checkpoint is that of another configuration or other subjects.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(config.seed)
    network = NamingNetwork().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    parts = {"network": network, "optimiser": optimiser}
    identity = json.dumps([dataclasses.asdict(config), names])
    step = resume(path, identity, parts)
    subjects = [patches_of(name) for name in names] if step < config.steps else []
    while step < config.steps:
        for group in optimiser.param_groups:
            warm = min(1.0, (step + 1) / 50)
            cosine = 0.5 * (1 + math.cos(math.pi * step / config.steps))
            group["lr"] = config.learning_rate * warm * cosine
        patches, classes = _batch(subjects, config, step)
        torch.manual_seed(config.seed * 1_000_003 + step)  # what dropout leaves out
        loss = nn.functional.cross_entropy(
            network.train()(patches), classes, label_smoothing=config.smoothing
        )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        step += 1
        if progress is not None:
            progress(step, float(loss.detach()))
        if step % _CHECKPOINT_EVERY == 0 or step == config.steps:
            save_checkpoint(path, identity, parts, step)
    trained: NamingNetwork = network.eval()
    return trained


def _batch(
    subjects: list[SubjectPatches], config: NamingConfig, step: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return patches and classes of a step; spin echo, of which there is less, is drawn often."""
    random = np.random.default_rng([config.seed, step])
    sorts = {
        echo: [s for s in subjects if ("spinecho" in s.name) is echo] for echo in (True, False)
    }
    patches, classes = [], []
    for _ in range(config.batch_size):
        chosen = sorts[bool(random.random() < config.spin_echo_share)] or subjects
        subject = chosen[random.integers(len(chosen))]
        index = random.integers(len(subject.classes))
        patches.append(subject.patches[index])
        classes.append(subject.classes[index])
    images = torch.from_numpy(np.stack(patches)).float()
    return images.contiguous(memory_format=torch.channels_last), torch.tensor(classes)


def export_naming(network: NamingNetwork, path: Path, metadata: dict[str, Any]) -> None:
    """Write the network as ONNX: input ``image`` (n, 4, 48, 48), output ``names`` (n, 7)."""
    export_onnx(
        Softmax(network),
        path,
        channels=PATCH_CHANNELS,
        size=(PATCH_PIXELS, PATCH_PIXELS),
        output="names",
        metadata=metadata,
    )
