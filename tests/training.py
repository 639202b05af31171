"""What the tests of training share: subjects made of phantoms, and interruptions."""

from __future__ import annotations

from collections.abc import Callable

from lpm_segmentator.samples.phantom import make_phantom
from lpm_segmentator.train.synthesis.subjects import TrainingSubject, training_subject


def phantom_subject(
    seed: int = 3,
    *,
    shape: tuple[int, int, int] = (140, 100, 4),
    spacing_mm: tuple[float, float, float] = (2.5, 2.5, 20.0),
) -> TrainingSubject:
    """Return a phantom as a labelled pair to draw from; its pixels are square."""
    made = make_phantom(seed=seed, shape=shape, spacing_mm=spacing_mm)
    return training_subject(
        f"phantom {seed}", made.water.T, made.fat.T, made.labels.T, spacing_mm[0]
    )


class InterruptError(Exception):
    """A training was interrupted."""


def interrupt_at(step: int) -> Callable[[int, float], None]:
    """Return a report of progress that ends a training after a step."""

    def report(done: int, _: float) -> None:
        if done == step:
            raise InterruptError

    return report
