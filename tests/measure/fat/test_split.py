from __future__ import annotations

import math

import numpy as np
import pytest

from lpm_segmentator.core.errors import MissingExtraError
from lpm_segmentator.measure import IntensityMethod, split_intensities

pytest.importorskip("sklearn", reason="needs the extra t1t2")
pytest.importorskip("skimage", reason="needs the extra t1t2")

METHODS = list(IntensityMethod)


def two_tissues(fat_share: float, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Muscle of intensity 100 with a share of fat of 300, and half-fatty surroundings."""
    rng = np.random.default_rng(seed)
    muscle, around = rng.normal(100, 8, 8000), rng.normal(100, 8, 8000)
    muscle[: int(fat_share * 8000)] += 200
    around[:4000] += 200
    return muscle, around


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 0.6])
def test_known_shares_come_out(method: IntensityMethod, share: float) -> None:
    muscle, around = two_tissues(share)
    split = split_intensities(muscle, around, method=method)
    assert split.reason == ""
    assert 115 < split.threshold < 290
    assert split.hard(muscle).mean() == pytest.approx(share, abs=0.06)
    # Noise about the muscle's mean counts as a little fat in a linear map.
    assert split.soft(muscle).mean() == pytest.approx(share, abs=0.06)
    assert list(split.means) == sorted(split.means)
    assert sum(split.weights) == pytest.approx(1.0)


@pytest.mark.parametrize("method", METHODS)
def test_the_soft_map_is_monotonic_from_0_to_1_and_scale_does_not_matter(
    method: IntensityMethod,
) -> None:
    muscle, around = two_tissues(0.2)
    split = split_intensities(muscle, around, method=method)
    soft = split.soft(np.linspace(-500, 2000, 300))
    assert (soft[0], soft[-1]) == (0.0, 1.0)
    assert (np.diff(soft) >= 0).all()
    scaled = split_intensities(7 * muscle + 50, 7 * around + 50, method=method)
    assert scaled.threshold == pytest.approx(7 * split.threshold + 50, rel=0.02)


@pytest.mark.parametrize("method", METHODS)
def test_the_order_and_number_of_the_voxels_do_not_matter(method: IntensityMethod) -> None:
    muscle, around = two_tissues(0.2)
    split = split_intensities(muscle, around, method=method)
    other = split_intensities(np.repeat(muscle[::-1], 3), around[::-1], method=method)
    assert other.threshold == pytest.approx(split.threshold, rel=1e-3)
    assert other.means == pytest.approx(split.means, rel=1e-3)


def test_a_split_that_cannot_be_learned_gives_its_reason() -> None:
    few = split_intensities(np.ones(10))
    assert "too few" in few.reason
    even = split_intensities(np.ones(1000))
    assert "same intensity" in even.reason
    for split in (few, even):
        assert math.isnan(split.threshold)


@pytest.mark.parametrize("method", METHODS)
def test_an_image_whose_bright_tissue_is_no_fat_is_refused(method: IntensityMethod) -> None:
    muscle, around = two_tissues(0.2)
    dull = split_intensities(0.1 * muscle + 90, 0.1 * around + 90, method=method)
    assert "fat-suppressed or a water image" in dull.reason
    assert math.isnan(dull.threshold)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.usefixtures("without_extras")
def test_missing_packages_name_the_extra(method: IntensityMethod) -> None:
    muscle, around = two_tissues(0.2)
    with pytest.raises(MissingExtraError, match="t1t2"):
        split_intensities(muscle, around, method=method)
