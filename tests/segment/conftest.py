"""The tiny model, the embedded model, and a real image for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lpm_segmentator.core import LabelMap, Volume
from lpm_segmentator.segment import CompactPredictor, embedded_predictor


@pytest.fixture(scope="session")
def tiny(tiny_bytes: bytes) -> CompactPredictor:
    return CompactPredictor(tiny_bytes, refine=False, threads=1)


@pytest.fixture(scope="session")
def embedded() -> CompactPredictor:
    """The embedded model in its fast mode."""
    return embedded_predictor(refine=False, threads=1)


@pytest.fixture(scope="session", params=["fast", "exact"])
def shipped(request: pytest.FixtureRequest, embedded: CompactPredictor) -> CompactPredictor:
    """The embedded model: its first network alone, or both."""
    return embedded if request.param == "fast" else embedded_predictor(threads=1)


Slab = Callable[[int], tuple[Volume, LabelMap]]


@pytest.fixture(scope="session")
def tum_slab(shared_data: Path) -> Slab:
    """A few slices from the middle of TUM01 (water), cut to the back, and their labels."""
    nib = pytest.importorskip("nibabel")
    folder = shared_data / "myosegmentum"

    def cut(count: int) -> tuple[Volume, LabelMap]:
        fat = nib.load(folder / "TUM01_fat_img_img_L2-L5.nii.gz")
        water = nib.load(folder / "TUM01_water_img_img_L2-L5.nii.gz")
        labels = nib.load(folder / "TUM01_fat_manual_label_segmentation_L2-L5.nii.gz")
        start = 14 - count // 2
        box = np.s_[80:320, 120:330, start : start + count]
        affine = fat.affine.copy()
        affine[:3, 3] = fat.affine[:3, :3] @ [80, 120, start] + fat.affine[:3, 3]
        return (
            Volume(np.asarray(water.dataobj)[box], affine),
            LabelMap(np.asarray(labels.dataobj)[box].astype(np.uint8), affine),
        )

    return cut
