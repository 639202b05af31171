from __future__ import annotations

import builtins
import math

import numpy as np
import pytest
from scipy import ndimage

from lpm_segmentator.core.errors import GeometryError, MissingExtraError
from lpm_segmentator.core.transform import reorient
from lpm_segmentator.core.volume import LabelMap, Volume
from lpm_segmentator.measure import (
    IntensityMethod,
    correct_bias,
    intensity_fat,
    measure_case,
    split_intensities,
)
from lpm_segmentator.train.phantom import make_phantom

pytest.importorskip("sklearn", reason="needs the extra t1t2")
pytest.importorskip("skimage", reason="needs the extra t1t2")

METHODS = list(IntensityMethod)


def shares(
    image: Volume, labels: LabelMap, name: str = "gmm3_soft", **options: bool
) -> list[float]:
    """Fat of each structure by one map."""
    rows = measure_case(labels, brightness=intensity_fat(image, labels, **options)).rows
    by_key = {f"{r.muscle}_{r.side}": getattr(r, f"fat_{name}") for r in rows}
    return [by_key[s.key] for s in labels.scheme]


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
    assert all("too few" in split.reason for split in empty.splits.values())
    for name, values in empty.maps():
        assert np.isnan(values.array).all(), name


@pytest.mark.parametrize("method", METHODS)
def test_an_image_whose_bright_tissue_is_no_fat_is_refused(method: IntensityMethod) -> None:
    muscle, around = two_tissues(0.2)
    dull = split_intensities(0.1 * muscle + 90, 0.1 * around + 90, method=method)
    assert "fat-suppressed or a water image" in dull.reason
    assert math.isnan(dull.threshold)


def test_a_water_image_gives_no_fat(tum) -> None:  # type: ignore[no-untyped-def]
    labels, pair = tum("TUM01")
    middle = np.s_[:, :, 12:16]
    labels = LabelMap(labels.array[middle], labels.affine)
    measures = measure_case(
        labels, brightness=intensity_fat(Volume(pair.water.array[middle], labels.affine), labels)
    )
    assert "water image" in measures.warnings[0]
    for row in measures.rows:
        assert math.isnan(row.fat_gmm2_soft)
        assert math.isnan(row.fat_otsu_hard)
        assert math.isnan(row.lean_csa_mean_gmm3_mm2)
        assert "water image" in row.note


def t1_like() -> tuple[Volume, LabelMap]:
    made = make_phantom(seed=2, shape=(96, 96, 4), spacing_mm=(2.7, 2.7, 24.0), fat_grade=0.8)
    return Volume(made.t1w, made.affine), LabelMap(made.labels, made.affine)


def test_the_table_is_the_mean_of_the_maps_and_bounds_hold() -> None:
    image, labels = t1_like()
    fat = intensity_fat(image, labels)
    measures = measure_case(labels, brightness=fat)
    maps = dict(fat.maps())
    assert len(maps) == 2 * len(METHODS)
    (row,) = [r for r in measures.rows if (r.muscle, r.side) == ("MF", "R")]
    inside = labels.mask(2)
    for name, values in maps.items():
        found = getattr(row, f"fat_{name}")
        assert found == pytest.approx(float(values.array[inside].mean()), abs=1e-6)
        if name.endswith("hard"):
            assert set(np.unique(values.array)) <= {0.0, 1.0}
    assert row.fat_gmm3_soft_low <= row.fat_gmm3_soft <= row.fat_gmm3_soft_high
    assert row.fat_gmm3_soft_low < row.fat_gmm3_soft_high
    assert row.lean_volume_gmm3_ml == pytest.approx(row.volume_ml * (1 - row.fat_gmm3_soft))
    assert 0 < row.lean_csa_mean_gmm3_mm2 < row.csa_mean_mm2
    assert [s.method for s in measures.splits] == METHODS
    assert math.isnan(row.fat_ratio)  # that name is kept for the Dixon pair's
    profile = [p for p in measures.profile if (p.muscle, p.side) == ("MF", "R")]
    weights = [p.csa_mm2 for p in profile]
    assert np.average([p.fat_gmm3_soft for p in profile], weights=weights) == pytest.approx(
        row.fat_gmm3_soft
    )


