from __future__ import annotations

import numpy as np
import pytest

from lpm_segmentator.core.transform import reorient
from lpm_segmentator.core.volume import DixonPair, LabelMap, Volume
from lpm_segmentator.measure import detect_swap
from lpm_segmentator.samples.phantom import make_phantom


def case(seed: int, grade: float) -> tuple[DixonPair, LabelMap]:
    p = make_phantom(seed=seed, shape=(190, 150, 8), spacing_mm=(2.0, 2.0, 12.0), fat_grade=grade)
    pair = DixonPair(Volume(p.water, p.affine), Volume(p.fat, p.affine))
    return pair, LabelMap(p.labels, p.affine)


@pytest.mark.parametrize(("seed", "grade"), [(0, 0.0), (1, 0.4), (2, 0.8), (3, 1.0), (4, 0.0)])
def test_whole_swaps_are_found_and_sound_pairs_pass(seed: int, grade: float) -> None:
    pair, labels = case(seed, grade)
    swapped = DixonPair(pair.fat, pair.water)
    for known in (labels, None):
        assert detect_swap(pair, known).warnings == ()
        report = detect_swap(swapped, known)
        assert report.whole
        assert "exchanged" in report.warnings[0]


@pytest.mark.parametrize("codes", ["LPS", "RAS", "ASR"])
def test_a_swapped_region_is_named_with_its_side(codes: str) -> None:
    pair, labels = case(0, 0.1)
    water, fat = pair.water.array.copy(), pair.fat.array.copy()
    region = np.s_[95:, :, 3:5]  # the first axis runs to the left
    water[region], fat[region] = pair.fat.array[region], pair.water.array[region]
    mixed = DixonPair(
        *(reorient(pair.water.with_array(a), tuple(codes)) for a in (water, fat)),
    )
    report = detect_swap(mixed, reorient(labels, tuple(codes)))
    assert not report.whole
    assert report.slices
    assert all("left" in text for text in report.slices)
    assert len(report.warnings) == 1


def test_real_pairs_pass_and_their_swap_is_found(tum) -> None:  # type: ignore[no-untyped-def]
    for subject in ("TUM01", "TUM02"):
        labels, pair = tum(subject)
        report = detect_swap(pair, labels)
        assert report.warnings == ()
        assert report.layer_fat_fraction > 0.85
        assert detect_swap(DixonPair(pair.fat, pair.water)).whole


def test_air_alone_says_nothing() -> None:
    empty = Volume(np.zeros((8, 8, 3)), np.eye(4))
    report = detect_swap(
        DixonPair(empty, empty), LabelMap(np.zeros((8, 8, 3), np.uint8), np.eye(4))
    )
    assert not report.whole
    assert np.isnan(report.layer_fat_fraction)
