from __future__ import annotations

import builtins
import math

import numpy as np
import pytest
from scipy import ndimage

from lpm_segmentator.core.errors import GeometryError, MissingExtraError
from lpm_segmentator.core.transform import reorient
from lpm_segmentator.core.volume import DixonPair, LabelMap, Volume
from lpm_segmentator.measure import (
    IntensityMethod,
    correct_bias,
    fat_measure,
    intensity_fat,
    slice_sums,
    split_intensities,
)
from lpm_segmentator.train.phantom import make_phantom

pytest.importorskip("sklearn", reason="needs the extra t1t2")
pytest.importorskip("skimage", reason="needs the extra t1t2")

METHODS = list(IntensityMethod)


def two_tissues(fat_share: float, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Muscle of brightness 100 with a share of fat of 300, and half-fatty surroundings."""
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
def test_the_soft_map_is_monotonous_from_0_to_1_and_scale_does_not_matter(
    method: IntensityMethod,
) -> None:
    muscle, around = two_tissues(0.2)
    split = split_intensities(muscle, around, method=method)
    soft = split.soft(np.linspace(-500, 2000, 300))
    assert (soft[0], soft[-1]) == (0.0, 1.0)
    assert (np.diff(soft) >= 0).all()
    scaled = split_intensities(7 * muscle + 50, 7 * around + 50, method=method)
    assert scaled.threshold == pytest.approx(7 * split.threshold + 50, rel=0.02)


def test_a_split_that_cannot_be_learned_gives_its_reason() -> None:
    few = split_intensities(np.ones(10))
    assert "too few" in few.reason
    even = split_intensities(np.ones(1000))
    assert "equally bright" in even.reason
    for split in (few, even):
        assert math.isnan(split.threshold)
    labels = LabelMap(np.zeros((4, 4, 2), np.uint8), np.eye(4))
    empty = intensity_fat(Volume(np.ones((4, 4, 2)), np.eye(4)), labels)
    assert all(math.isnan(v) for v in empty.soft_fraction.values())
    assert set(empty.reasons) == {1, 2, 3, 4}


def test_other_grids_are_refused() -> None:
    labels = LabelMap(np.zeros((4, 4, 2), np.uint8), np.eye(4))
    with pytest.raises(GeometryError, match="different grids"):
        intensity_fat(Volume(np.ones((4, 4, 3)), np.eye(4)), labels)


@pytest.mark.parametrize("contrast", ["t1w", "t2w"])
def test_phantom_fat_follows_its_truth(contrast: str) -> None:
    found, truth = [], []
    for seed, grade in ((1, 0.0), (2, 0.5), (4, 1.0)):
        p = make_phantom(
            seed=seed, shape=(128, 128, 8), spacing_mm=(2.0, 2.0, 12.0), fat_grade=grade
        )
        image = correct_bias(Volume(getattr(p, contrast), p.affine))
        result = intensity_fat(image, LabelMap(p.labels, p.affine))
        found += [result.soft_fraction[v] for v in range(1, 5)]
        truth += [p.fat_ratio[v] for v in range(1, 5)]
    assert np.corrcoef(found, truth)[0, 1] > 0.90


def test_missing_packages_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: object, **kwargs: object) -> object:
        if name.split(".", maxsplit=1)[0] in {"sklearn", "skimage", "SimpleITK"}:
            raise ImportError(name)
        return real(name, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    muscle, around = two_tissues(0.2)
    for method in METHODS:
        with pytest.raises(MissingExtraError, match="t1t2"):
            split_intensities(muscle, around, method=method)
    with pytest.raises(MissingExtraError, match="t1t2"):
        correct_bias(Volume(np.ones((4, 4, 4)), np.eye(4)))


def lit(shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A disc of two tissues and a smooth field over it."""
    i, j, _ = np.indices(shape)
    inside = np.hypot(i - shape[0] / 2, j - shape[1] / 2) < shape[0] * 0.4
    rng = np.random.default_rng(0)
    tissue = 100 + 60 * (ndimage.gaussian_filter(rng.standard_normal(shape), 2) > 0)
    return inside * tissue, np.exp(0.5 * (j / shape[1] - 0.5))


@pytest.mark.parametrize("codes", ["RAS", "SLP"])
def test_bias_correction_evens_out_the_field(codes: str) -> None:
    pytest.importorskip("SimpleITK", reason="needs the extra t1t2")
    flat, field = lit((64, 64, 8))
    affine = np.diag([2.0, 2.0, 5.0, 1.0])
    image = reorient(Volume((flat * field).astype(np.float32), affine), tuple(codes))
    corrected = reorient(correct_bias(image), ("R", "A", "S"))
    inside = flat > 0
    left = np.log(corrected.array[inside] / flat[inside])
    before = np.log(field[inside])
    assert left.std() < 0.35 * before.std()
    assert np.median(corrected.array[inside]) == pytest.approx(
        np.median((flat * field)[inside]), rel=0.1
    )


def test_real_subject_t1_like_and_t2_like_follow_dixon(tum) -> None:  # type: ignore[no-untyped-def]
    """T1w-like and T2w-like images from the pair, fat added in four grades."""
    found: dict[str, list[float]] = {"t1": [], "t2": []}
    truth = []
    labels, pair = tum("TUM01")
    box = np.s_[90:310, 150:280, ::4]
    labels = LabelMap(labels.array[box], np.diag([-1.0, -1.0, 16.0, 1.0]))
    water, fat = (v.array[box].astype(float) for v in (pair.water, pair.fat))
    rng = np.random.default_rng(0)
    streaks = -np.abs(ndimage.gaussian_filter(rng.standard_normal(water.shape), (3, 4, 0.5)))
    inside = labels.array > 0
    for grade in (0.0, 0.15, 0.3, 0.5):
        added = inside & (streaks > np.quantile(streaks[inside], 1 - grade))
        w, f = np.where(added, 0.1 * water, water), np.where(added, fat + 2.7 * water, fat)
        infiltrated = DixonPair(Volume(w, labels.affine), Volume(f, labels.affine))
        sums = slice_sums(labels, infiltrated)
        truth += [fat_measure(s.over()).fat_ratio for s in sums.values()]
        share = (f / 2.7) / np.maximum(w + f / 2.7, 1.0) * (w + f / 2.7 > 60)
        for name, (muscle, bright) in {"t1": (36, 100), "t2": (13, 75)}.items():
            image = muscle + (bright - muscle) * share + rng.normal(0, 2, share.shape)
            result = intensity_fat(Volume(image, labels.affine), labels)
            found[name] += list(result.soft_fraction.values())
    for values in found.values():
        assert np.corrcoef(values, truth)[0, 1] > 0.90
