from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from lpm_segmentator.core.geometry import Geometry
from lpm_segmentator.core.transform import reorient
from lpm_segmentator.core.volume import LabelMap, Volume
from lpm_segmentator.measure.checks import (
    body_width_mm,
    implausible_areas,
    implausible_body_width,
    implausible_grid,
    implausible_muscle_width,
)

Back = tuple[LabelMap, Volume]


def scaled(given: LabelMap | Volume, factor: float) -> LabelMap | Volume:
    affine = given.affine.copy()
    affine[:3, :2] *= factor
    return given.with_grid(given.array, affine)


def all_sentences(labels: LabelMap, image: Volume) -> tuple[str, ...]:
    return (
        *implausible_areas(labels),
        *implausible_muscle_width(labels),
        *implausible_body_width(image),
        *implausible_grid(image.geometry),
    )


@pytest.mark.parametrize("codes", ["LPS", "RAS", "SAR"])
def test_a_back_of_life_size_is_plausible(back: Back, codes: str) -> None:
    assert all_sentences(*(reorient(g, tuple(codes)) for g in back)) == ()


@pytest.mark.parametrize("codes", ["LPS", "SAR"])
def test_a_wrong_spacing_shows_in_several_sizes(back: Back, codes: str) -> None:
    for factor, signs in ((1.5, 2), (2.0, 7), (0.5, 2)):
        wrong = [reorient(scaled(g, factor), tuple(codes)) for g in back]
        sentences = all_sentences(*wrong)
        assert len(sentences) >= signs, (factor, sentences)
        assert all("plausible" in sentence for sentence in sentences)
        assert any("wide from side to side" in sentence for sentence in sentences)


def test_the_sentence_names_muscle_area_and_range(back: Back) -> None:
    sentences = implausible_areas(scaled(back[0], 2.0))
    assert sentences[0].startswith("ES_R has an area of 46.0 cm² in the median slice; 1.1 to 43.0")
    assert sentences[1].startswith("MF_R has an area of 33.8 cm²")


def test_what_is_not_there_is_not_judged(back: Back) -> None:
    labels, image = back
    empty = labels.with_array(np.zeros(labels.shape, np.uint8))
    half = labels.with_array(np.where(labels.array > 2, 0, labels.array))
    assert implausible_areas(scaled(empty, 9.0)) == ()
    assert implausible_muscle_width(scaled(empty, 9.0)) == ()
    assert implausible_muscle_width(half) == ()  # half of the muscles is narrow, and rightly so
    assert math.isnan(body_width_mm(image.with_array(np.zeros_like(image.array))))


def test_the_body_is_measured_where_it_is_whole(back: Back) -> None:
    _, image = back
    assert body_width_mm(image) == pytest.approx(2 * 68 * 2.5, abs=5)
    cut = image.with_grid(image.array[20:], image.affine)
    assert math.isnan(body_width_mm(cut))
    assert implausible_body_width(scaled(cut, 9.0)) == ()


def test_grids_of_lumbar_mri_are_plausible_and_others_are_not() -> None:
    for shape, spacing in (((512, 512, 1), 0.29), ((320, 320, 20), 0.6875), ((120, 90, 60), 3.0)):
        assert implausible_grid(Geometry(shape, np.diag([spacing, spacing, 4.0, 1.0]))) == ()
    (extent,) = implausible_grid(Geometry((640, 640, 1), np.eye(4)))
    assert extent.startswith("the field of view is 640 × 640 mm; 80 to 550 mm")
    (spacing,) = implausible_grid(Geometry((90, 90, 1), np.diag([5.0, 5.0, 4.0, 1.0])))
    assert spacing.startswith("the in-plane spacing is 5 × 5 mm")


@pytest.fixture(scope="module")
def l4_l5(shared_data: Path) -> np.ndarray:
    """826 manual masks, (n, rows from front to back, columns from the patient's right)."""
    parts = [
        np.load(shared_data / "label_shapes" / f"l4l5_3shot_{sequence}.npz")["labels"]
        for sequence in ("T1w", "T2w")
    ]
    return np.concatenate(parts)


def test_the_percentiles_are_those_that_the_limits_were_made_from(l4_l5: np.ndarray) -> None:
    assert len(l4_l5) == 826
    for values, expected in (((1, 4), (623, 1331, 2248)), ((2, 3), (525, 944, 1554))):
        areas = [(l4_l5 == value).sum(axis=(1, 2)) * 0.6875**2 for value in values]
        found = np.percentile(np.concatenate(areas), (0.5, 50, 99.5))
        assert found.round().tolist() == list(expected)
    columns = (l4_l5 > 0).any(axis=1)
    widths = [(np.ptp(np.flatnonzero(row)) + 1) * 0.6875 for row in columns]
    found = np.percentile(widths, (0, 0.5, 50, 99.5, 100))
    assert found.round().tolist() == [95, 97, 138, 163, 168]


def test_manual_masks_are_plausible_and_at_a_wrong_spacing_they_are_not(
    l4_l5: np.ndarray,
) -> None:
    def noticed(spacing: float) -> float:
        affine = np.diag([-spacing, -spacing, 4.0, 1.0])
        maps = [LabelMap(mask.T[:, :, None], affine) for mask in l4_l5[::20]]
        return float(
            np.mean([bool(implausible_areas(m) or implausible_muscle_width(m)) for m in maps])
        )

    assert noticed(0.6875) == 0.0
    assert noticed(1.0) > 0.5
    assert noticed(1.4) == 1.0


def test_real_subjects_are_plausible(tum) -> None:  # type: ignore[no-untyped-def]
    for subject in ("TUM01", "TUM02"):
        labels, pair = tum(subject)
        assert all_sentences(labels, pair.water) == ()
        assert 320 < body_width_mm(pair.water) < 340
