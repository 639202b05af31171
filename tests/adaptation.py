"""What the tests of adaptation share: a network small enough to train, and corrected cases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from lpm_segmentator.core import Contrast, DixonPair, LabelMap, Volume
from lpm_segmentator.train.adapt.cases import AdaptCase
from lpm_segmentator.train.adapt.config import AdaptConfig
from lpm_segmentator.train.export import Softmax, export_onnx
from lpm_segmentator.train.network import CompactUNet
from phantoms import labels_of, pair_of, phantom

SPACING_MM = 6.0
#: a few small steps on small samples
QUICK = AdaptConfig(
    steps=3,
    case_samples=2,
    rehearsal_samples=1,
    rehearsal_images=2,
    learning_rate=0.01,
    phantoms=0,
    patch=(32, 40),
    near_patch=(24, 32),
    folds=2,
)


def tiny_base(path: Path, *, seed: int = 0, version: str = "4") -> Path:
    """Write a compact model after a few steps, which its normalisations need to be told apart."""
    torch.manual_seed(seed)
    network = CompactUNet((4, 8))
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(4):
        optimiser.zero_grad()
        network(torch.randn(4, 3, 24, 32) * 2 + 1).square().mean().backward()
        optimiser.step()
    metadata = {
        "name": "tiny",
        "version": version,
        "licence": "Apache-2.0",
        "citation": "nobody",
        "spacing_mm": SPACING_MM,
        "context": 1,
        "multiple": network.multiple,
        "pairs": True,
    }
    export_onnx(
        Softmax(network),
        path,
        channels=3,
        multiple=network.multiple,
        outputs=("probability",),
        metadata=metadata,
    )
    return path


def single(seed: int = 0, case: str = "P0", *, slices: tuple[int, ...] | None = None) -> AdaptCase:
    """Return a T2w case, the water image of a phantom; labelled in some slices only."""
    made = phantom(seed)
    labels = labels_of(made)
    if slices is not None:
        array = np.zeros_like(labels.array)
        array[..., list(slices)] = labels.array[..., list(slices)]
        labels = LabelMap(array, labels.affine)
    image = Volume(made.water, made.affine, contrast=Contrast.T2W)
    return AdaptCase(case, case, image, labels)


def dixon(seed: int = 1, case: str = "P1") -> AdaptCase:
    """Return a Dixon pair with its mask."""
    made = phantom(seed)
    pair = pair_of(made)
    return AdaptCase(case, case, DixonPair(pair.water, pair.fat), labels_of(made))
