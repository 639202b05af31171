"""How far to trust a mask: the model's own certainty and what anatomy allows.

The score of a slice is the Dice coefficient of muscle against the rest that the model itself
expects, from its probabilities, lowered where one side is far larger than the other. The checks of
shape know only what holds for every back: two muscles a side, the multifidus medial of the erector
spinae, the sides of about the same size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lpm_segmentator.core import LabelMap, Muscle, Side, reorient

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy.typing as npt

    from lpm_segmentator.segment.predictor import Prediction

__all__ = ["Quality", "assess"]

#: a slice with a lower score is worth a look
_UNSURE = 0.85
#: the smaller side may have this share of the larger one without lowering a slice's score
_BALANCED = 0.7
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
    expected_dice : float
        Mean over these slices of what the model expects of its foreground Dice, 0–1; nan as above.
    unsure_slices : tuple of int
        Slices whose score is below 0.85.
    flags : tuple of str
        Sentences about what looks wrong; empty for an inconspicuous mask.
    least_expected_dice : float
        A case that expects a lower Dice shows no lumbar back (`Prediction.least_expected_dice`).
    """

    score: float
    slice_scores: Mapping[int, float]
    expected_dice: float
    unsure_slices: tuple[int, ...]
    flags: tuple[str, ...]
    least_expected_dice: float

    @property
    def plausible(self) -> bool:
        """Whether the mask may be that of a lumbar back; True where nothing tells."""
        return not self.expected_dice < self.least_expected_dice


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
    expected = _expected_dice(labels, prediction)
    balance = _side_balance(labels)
    scores = {
        index + first_slice: dice * min(1.0, balance[index] / _BALANCED)
        for index, dice in expected.items()
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
    return Quality(
        score=_mean(scores.values()),
        slice_scores=scores,
        expected_dice=_mean(expected.values()),
        unsure_slices=unsure,
        flags=tuple(flags),
        least_expected_dice=prediction.least_expected_dice,
    )


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return float(np.mean(listed)) if listed else float("nan")


def _expected_dice(labels: LabelMap, prediction: Prediction) -> dict[int, float]:
    """Return, for each slice with muscle, the Dice that the probabilities let expect.

    With the mask ``m`` and the probability ``p`` of any muscle it is ``2 Σ p m / (Σ m + Σ p)``: the
    truth is replaced by its expectation. Where a muscle was named, ``p`` is the probability of that
    muscle, a little too low at the border of two.
    """
    if prediction.confidence is None:
        return {}
    mask = _slices_first(labels.array > 0, labels.slice_axis)
    named = _slices_first(prediction.labels.array > 0, labels.slice_axis)
    sure = _slices_first(prediction.confidence, labels.slice_axis)
    expected = {}
    for index in range(len(mask)):
        if mask[index].any():
            muscle = np.where(named[index], sure[index], 1.0 - sure[index])
            both = float(muscle[mask[index]].sum(dtype=np.float64))
            total = float(mask[index].sum()) + float(muscle.sum(dtype=np.float64))
            expected[index] = 2 * both / total
    return expected


def _side_balance(labels: LabelMap) -> npt.NDArray[np.float64]:
    """Return the smaller side's area over the larger one's for each slice; 0 where one is empty."""
    array = _slices_first(labels.array, labels.slice_axis)
    areas = []
    for side in Side:
        values = [s.value for s in labels.scheme if s.side is side]
        areas.append(np.isin(array, values).sum(axis=(1, 2)))
    low, high = np.minimum(*areas), np.maximum(*areas)
    balance: npt.NDArray[np.float64] = low / np.maximum(high, 1)
    return balance


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
