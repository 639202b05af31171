from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lpm_segmentator.core.labels import Disc
from lpm_segmentator.core.regions import SliceLevels
from lpm_segmentator.core.volume import DixonPair, LabelMap, Volume

Tum = Callable[[str], tuple[LabelMap, DixonPair]]


@pytest.fixture(scope="session")
def tum(shared_data: Path) -> Tum:
    """Labels and Dixon pair of a real subject; the water file's lost origin is put back."""
    nib = pytest.importorskip("nibabel")
    folder = shared_data / "myosegmentum"

    def load(subject: str) -> tuple[LabelMap, DixonPair]:
        fat = nib.load(folder / f"{subject}_fat_img_img_L2-L5.nii.gz")
        water = nib.load(folder / f"{subject}_water_img_img_L2-L5.nii.gz")
        labels = nib.load(folder / f"{subject}_fat_manual_label_segmentation_L2-L5.nii.gz")
        pair = DixonPair(
            Volume(np.asarray(water.dataobj), fat.affine),
            Volume(np.asarray(fat.dataobj), fat.affine),
        )
        return LabelMap(np.asarray(labels.dataobj), fat.affine), pair

    return load


@pytest.fixture
def blocks() -> tuple[LabelMap, DixonPair]:
    """Four blocks of known size and fat: right ES 0.2, right MF 0.5, left MF 0.5, left ES 0.25."""
    labels = np.zeros((40, 20, 8), np.uint8)
    water, fat = np.zeros(labels.shape), np.zeros(labels.shape)
    for value, i, size, ratio in (
        (1, 2, 10, 0.2),
        (2, 14, 4, 0.5),
        (3, 20, 4, 0.5),
        (4, 28, 8, 0.25),
    ):
        labels[i : i + size, 5:15, 1:7] = value
        fat[i : i + size, 5:15, 1:7] = 100 * ratio
        water[i : i + size, 5:15, 1:7] = 100 * (1 - ratio)
    affine = np.diag([-2.0, -1.0, 5.0, 1.0])
    return LabelMap(labels, affine), DixonPair(Volume(water, affine), Volume(fat, affine))


@pytest.fixture
def levels() -> SliceLevels:
    """L3-L4 to L5-S1 from the top slice down to slice 1."""
    return SliceLevels({Disc.L3_L4: 6, Disc.L4_L5: 4, Disc.L5_S1: 1}, 8)
