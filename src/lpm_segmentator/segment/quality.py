"""Quality of a mask: the model's own confidence, and anatomical checks.

The score of a slice is the Dice coefficient of muscle against background that the model's
probabilities predict for its own mask, lowered where one side is much larger than the other. The
anatomical checks use only what holds for every lumbar back: two muscles on each side, the
multifidus medial to the erector spinae, both sides of similar size.
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

#: slices with a lower score are reported for review
_REVIEW_SCORE = 0.85
#: the smaller side may have this share of the larger one without lowering a slice's score
_BALANCED = 0.7
#: a side more than this many times as large as the other is implausible
_MAX_SIDE_RATIO = 2.0
#: a larger share of voxels removed by the largest-component step means scattered fragments
_SCATTERED = 0.10


@dataclass(frozen=True)
class Quality:
    """Confidence in a mask, and the issues detected in it.

    Attributes
    ----------
    score : float
        Mean of the slices' scores, 0–1; nan where no muscle was detected or the model gives no
        probabilities.
    slice_scores : mapping of int to float
        By index along the slice axis; slices with muscle only.
    expected_dice : float
        Mean over these slices of the foreground Dice that the model expects, 0–1; nan as above.
    low_confidence_slices : tuple of int
        Slices with a score below 0.85.
    flags : tuple of str
        One sentence for each issue; empty where there is none.
    minimum_expected_dice : float
        A mask with a lower expected Dice is not considered to show a lumbar back
        (`Prediction.minimum_expected_dice`).
    """

    score: float
    slice_scores: Mapping[int, float]
    expected_dice: float
    low_confidence_slices: tuple[int, ...]
    flags: tuple[str, ...]
    minimum_expected_dice: float

    @property
    def plausible(self) -> bool:
        """Whether the mask may show a lumbar back; True where the expected Dice is undefined."""
        return not self.expected_dice < self.minimum_expected_dice


def assess(
    labels: LabelMap,
    prediction: Prediction,
    *,
    removed_share: float = 0.0,
    first_slice: int = 0,
) -> Quality:
    """Assess a cleaned mask.

    Parameters
    ----------
    labels : LabelMap
        After the largest-component step.
    prediction : Prediction
        The model's output, on the same grid.
    removed_share : float
        Share of the voxels removed by the largest-component step, 0–1.
    first_slice : int
        Index of the mask's first slice in the image from which it was cropped; slices are reported
        by their index there.

    Returns
    -------
    Quality
    """
    expected = _expected_dice(labels, prediction)
    balance = _side_balance(labels)
    scores = {
        index + first_slice: dice * min(1.0, balance[index] / _BALANCED)
        for index, dice in expected.items()
    }
    low_confidence = tuple(index for index, score in scores.items() if score < _REVIEW_SCORE)
    flags = list(_anatomical_flags(labels))
    if removed_share > _SCATTERED:
        flags.append(
            f"{removed_share:.0%} of the labelled voxels were not connected to the muscles and "
            "were removed"
        )
    if low_confidence:
        flags.append(
            f"low confidence in {len(low_confidence)} of {len(scores)} slices "
            f"({_ranges(low_confidence)}); review them"
        )
    return Quality(
        score=_mean(scores.values()),
        slice_scores=scores,
        expected_dice=_mean(expected.values()),
        low_confidence_slices=low_confidence,
        flags=tuple(flags),
        minimum_expected_dice=prediction.minimum_expected_dice,
    )


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return float(np.mean(listed)) if listed else float("nan")


def _expected_dice(labels: LabelMap, prediction: Prediction) -> dict[int, float]:
    """Return the expected foreground Dice of each slice with muscle.

    With the mask ``m`` and the probability ``p`` of any muscle it is ``2 Σ p m / (Σ m + Σ p)``: the
    unknown truth is replaced by its expectation. Where a muscle was assigned, ``p`` is the
    probability of that muscle, which is slightly too low along the border of two muscles.
    """
    if prediction.confidence is None:
        return {}
    mask = _slices_first(labels.array > 0, labels.slice_axis)
    assigned = _slices_first(prediction.labels.array > 0, labels.slice_axis)
    confidence = _slices_first(prediction.confidence, labels.slice_axis)
    expected = {}
    for index in range(len(mask)):
        if mask[index].any():
            muscle = np.where(assigned[index], confidence[index], 1.0 - confidence[index])
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


def _anatomical_flags(labels: LabelMap) -> list[str]:
    """Return a sentence for each muscle that is missing, out of proportion or out of place."""
    present = labels.present
    if not present:
        return ["no erector spinae or multifidus detected"]
    missing = [s for s in labels.scheme if s.value not in present]
    if missing:
        return [f"no {s.side.full_name} {s.muscle.full_name} detected" for s in missing]
    return [*_size_flags(labels), *_order_flags(labels)]


def _size_flags(labels: LabelMap) -> list[str]:
    flags = []
    for muscle in Muscle:
        sizes = {side: int(labels.mask(labels.scheme.find(muscle, side)).sum()) for side in Side}
        larger = max(Side, key=lambda side: sizes[side])
        if sizes[larger] > _MAX_SIDE_RATIO * sizes[larger.other]:
            ratio = sizes[larger] / sizes[larger.other]
            flags.append(
                f"the {larger.full_name} {muscle.full_name} is {ratio:.1f} times as large as the "
                f"{larger.other.full_name} one"
            )
    return flags


def _order_flags(labels: LabelMap) -> list[str]:
    """Check the order from right to left: ES, MF, MF, ES."""
    canonical = reorient(labels)
    centres = []
    for muscle, side in (
        (Muscle.ERECTOR_SPINAE, Side.RIGHT),
        (Muscle.MULTIFIDUS, Side.RIGHT),
        (Muscle.MULTIFIDUS, Side.LEFT),
        (Muscle.ERECTOR_SPINAE, Side.LEFT),
    ):
        columns = canonical.mask(labels.scheme.find(muscle, side)).sum(axis=(1, 2))
        centres.append(float(np.average(np.arange(len(columns)), weights=columns)))
    # The canonical first axis grows to the patient's right.
    if centres != sorted(centres, reverse=True):
        return ["from right to left, the muscles are not in the order ES, MF, MF, ES"]
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
