"""Fat in the muscles: where it is added, and what stays unchanged."""

from __future__ import annotations

import pytest
import torch

from lpm_segmentator.train.draw import Draw, blur
from lpm_segmentator.train.synthesis.infiltration import infiltrate, wrap_in_fascia
from lpm_segmentator.train.synthesis.tissue import Tissue


@pytest.fixture
def back() -> Tissue:
    """Four boxes of muscle in fat, at 1 mm: ES right, MF right, MF left, ES left."""
    marks = torch.zeros(1, 90, 140, dtype=torch.long)
    for value, columns in enumerate(((15, 45), (45, 65), (75, 95), (95, 125)), 1):
        marks[:, 30:70, columns[0] : columns[1]] = value
    classes = torch.stack([(marks == value).float() for value in range(5)])
    muscle = (marks > 0).float()
    return Tissue(0.9 * muscle + 0.1, 0.9 * (1 - muscle), classes)


def test_infiltration_adds_fat_only_to_muscle(back: Tissue) -> None:
    after = infiltrate(back, Draw(4))
    far = blur(back.classes[0], 3.0) > 0.999
    torch.testing.assert_close(after.fat[far], back.fat[far], atol=2e-2, rtol=0)
    muscle = back.muscle > 0.5
    assert after.fat[muscle].sum() > back.fat[muscle].sum()
    assert after.water[muscle].sum() < back.water[muscle].sum()


def test_atrophy_starts_anteriorly(back: Tissue) -> None:
    fat = sum(infiltrate(back, Draw(seed), atrophy=1.0).fat for seed in range(30)) / 30
    without = sum(infiltrate(back, Draw(seed)).fat for seed in range(30)) / 30
    gain = fat - without
    muscle = back.muscle[0] > 0.5
    rows = torch.arange(90).view(-1, 1).expand(90, 140)
    front, rear = muscle & (rows < 40), muscle & (rows > 58)
    assert gain[0][front].mean() > 2 * gain[0][rear].mean()
    assert gain[0][front].mean() > 0.05


def test_fascia_darkens_only_the_border(back: Tissue) -> None:
    after = wrap_in_fascia(back, Draw(1))
    before_sum, after_sum = back.water + back.fat, after.water + after.fat
    assert after_sum[0, 50, 14:16].mean() < 0.85 * before_sum[0, 50, 14:16].mean()
    torch.testing.assert_close(after_sum[0, 50, 25:35], before_sum[0, 50, 25:35])
    torch.testing.assert_close(after_sum[0, :20], before_sum[0, :20])


def test_streaks_are_fat_in_thin_lines(back: Tissue) -> None:
    def detail(streaks: float) -> tuple[float, float]:
        """Return the fat within the muscles, and the part of it finer than 2 mm."""
        fats = [infiltrate(back, Draw(seed), streaks=streaks).fat for seed in range(20)]
        inside = blur(back.muscle, 3.0)[0] > 0.999
        fine = [(fat - blur(fat, 2.0))[0][inside].abs().mean() for fat in fats]
        return float(sum(fat[0][inside].mean() for fat in fats)), float(sum(fine))

    (fat, fine), (streaked_fat, streaked_fine) = detail(0.0), detail(1.0)
    assert streaked_fat > fat
    assert streaked_fine > 1.3 * fine
