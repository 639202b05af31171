"""Train the network that names and centres discs: seeded, checkpointed, resumable."""

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
from lpm_segmentator.train.checkpoint import resume, save_checkpoint
from lpm_segmentator.train.export import export_onnx
from lpm_segmentator.train.levels_patches import SubjectPatches

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["NamingConfig", "NamingNetwork", "export_naming", "train_naming"]

#: thoracic, the five lumbar discs, within the sacrum
CLASSES = len(Disc) + 2
#: an error of so many mm, and of so many radians, weighs as much as one of 1 in the logarithm of
#: a name's probability
_PLACE_SCALE = (10.0, 5.0, 5.0, 0.3)
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


class NamingNetwork(nn.Module):
    """A few layers from a patch to the scores of the classes and to the place of the disc."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Sequential(
            *_block(PATCH_CHANNELS, 24, kernel=5, stride=2),
            *_block(24, 48),
            nn.MaxPool2d(2),
            *_block(48, 96),
        )
        self.name = nn.Sequential(
            nn.MaxPool2d(2),
            *_block(96, 128, stride=2),
            nn.Flatten(),
            nn.Dropout(0.4),
            nn.Linear(128 * (PATCH_PIXELS // 16) ** 2, CLASSES),
        )
        # A place needs to know where in the patch things are: it is read off the finer grid.
        self.place = nn.Sequential(
            *_block(96, 64, stride=2),
            *_block(64, 24, kernel=1),
            nn.Flatten(),
            nn.Linear(24 * (PATCH_PIXELS // 8) ** 2, 64),
            nn.ReLU(),
            nn.Linear(64, len(_PLACE_SCALE)),
        )

    def forward(self, patches: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return scores ``(n, classes)`` and places ``(n, 4)`` as `SubjectPatches` has them."""
        seen = self.shared(patches)
        return self.name(seen), self.place(seen) * torch.tensor(_PLACE_SCALE)


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
    InputError
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
    step, _ = resume(path, identity, parts)
    subjects = [patches_of(name) for name in names] if step < config.steps else []
    while step < config.steps:
        for group in optimiser.param_groups:
            warm = min(1.0, (step + 1) / 50)
            cosine = 0.5 * (1 + math.cos(math.pi * step / config.steps))
            group["lr"] = config.learning_rate * warm * cosine
        batch = _batch(subjects, config, step)
        torch.manual_seed(config.seed * 1_000_003 + step)  # what dropout leaves out
        loss = _loss(network.train(), *batch, smoothing=config.smoothing)
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


def _loss(
    network: NamingNetwork,
    patches: torch.Tensor,
    classes: torch.Tensor,
    places: torch.Tensor,
    *,
    smoothing: float,
) -> torch.Tensor:
    """Return the cross-entropy of the names and the distance of the places that are labelled."""
    scores, found = network(patches)
    entropy = nn.functional.cross_entropy(scores, classes, label_smoothing=smoothing)
    known = places.isfinite().all(1)
    off = (found - places)[known].abs() / torch.tensor(_PLACE_SCALE)
    loss: torch.Tensor = entropy + off.sum() / max(1, len(places))
    return loss


def _batch(
    subjects: list[SubjectPatches], config: NamingConfig, step: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return patches, classes and places; spin echo, of which there is less, is drawn often."""
    random = np.random.default_rng([config.seed, step])
    sorts = {
        echo: [s for s in subjects if ("spinecho" in s.name) is echo] for echo in (True, False)
    }
    patches, classes, places = [], [], []
    for _ in range(config.batch_size):
        chosen = sorts[bool(random.random() < config.spin_echo_share)] or subjects
        subject = chosen[random.integers(len(chosen))]
        index = random.integers(len(subject.classes))
        patches.append(subject.patches[index])
        classes.append(subject.classes[index])
        places.append(subject.places[index])
    images = torch.from_numpy(np.stack(patches)).float()
    images = images.contiguous(memory_format=torch.channels_last)
    return images, torch.tensor(classes), torch.from_numpy(np.stack(places))


class _Answer(nn.Module):
    """The network with probabilities for scores."""

    def __init__(self, network: NamingNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        scores, places = self.network(image)
        return scores.softmax(1), places


def export_naming(network: NamingNetwork, path: Path, metadata: dict[str, Any]) -> None:
    """Write the network as ONNX.

    Input ``image`` (n, 4, 48, 48), outputs ``names`` (n, 7) and ``places`` (n, 4).
    """
    export_onnx(
        _Answer(network),
        path,
        channels=PATCH_CHANNELS,
        size=(PATCH_PIXELS, PATCH_PIXELS),
        outputs=("names", "places"),
        metadata=metadata,
    )
