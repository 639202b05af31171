"""How far to trust a mask: the model's own certainty and what anatomy allows.

The score of a slice is the mean probability of the labels given to its muscle voxels. The checks
of shape know only what holds for every back: two muscles a side, the multifidus medial of the
erector spinae, the sides of about the same size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lpm_segmentator.core import LabelMap, Muscle, Side, reorient

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from lpm_segmentator.segment.predictor import Prediction

__all__ = ["Quality", "assess"]

#: below this mean probability a slice is worth a look
_UNSURE = 0.80
#: one side more than this many times the other is no healthy and hardly a sick back
_SIDE_RATIO = 2.0
#: more than this share taken away by the largest-component step means scattered pieces
_SCATTERED = 0.10


@dataclass(frozen=True)
class Quality:
    """What speaks for and against a mask.

    Attributes
    ----------
    score : float
        Mean of the slices' scores, 0–1; nan where no muscle was found or the model gives no
        probabilities.
    slice_scores : mapping of int to float
        By index along the slice axis, slices with muscle only.
    unsure_slices : tuple of int
        Slices whose score is below 0.80.
    flags : tuple of str
        Sentences about what looks wrong; empty for an inconspicuous mask.
    """

    score: float
    slice_scores: Mapping[int, float]
    unsure_slices: tuple[int, ...]
    flags: tuple[str, ...]


def assess(
    labels: LabelMap,
    prediction: Prediction,
    *,
    removed_share: float = 0.0,
    first_slice: int = 0,
) -> Quality:
    """Judge a cleaned mask.

    Parameters
    ----------
    labels : LabelMap
        After the largest-component step.
    prediction : Prediction
        What the model said, on the same grid.
    removed_share : float
        What the largest-component step took away, 0–1.
    first_slice : int
        Number of the mask's first slice in the image that it was cut from; slices are named by
        their number there.
    """
    scores = {
        index + first_slice: score for index, score in _slice_scores(labels, prediction).items()
    }
    unsure = tuple(index for index, score in scores.items() if score < _UNSURE)
    flags = list(_shape_flags(labels))
    if removed_share > _SCATTERED:
        flags.append(
            f"{removed_share:.0%} of the labelled voxels lay apart from the muscles and were "
            "removed"
        )
    if unsure:
        flags.append(
            f"the model is unsure in {len(unsure)} of {len(scores)} slices "
            f"({_ranges(unsure)}); look at them"
        )
    mean = float(np.mean(list(scores.values()))) if scores else float("nan")
    return Quality(mean, scores, unsure, tuple(flags))


def _slice_scores(labels: LabelMap, prediction: Prediction) -> dict[int, float]:
    if prediction.confidence is None:
        return {}
    muscle = _slices_first(labels.array > 0, labels.slice_axis)
    sure = _slices_first(prediction.confidence, labels.slice_axis)
    return {
        index: float(sure[index][muscle[index]].mean())
        for index in range(len(muscle))
        if muscle[index].any()
    }


def _slices_first(array: npt.NDArray[np.generic], axis: int) -> npt.NDArray[np.generic]:
    return np.moveaxis(array, axis, 0)


def _shape_flags(labels: LabelMap) -> list[str]:
    present = labels.present
    if not present:
        return ["no erector spinae or multifidus was found"]
    missing = [s.full_name for s in labels.scheme if s.value not in present]
    flags = [f"no {name} was found" for name in missing]
    if missing:
        return flags
    for muscle in Muscle:
        sizes = {side: int(labels.mask(labels.scheme.find(muscle, side)).sum()) for side in Side}
        larger = max(Side, key=lambda side: sizes[side])
        if sizes[larger] > _SIDE_RATIO * sizes[larger.other]:
            ratio = sizes[larger] / sizes[larger.other]
            flags.append(
                f"the {larger.full_name} {muscle.full_name} is {ratio:.1f} times as large as the "
                f"{larger.other.full_name} one"
            )
    return flags + _order_flags(labels)


def _order_flags(labels: LabelMap) -> list[str]:
    """Check the order from right to left: ES, MF, MF, ES."""
    canonical = reorient(labels)
    middles = []
    for muscle, side in (
        (Muscle.ERECTOR_SPINAE, Side.RIGHT),
        (Muscle.MULTIFIDUS, Side.RIGHT),
        (Muscle.MULTIFIDUS, Side.LEFT),
        (Muscle.ERECTOR_SPINAE, Side.LEFT),
    ):
        columns = canonical.mask(labels.scheme.find(muscle, side)).sum(axis=(1, 2))
        middles.append(float(np.average(np.arange(len(columns)), weights=columns)))
    # The canonical first axis grows to the patient's right.
    if middles != sorted(middles, reverse=True):
        return ["the muscles do not follow each other from right to left as ES, MF, MF, ES"]
    return []


def _ranges(indices: tuple[int, ...]) -> str:
    """Return ``(1, 2, 3, 7)`` as ``"1–3, 7"``."""
    runs: list[list[int]] = []
    for index in indices:
        if runs and index == runs[-1][1] + 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return ", ".join(f"{a}" if a == b else f"{a}–{b}" for a, b in runs)
