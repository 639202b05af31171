"""What a step of every training does: loss, learning rate, precision, update, moving average."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import torch
from torch import nn
from torch.nn import functional

from lpm_segmentator.train.labelled import IGNORED

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "Averaged",
    "early_decay",
    "fast_convolutions",
    "one_cycle",
    "segmentation_loss",
    "update",
    "update_average",
]

NetworkT = TypeVar("NetworkT", bound=nn.Module)


def one_cycle(step: int, steps: int, peak: float, *, warm_up: float) -> float:
    """Return the learning rate of a step: a linear warm-up, then a cosine to 0.

    Parameters
    ----------
    step : int
        From 0.
    steps : int
        Length of the cycle.
    peak : float
        Highest rate.
    warm_up : float
        Share of the cycle in which the rate rises; at least one step.
    """
    warm = max(1, round(warm_up * steps))
    if step < warm:
        return peak * (step + 1) / warm
    part = (step - warm) / max(1, steps - warm)
    return peak * 0.5 * (1 + math.cos(math.pi * part))


def fast_convolutions(device: torch.device) -> torch.autocast:
    """Return a context in which convolutions use bfloat16, if the device has it natively.

    Emulated ones are slower than those in single precision.
    """
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported()
    else:
        native = torch.cpu._is_avx512_bf16_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=bool(native))


def segmentation_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return cross-entropy plus soft Dice loss of the muscles, both over the whole batch.

    Parameters
    ----------
    logits : torch.Tensor
        ``(n, classes, h, w)``.
    labels : torch.Tensor
        ``(n, h, w)``, integers; pixels with the label `IGNORED` do not count.
    """
    entropy = functional.cross_entropy(logits, labels, ignore_index=IGNORED)
    ignored = labels == IGNORED
    counts = ~ignored[:, None]
    marks = torch.where(ignored, 0, labels)
    probabilities = logits.softmax(1)[:, 1:] * counts
    truth = functional.one_hot(marks, logits.shape[1]).permute(0, 3, 1, 2)[:, 1:] * counts
    overlap = (probabilities * truth).sum((0, 2, 3))
    total = (probabilities + truth).sum((0, 2, 3))
    dice = (2 * overlap + 1) / (total + 1)
    return entropy + 1 - dice.mean()


def update(
    optimiser: torch.optim.Optimizer,
    loss: torch.Tensor,
    rate: float,
    *,
    clip: Iterable[nn.Parameter] | None = None,
) -> None:
    """Take one step of an optimiser.

    Parameters
    ----------
    optimiser : torch.optim.Optimizer
    loss : torch.Tensor
        A number.
    rate : float
        The learning rate.
    clip : iterable of torch.nn.Parameter, optional
        Parameters whose gradient is limited to the norm 5.
    """
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    if clip is not None:
        nn.utils.clip_grad_norm_(clip, 5.0)
    optimiser.step()


def early_decay(step: int, decay: float) -> float:
    """Return the decay of the moving average at a step, counted from 0.

    In the first steps a slow average would retain the random initial weights.
    """
    return min(decay, (1 + step) / (10 + step))


def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Update an exponential moving average of the weights, in place.

    Parameters
    ----------
    average : torch.nn.Module
        Becomes ``decay * average + (1 - decay) * network``; integer states are copied.
    network : torch.nn.Module
    decay : float
        0 to 1.
    """
    states: Any = average.state_dict().values(), network.state_dict().values()
    with torch.no_grad():
        for kept, new in zip(*states, strict=True):
            if kept.dtype.is_floating_point:
                kept.lerp_(new, 1 - decay)
            else:
                kept.copy_(new)


class Averaged(Generic[NetworkT]):
    """A network in training with its optimiser (AdamW) and the moving average of its weights.

    Parameters
    ----------
    network : torch.nn.Module
        Before the first step, on its device.
    weight_decay : float
    decay : float
        Of the moving average.

    Attributes
    ----------
    network, average : torch.nn.Module
    optimiser : torch.optim.AdamW
    """

    def __init__(self, network: NetworkT, *, weight_decay: float, decay: float) -> None:
        self.network = network
        self.average: NetworkT = copy.deepcopy(network)
        self.optimiser = torch.optim.AdamW(network.parameters(), weight_decay=weight_decay)
        self._decay = decay

    @property
    def parts(self) -> dict[str, Any]:
        """The objects whose states a checkpoint holds."""
        return {"network": self.network, "average": self.average, "optimiser": self.optimiser}

    def update(self, loss: torch.Tensor, rate: float, step: int) -> float:
        """Take a step, counted from 0, with limited gradients; return the loss as a number."""
        update(self.optimiser, loss, rate, clip=self.network.parameters())
        update_average(self.average, self.network, early_decay(step, self._decay))
        return float(loss.detach())
