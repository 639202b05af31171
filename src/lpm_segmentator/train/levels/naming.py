"""Training of the network that names and centres discs: seeded and resumable, on the CPU."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from lpm_segmentator.core import Disc
from lpm_segmentator.levels.patches import PATCH_CHANNELS, PATCH_PIXELS
from lpm_segmentator.train.checkpoint import run_steps
from lpm_segmentator.train.export import export_onnx
from lpm_segmentator.train.levels.subjects import KIND_SHARES, subjects_by_kind
from lpm_segmentator.train.optimise import update

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lpm_segmentator.train.levels.config import NamingConfig
    from lpm_segmentator.train.levels.patches import SubjectPatches

__all__ = ["NamingNetwork", "export_naming", "train_naming"]

#: thoracic, the five lumbar discs, within the sacrum
CLASSES = len(Disc) + 2
#: errors of the position (mm) and the angle (radians) that weigh as much as 1 in the cross-entropy
_PLACE_SCALE = (10.0, 5.0, 5.0, 0.3)


class NamingNetwork(nn.Module):
    """A small convolutional network from a patch to class scores and the position of the disc."""

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
        # The position needs spatial detail: this branch keeps a finer grid.
        self.place = nn.Sequential(
            *_block(96, 64, stride=2),
            *_block(64, 24, kernel=1),
            nn.Flatten(),
            nn.Linear(24 * (PATCH_PIXELS // 8) ** 2, 64),
            nn.ReLU(),
            nn.Linear(64, len(_PLACE_SCALE)),
        )

    def forward(self, patches: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return scores ``(n, classes)`` and places ``(n, 4)``, as defined in `SubjectPatches`."""
        features = self.shared(patches)
        return self.name(features), self.place(features) * torch.tensor(_PLACE_SCALE)


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
    """Train a network; the state is kept at `path`, and an interrupted training is resumed.

    Parameters
    ----------
    names : list of str
        The subjects.
    patches_of : callable
        Returns the patches of a subject; not called if the training is complete.
    config : NamingConfig
    path : Path
        The checkpoint.
    progress : callable, optional
        Called with the step and the loss.

    Returns
    -------
    NamingNetwork
        In evaluation mode, ready for export.

    Raises
    ------
    InputError
        If the checkpoint has a different configuration or different subjects.
    """
    torch.manual_seed(config.seed)
    network = NamingNetwork().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    subjects: list[SubjectPatches] = []

    def take(step: int) -> float:
        if not subjects:
            subjects.extend(patches_of(name) for name in names)
        batch = _batch(subjects, config, step)
        torch.manual_seed(config.seed * 1_000_003 + step)  # the seed of dropout
        loss = _loss(network.train(), *batch, smoothing=config.smoothing)
        update(optimiser, loss, _rate(step, config))
        return float(loss.detach())

    run_steps(
        take,
        config.steps,
        path,
        json.dumps([dataclasses.asdict(config), names]),
        {"network": network, "optimiser": optimiser},
        progress=progress,
    )
    trained: NamingNetwork = network.eval()
    return trained


def _rate(step: int, config: NamingConfig) -> float:
    """Return the learning rate: a cosine to 0 with a warm-up over 50 steps."""
    warm = min(1.0, (step + 1) / 50)
    cosine = 0.5 * (1 + math.cos(math.pi * step / config.steps))
    return config.learning_rate * warm * cosine


def _loss(
    network: NamingNetwork,
    patches: torch.Tensor,
    classes: torch.Tensor,
    places: torch.Tensor,
    *,
    smoothing: float,
) -> torch.Tensor:
    """Return the cross-entropy of the names plus the scaled error of the labelled places."""
    scores, predicted = network(patches)
    entropy = nn.functional.cross_entropy(scores, classes, label_smoothing=smoothing)
    error = ((predicted - places) / torch.tensor(_PLACE_SCALE))[places.isfinite()].abs()
    loss: torch.Tensor = entropy + error.sum() / max(1, len(places))
    return loss


def _batch(
    subjects: list[SubjectPatches], config: NamingConfig, step: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return patches, classes and places; each kind of subject is drawn by its share."""
    random = np.random.default_rng([config.seed, step])
    by_kind = list(subjects_by_kind(subjects).items())
    shares = np.array([KIND_SHARES[kind] for kind, _ in by_kind])
    patches, classes, places = [], [], []
    for _ in range(config.batch_size):
        _, candidates = by_kind[int(random.choice(len(by_kind), p=shares / shares.sum()))]
        subject = candidates[random.integers(len(candidates))]
        index = random.integers(len(subject.classes))
        patches.append(subject.patches[index])
        classes.append(subject.classes[index])
        places.append(subject.places[index])
    images = torch.from_numpy(np.stack(patches)).float()
    images = images.contiguous(memory_format=torch.channels_last)
    return images, torch.tensor(classes), torch.from_numpy(np.stack(places))


class _Probabilities(nn.Module):
    """The network with probabilities instead of scores."""

    def __init__(self, network: NamingNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        scores, places = self.network(image)
        return scores.softmax(1), places


def export_naming(network: NamingNetwork, path: Path, metadata: dict[str, Any]) -> None:
    """Write the network as ONNX.

    The input is ``image`` (n, 4, 48, 48), the outputs are ``names`` (n, 7), probabilities, and
    ``places`` (n, 4).
    """
    export_onnx(
        _Probabilities(network),
        path,
        channels=PATCH_CHANNELS,
        size=(PATCH_PIXELS, PATCH_PIXELS),
        outputs=("names", "places"),
        metadata=metadata,
    )
