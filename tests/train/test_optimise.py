"""Steps of the optimiser: the loss, the rate, and the moving average."""

from __future__ import annotations

import pytest
import torch

from lpm_segmentator.train.labelled import IGNORED
from lpm_segmentator.train.optimise import (
    early_decay,
    one_cycle,
    segmentation_loss,
    update,
    update_average,
)


def test_the_loss_is_least_for_the_truth() -> None:
    labels = torch.randint(0, 5, (2, 16, 16), generator=torch.Generator().manual_seed(0))
    truth = torch.nn.functional.one_hot(labels, 5).permute(0, 3, 1, 2).float() * 20
    assert segmentation_loss(truth, labels) < 0.01
    assert segmentation_loss(truth.flip(1), labels) > 1.5
    ignored = labels.clone()
    ignored[:, :8] = IGNORED
    wrong = torch.cat([truth.flip(1)[:, :, :8], truth[:, :, 8:]], 2)
    assert segmentation_loss(wrong, labels) > 1
    assert segmentation_loss(wrong, ignored) < 0.01


def test_the_rate_warms_up_and_falls_to_zero() -> None:
    rates = [one_cycle(step, 100, 3e-3, warm_up=0.04) for step in range(100)]
    assert rates[:4] == pytest.approx([0.75e-3, 1.5e-3, 2.25e-3, 3e-3])
    assert max(rates) == pytest.approx(3e-3)
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert 0 < rates[-1] < 3e-5
    assert one_cycle(0, 1, 3e-3, warm_up=0.04) == 3e-3


def test_the_average_follows_fast_at_first() -> None:
    decays = [early_decay(step, 0.9) for step in range(200)]
    assert decays[0] == pytest.approx(0.1)
    assert decays == sorted(decays)
    assert decays[-1] == 0.9


def test_an_update_has_the_given_rate_and_limits_the_gradient() -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([weight], lr=9.0)
    update(optimiser, (100 * weight).sum(), 0.1)
    assert weight.item() == pytest.approx(-10)
    update(optimiser, (100 * weight).sum(), 0.1, clip=[weight])
    assert weight.item() == pytest.approx(-10.5)


def test_the_average_of_the_weights_copies_counts() -> None:
    average, network = torch.nn.BatchNorm1d(1), torch.nn.BatchNorm1d(1)
    with torch.no_grad():
        network.weight.fill_(3.0)
    network.num_batches_tracked.fill_(7)
    update_average(average, network, 0.75)
    assert average.weight.item() == pytest.approx(1.5)
    assert int(average.num_batches_tracked) == 7
