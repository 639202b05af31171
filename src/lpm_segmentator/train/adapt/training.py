"""The training of one network: the user's cases, and rehearsal of what the base knows."""

from __future__ import annotations

import copy
import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from lpm_segmentator.segment import WIDE_BOUNDARY
from lpm_segmentator.train.adapt.samples import draw_sample
from lpm_segmentator.train.checkpoint import run_steps
from lpm_segmentator.train.compact.warm_start import exported_widths, load_exported
from lpm_segmentator.train.draw import Draw, blur
from lpm_segmentator.train.network import CompactUNet
from lpm_segmentator.train.optimise import Averaged, one_cycle, segmentation_loss

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from lpm_segmentator.segment.compact import CompactSpec
    from lpm_segmentator.train.adapt.config import AdaptConfig
    from lpm_segmentator.train.adapt.rehearsal import Rehearsal
    from lpm_segmentator.train.adapt.samples import CaseSlices

__all__ = ["CHECKPOINT", "Batch", "Sources", "adapt_network", "adaptation_loss", "judged"]

#: file with the state of a training, in its folder
CHECKPOINT = "checkpoint.pt"

_WARM_UP = 0.1


@dataclass(frozen=True, eq=False)
class Sources:
    """What the samples of an adaptation are drawn from.

    Attributes
    ----------
    cases : sequence of CaseSlices
        The user's.
    rehearsal : Rehearsal
    spec : CompactSpec
        Of the network.
    """

    cases: Sequence[CaseSlices]
    rehearsal: Rehearsal
    spec: CompactSpec


@dataclass(frozen=True, eq=False)
class Batch:
    """The samples of a step: the user's first, then those of the rehearsal.

    Attributes
    ----------
    images : torch.Tensor
        ``(n, 2 * context + 1, h, w)``.
    labels : torch.Tensor
        ``(m, h, w)``, of the user's samples; 255 is ignored.
    wide : torch.Tensor
        ``(m,)``, bool: whether the wide decision boundary applies.
    spacing_mm : float
        In-plane.
    """

    images: torch.Tensor
    labels: torch.Tensor
    wide: torch.Tensor
    spacing_mm: float


def adapt_network(
    base: Path,
    sources: Sources,
    config: AdaptConfig,
    folder: Path,
    *,
    identity: str,
    progress: Callable[[int, float], None] | None = None,
) -> CompactUNet:
    """Train an exported network further on the user's cases.

    The state is kept in ``checkpoint.pt`` and ``log.jsonl`` of `folder`; an interrupted training is
    resumed by the same call. The normalisations keep the statistics with which the network gives
    the output of the base: they do not depend on the few images of a batch.

    Parameters
    ----------
    base : Path
        The exported network.
    sources : Sources
    config : AdaptConfig
    folder : Path
    identity : str
        What identifies the training; a checkpoint of a different one is refused.
    progress : callable, optional
        Called with the step and the loss after each step.

    Returns
    -------
    CompactUNet
        The moving average of the weights, in evaluation mode.

    Raises
    ------
    LpmError
        If the base cannot be trained further, or the folder holds a different run.
    """
    network = CompactUNet(exported_widths(base), sources.spec.context)
    load_exported(network, base, _batch(sources, config, 0).images)
    network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    teacher = copy.deepcopy(network).requires_grad_(False)
    state = Averaged(network, weight_decay=0.0, decay=config.ema_decay)
    run_steps(
        functools.partial(_take, state, teacher, sources, config),
        config.steps,
        folder / CHECKPOINT,
        identity,
        state.parts,
        progress=progress,
        log=folder / "log.jsonl",
    )
    return state.average.eval()


def _take(
    state: Averaged[CompactUNet],
    teacher: CompactUNet,
    sources: Sources,
    config: AdaptConfig,
    step: int,
) -> float:
    batch = _batch(sources, config, step)
    images = batch.images.contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        expected = teacher(images).softmax(1)
    loss = adaptation_loss(state.network(images), expected, batch, config)
    rate = one_cycle(step, config.steps, config.learning_rate, warm_up=_WARM_UP)
    return state.update(loss, rate, step)


def _batch(sources: Sources, config: AdaptConfig, step: int) -> Batch:
    """Return the batch of a step; the same seed and step give the same batch."""
    count = config.case_samples + config.rehearsal_samples
    start = (config.seed * 1_000_003 + step) * 1_009
    patch = config.near_patch if Draw(start + count).chance(config.near_share) else config.patch
    spacing = sources.spec.spacing_mm
    drawn = [
        draw_sample(sources.cases, Draw(start + index), patch, spacing, config)
        for index in range(config.case_samples)
    ]
    rehearsed = sources.rehearsal.draw(Draw(start + count + 1), patch, config.rehearsal_samples)
    return Batch(
        torch.stack([*(sample.image for sample in drawn), *rehearsed]),
        torch.stack([sample.labels for sample in drawn]),
        torch.tensor([sample.wide for sample in drawn]),
        spacing,
    )


def adaptation_loss(
    logits: torch.Tensor, expected: torch.Tensor, batch: Batch, config: AdaptConfig
) -> torch.Tensor:
    """Return the loss of a step.

    It is the error of the labels that the predictor would assign to the user's samples, plus the
    divergence from the base's probabilities on these and on the rehearsal samples.

    Parameters
    ----------
    logits, expected : torch.Tensor
        ``(n, classes, h, w)``: of the network, and the probabilities of the base.
    batch : Batch
    config : AdaptConfig
    """
    count = len(batch.labels)
    loss = segmentation_loss(judged(logits[:count], batch.wide, batch.spacing_mm), batch.labels)
    loss = loss + config.distillation_weight * _divergence(logits[:count], expected[:count])
    if len(logits) > count:
        loss = loss + config.rehearsal_weight * _divergence(logits[count:], expected[count:])
    return loss


def judged(logits: torch.Tensor, wide: torch.Tensor, spacing_mm: float) -> torch.Tensor:
    """Return the logarithms of what the predictor's decision boundary compares.

    Single images are labelled by smoothed probabilities and a lower threshold
    (`segment.WIDE_BOUNDARY`). Trained without regard to that, the masks would become too large.

    Parameters
    ----------
    logits : torch.Tensor
        ``(n, classes, h, w)``.
    wide : torch.Tensor
        ``(n,)``, bool: the samples with the wide boundary.
    spacing_mm : float
        In-plane spacing of the network's grid.
    """
    if not wide.any():
        return logits
    probabilities = logits[wide].softmax(1)
    n, classes, height, width = probabilities.shape
    smooth = blur(
        probabilities.reshape(n * classes, height, width), WIDE_BOUNDARY.blur_mm / spacing_mm
    )
    weighted = smooth.reshape(n, classes, height, width).clamp_min(1e-6).log()
    background = math.log(WIDE_BOUNDARY.threshold / (1 - WIDE_BOUNDARY.threshold))
    shift = weighted.new_zeros(1, classes, 1, 1)
    shift[:, 0] = background
    result = logits.clone()
    result[wide] = weighted + shift
    return result


def _divergence(logits: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
    """Return the mean Kullback-Leibler divergence of pixels from the base's probabilities."""
    own = logits.log_softmax(1)
    return functional.kl_div(own, expected, reduction="none").sum(1).mean()
