"""The loss is that of the labels which the predictor assigns; training is exact and resumable."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from adaptation import QUICK, dixon, single
from lpm_segmentator.segment import WIDE_BOUNDARY, load_compact
from lpm_segmentator.train.adapt.config import AdaptConfig
from lpm_segmentator.train.adapt.rehearsal import Rehearsal
from lpm_segmentator.train.adapt.samples import slices_of
from lpm_segmentator.train.adapt.training import (
    Batch,
    Sources,
    adapt_network,
    adaptation_loss,
    judged,
)
from lpm_segmentator.train.labelled import IGNORED
from training import InterruptError, interrupt_at


@pytest.fixture(scope="module")
def sources(base):
    spec = load_compact(base).spec
    noise = torch.Generator().manual_seed(0)
    images = [torch.rand(2, 3, *size, generator=noise) for size in ((24, 32), (32, 40))]
    return Sources(
        [slices_of(case, spec) for case in (single(), dixon())], Rehearsal(*images), spec
    )


def test_what_is_judged_is_what_the_predictor_labels():
    logits = 3 * torch.randn(2, 5, 20, 24, generator=torch.Generator().manual_seed(1))
    wide = torch.tensor([True, False])
    result = judged(logits, wide, 1.25)
    probabilities = logits[0].softmax(0).numpy()
    smooth = WIDE_BOUNDARY.smooth(probabilities, 1.25)
    expected = WIDE_BOUNDARY.label(smooth)
    assert np.mean(result[0].argmax(0).numpy() == expected) > 0.99  # kernels end elsewhere
    assert np.mean(logits[0].argmax(0).numpy() == expected) < 0.9
    assert torch.equal(result[1], logits[1])


def test_ignored_pixels_do_not_count():
    noise = torch.Generator().manual_seed(2)
    logits = torch.randn(1, 5, 8, 8, generator=noise)
    labels = torch.randint(5, (1, 8, 8), generator=noise)
    labels[:, :, 4:] = IGNORED
    config = dataclasses.replace(QUICK, distillation_weight=0.0)

    def loss(values: torch.Tensor) -> float:
        batch = Batch(values, labels, torch.tensor([False]), 1.25)
        return float(adaptation_loss(values, values.softmax(1), batch, config))

    other = logits.clone()
    other[..., 4:] = 7 * torch.randn(1, 5, 8, 4, generator=noise)
    assert loss(other) == pytest.approx(loss(logits))
    other[..., :4] += torch.randn(1, 5, 8, 4, generator=noise)
    assert loss(other) != pytest.approx(loss(logits))


def test_departing_from_the_base_costs_on_rehearsal_samples():
    noise = torch.Generator().manual_seed(3)
    logits = torch.randn(2, 5, 8, 8, generator=noise)
    labels = torch.randint(5, (1, 8, 8), generator=noise)
    batch = Batch(logits, labels, torch.tensor([False]), 1.25)
    same = adaptation_loss(logits, logits.softmax(1), batch, QUICK)
    expected = logits.clone()
    expected[1] = torch.randn(5, 8, 8, generator=noise)
    assert adaptation_loss(logits, expected.softmax(1), batch, QUICK) > same + 0.1


def test_an_interrupted_training_gives_the_same_weights(base, sources, tmp_path):
    config = dataclasses.replace(QUICK, steps=24)
    assert config.steps < AdaptConfig().steps
    whole = adapt_network(base, sources, config, tmp_path / "whole", identity="x")

    def parts(progress):
        return adapt_network(
            base, sources, config, tmp_path / "parts", identity="x", progress=progress
        )

    with pytest.raises(InterruptError):
        parts(interrupt_at(22))
    steps = []
    resumed = parts(lambda step, _: steps.append(step))
    assert steps == [21, 22, 23, 24]
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)


def test_without_a_step_the_network_gives_the_output_of_the_base(base, sources, tmp_path):
    still = dataclasses.replace(QUICK, steps=1, learning_rate=1e-12)
    network = adapt_network(base, sources, still, tmp_path, identity="x")
    stack = np.random.default_rng(0).random((1, 3, 24, 32), np.float32)
    expected = load_compact(base, refine=False).probabilities(stack)
    with torch.no_grad():
        actual = network(torch.from_numpy(stack)).softmax(1).numpy()
    np.testing.assert_allclose(actual, expected, atol=1e-4)


def test_training_lowers_the_error_on_the_cases(base, sources, tmp_path):
    config = dataclasses.replace(QUICK, steps=40)
    losses = []
    adapt_network(
        base, sources, config, tmp_path, identity="x", progress=lambda _, loss: losses.append(loss)
    )
    assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:5])
