"""Contrast and slice thickness of training images."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch

from lpm_segmentator.train.draw import Draw
from lpm_segmentator.train.levels.acquisition import change_contrast, thick_slices


@pytest.mark.parametrize("seed", range(8))
def test_air_stays_dark_under_any_contrast(seed: int) -> None:
    image = torch.rand(40, 40, generator=torch.Generator().manual_seed(seed)) + 0.5
    image[:10] = 0
    changed = change_contrast(image, Draw(seed))
    assert changed.isfinite().all()
    assert float(changed[:10].abs().max()) == 0
    assert float(changed[10:].max()) > 0
    assert torch.equal(changed, change_contrast(image, Draw(seed)))


def test_thick_slices_average_the_rows() -> None:
    image = torch.arange(12.0).repeat(2, 5, 1).mT.contiguous()
    thick = thick_slices(image, 3)
    assert thick.shape == image.shape
    assert float(thick.mean()) == pytest.approx(float(image.mean()))
    assert float(thick.min()) == pytest.approx(1.5)
    assert float(thick.max()) == pytest.approx(9.5)
