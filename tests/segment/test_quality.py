from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpm_segmentator.core import LabelMap, reorient
from lpm_segmentator.segment import Prediction, assess
from strategies import ORIENTATIONS

AFFINE = np.diag([-1.0, -1.0, 4.0, 1.0])  # columns to the left


def back(widths: tuple[int, int, int, int] = (12, 6, 6, 12)) -> LabelMap:
    """ES, MF, MF, ES from the patient's right to the left in every of six slices."""
    array = np.zeros((60, 20, 6), np.uint8)
    start = 5
    for value, width in enumerate(widths, 1):
        array[start : start + width, 5:15] = value
        start += width + 2
    return LabelMap(array, AFFINE)


def judged(labels: LabelMap, confidence: np.ndarray | None = None, removed: float = 0.0):
    return assess(labels, Prediction(labels, confidence), removed_share=removed)


def test_a_healthy_mask_has_no_flags():
    quality = judged(back(), np.full((60, 20, 6), 0.97, np.float32))
    assert quality.flags == ()
    assert quality.plausible
    assert quality.low_confidence_slices == ()
    assert set(quality.slice_scores) == set(range(6))


def test_the_score_is_the_dice_that_the_probabilities_let_expect():
    labels = back()
    confidence = np.where(labels.array > 0, 0.9, 0.98).astype(np.float32)
    # a slice has 360 voxels of muscle, each true with 0.9, and 840 others, each missed with 0.02
    expected = 2 * 0.9 * 360 / (360 + 0.9 * 360 + 0.02 * 840)
    assert judged(labels, confidence).score == pytest.approx(expected)


@given(seed=st.integers(0, 2**16), sure=st.floats(0.6, 1.0))
def test_the_expected_dice_is_that_of_truths_drawn_from_the_probabilities(seed, sure):
    rng = np.random.default_rng(seed)
    labels = back((40, 1, 1, 1))
    confidence = rng.uniform(sure, 1.0, labels.shape).astype(np.float32)
    mask = labels.array > 0
    probability = np.where(mask, confidence, 1 - confidence)
    truths = rng.uniform(size=(20, *labels.shape)) < probability
    dice = 2 * (truths & mask).sum((1, 2, 3)) / (truths.sum((1, 2, 3)) + mask.sum())
    assert judged(labels, confidence).expected_dice == pytest.approx(dice.mean(), abs=0.02)


def test_what_was_removed_lowers_the_score():
    predicted = back().array.copy()
    predicted[50:58, 2:4] = 1
    kept = predicted.copy()
    kept[50:58, 2:4] = 0
    confidence = np.full(predicted.shape, 0.99, np.float32)
    prediction = Prediction(LabelMap(predicted, AFFINE), confidence)
    quality = assess(LabelMap(kept, AFFINE), prediction)
    assert quality.score < assess(prediction.labels, prediction).score


def test_a_much_smaller_side_lowers_the_score_of_its_slices():
    labels = back().array.copy()
    labels[20:, :, 3][labels[20:, :, 3] > 2] = 0
    quality = judged(LabelMap(labels, AFFINE), np.ones(labels.shape, np.float32))
    assert quality.slice_scores[3] == 0.0
    assert quality.slice_scores[2] == 1.0
    assert quality.expected_dice == 1.0


def test_a_mask_with_a_low_expected_dice_is_implausible():
    labels = back()
    assert not judged(labels, np.full(labels.shape, 0.75, np.float32)).plausible
    assert judged(labels).plausible  # without probabilities nothing speaks against it


def test_the_minimum_expected_dice_is_the_models():
    labels = back()
    confidence = np.full(labels.shape, 0.75, np.float32)
    expected = judged(labels, confidence).expected_dice
    for minimum, plausible in ((expected - 0.01, True), (expected + 0.01, False)):
        prediction = Prediction(labels, confidence, minimum_expected_dice=minimum)
        assert assess(labels, prediction).plausible is plausible


def test_slices_without_muscle_have_no_score():
    array = back().array.copy()
    array[..., 2] = 0
    quality = judged(LabelMap(array, AFFINE), np.ones(array.shape, np.float32))
    assert 2 not in quality.slice_scores


def test_low_confidence_slices_are_listed_as_ranges():
    confidence = np.full((60, 20, 6), 0.99, np.float32)
    confidence[..., [0, 1, 4]] = 0.5
    quality = judged(back(), confidence)
    assert quality.low_confidence_slices == (0, 1, 4)
    assert any("low confidence in 3 of 6 slices (0–1, 4)" in flag for flag in quality.flags)


def test_slices_count_along_the_files_slice_axis():
    labels = back()
    confidence = np.full(labels.shape, 0.95, np.float32)
    confidence[..., 5] = 0.5
    turned = reorient(labels, ("S", "L", "P"))
    quality = assess(turned, Prediction(turned, np.moveaxis(confidence, 2, 0)))
    assert quality.low_confidence_slices == (5,)


def test_without_probabilities_the_score_is_undefined():
    quality = judged(back())
    assert math.isnan(quality.score)
    assert quality.flags == ()


def test_an_empty_mask_is_reported():
    quality = judged(LabelMap(np.zeros((5, 5, 2), np.uint8), AFFINE))
    assert quality.flags == ("no erector spinae or multifidus detected",)
    assert math.isnan(quality.score)


def test_a_missing_muscle_is_named():
    array = back().array.copy()
    array[array == 3] = 0
    assert judged(LabelMap(array, AFFINE)).flags == ("no left multifidus detected",)


def test_sides_of_very_unequal_size_are_named():
    (flag,) = judged(back((12, 3, 9, 12))).flags
    assert "left multifidus is 3.0 times as large as the right one" in flag


@pytest.mark.parametrize("codes", ORIENTATIONS[::5], ids="".join)
def test_the_order_of_the_muscles_is_checked_in_any_orientation(codes):
    labels = reorient(back(), codes)
    assert judged(labels).flags == ()
    swapped = labels.with_array(np.array([0, 4, 3, 2, 1])[labels.array])
    assert "not in the order ES, MF, MF, ES" in judged(swapped).flags[0]


def test_scattered_fragments_are_reported():
    assert "15% of the labelled voxels" in judged(back(), removed=0.15).flags[0]
    assert judged(back(), removed=0.05).flags == ()