def clipped(image: Volume, labels: LabelMap, share: float) -> Volume:
    """The image with its dark end cut off, so that a share of the muscles holds 0."""
    floor = np.quantile(image.array[labels.foreground], share)
    return image.with_array(np.maximum(image.array - floor, 0.0).astype(np.float32))


@pytest.mark.parametrize("method", METHODS)
def test_a_clipped_image_gives_nearly_the_same_fat(method: IntensityMethod) -> None:
    image, labels = t1_like()
    whole = shares(image, labels, f"{method}_soft", correct=False)
    cut = shares(clipped(image, labels, 0.25), labels, f"{method}_soft", correct=False)
    np.testing.assert_allclose(cut, whole, atol=0.07)


def test_a_clipped_image_is_told_and_one_clipped_too_far_refused() -> None:
    image, labels = t1_like()
    told = intensity_fat(clipped(image, labels, 0.25), labels)
    assert any("25 % of the muscle voxels" in warning for warning in told.warnings)
    assert not any(split.reason for split in told.splits.values())
    assert not intensity_fat(clipped(image, labels, 0.1), labels).warnings
    measures = measure_case(labels, brightness=intensity_fat(clipped(image, labels, 0.4), labels))
    assert "40 % of the muscle voxels hold the image's lowest value" in measures.warnings[0]
    assert all(math.isnan(row.fat_gmm3_soft) for row in measures.rows)


def test_methods_that_contradict_each_other_are_told() -> None:
    image, labels = t1_like()
    assert not intensity_fat(image, labels).warnings
    # Muscle of two brightnesses: two Gaussians call the brighter one fat.
    rng = np.random.default_rng(0)
    patchy = np.where(ndimage.gaussian_filter(rng.normal(size=image.shape), 2) > 0, 1.0, 1.8)
    array = np.where(labels.foreground, image.array * patchy, image.array)
    found = intensity_fat(image.with_array(array.astype(np.float32)), labels, correct=False)
    (warning,) = found.warnings
    assert "gmm2" in warning
    assert "otsu" in warning
    assert any("disagree" in w for w in measure_case(labels, brightness=found).warnings)


def test_uneven_lighting_is_corrected_first() -> None:
    pytest.importorskip("SimpleITK", reason="needs the extra t1t2")
    image, labels = t1_like()
    ramp = np.exp(np.linspace(-0.4, 0.4, image.shape[0]))[:, None, None]
    uneven = image.with_array(image.array * ramp)
    moved = {
        correct: np.abs(
            np.subtract(
                shares(uneven, labels, correct=correct), shares(image, labels, correct=correct)
            )
        ).max()
        for correct in (False, True)
    }
    assert moved[False] > 0.03
    assert moved[True] < 0.5 * moved[False]


def test_one_slice_is_corrected_as_a_plane() -> None:
    pytest.importorskip("SimpleITK", reason="needs the extra t1t2")
    flat, field = lit((64, 64, 1))
    affine = np.diag([2.0, 2.0, 5.0, 1.0])
    corrected = correct_bias(Volume((flat * field).astype(np.float32), affine))
    inside = flat > 0
    left = np.log(corrected.array[inside] / flat[inside])
    assert left.std() < 0.5 * np.log(np.broadcast_to(field, flat.shape)[inside]).std()


def test_other_grids_are_refused() -> None:
    labels = LabelMap(np.zeros((4, 4, 2), np.uint8), np.eye(4))
    with pytest.raises(GeometryError, match="different grids"):
        intensity_fat(Volume(np.ones((4, 4, 3)), np.eye(4)), labels)


@pytest.mark.parametrize("contrast", ["t1w", "t2w"])
def test_phantom_fat_follows_its_truth(contrast: str) -> None:
    found, truth = [], []
    for seed, grade in ((1, 0.0), (2, 0.5), (4, 1.0)):
        p = make_phantom(seed=seed, shape=(96, 96, 4), spacing_mm=(2.7, 2.7, 24.0), fat_grade=grade)
        found += shares(Volume(getattr(p, contrast), p.affine), LabelMap(p.labels, p.affine))
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
