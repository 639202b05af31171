from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

from lpm_segmentator.core.errors import GeometryError
from lpm_segmentator.core.volume import LabelMap, Volume
from lpm_segmentator.measure import IntensityMethod, intensity_fat, measure_case
from lpm_segmentator.samples.phantom import make_phantom

pytest.importorskip("sklearn", reason="needs the extra t1t2")
pytest.importorskip("skimage", reason="needs the extra t1t2")
pytest.importorskip("SimpleITK", reason="needs the extra t1t2")

METHODS = list(IntensityMethod)


def shares(
    image: Volume, labels: LabelMap, name: str = "gmm3_soft", **options: bool
) -> list[float]:
    """Fat of each structure by one map."""
    rows = measure_case(labels, intensity=intensity_fat(image, labels, **options)).rows
    by_key = {f"{r.muscle}_{r.side}": r[f"fat_{name}"] for r in rows}
    return [by_key[s.key] for s in labels.scheme]


def test_an_empty_label_map_gives_nan_everywhere() -> None:
    labels = LabelMap(np.zeros((4, 4, 2), np.uint8), np.eye(4))
    empty = intensity_fat(Volume(np.ones((4, 4, 2)), np.eye(4)), labels)
    assert all("too few" in split.reason for split in empty.splits.values())
    for name, values in empty.maps():
        assert np.isnan(values.array).all(), name


def test_a_water_image_gives_no_fat(tum) -> None:  # type: ignore[no-untyped-def]
    labels, pair = tum("TUM01")
    middle = np.s_[:, :, 12:16]
    labels = LabelMap(labels.array[middle], labels.affine)
    measures = measure_case(
        labels, intensity=intensity_fat(Volume(pair.water.array[middle], labels.affine), labels)
    )
    assert "water image" in measures.findings[0].message
    for row in measures.rows:
        assert math.isnan(row["fat_gmm2_soft"])
        assert math.isnan(row["fat_otsu_hard"])
        assert math.isnan(row["lean_csa_mean_gmm3_mm2"])
        assert "water image" in row.note


def t1_like() -> tuple[Volume, LabelMap]:
    made = make_phantom(seed=2, shape=(96, 96, 4), spacing_mm=(2.7, 2.7, 24.0), fat_grade=0.8)
    return Volume(made.t1w, made.affine), LabelMap(made.labels, made.affine)


def test_the_table_is_the_mean_of_the_maps_and_bounds_hold() -> None:
    image, labels = t1_like()
    fat = intensity_fat(image, labels)
    measures = measure_case(labels, intensity=fat)
    maps = dict(fat.maps())
    assert len(maps) == 2 * len(METHODS)
    (row,) = [r for r in measures.rows if (r.muscle, r.side) == ("MF", "R")]
    inside = labels.mask(2)
    for name, values in maps.items():
        found = row[f"fat_{name}"]
        assert found == pytest.approx(float(values.array[inside].mean()), abs=1e-6)
        if name.endswith("hard"):
            assert set(np.unique(values.array)) <= {0.0, 1.0}
    assert row["fat_gmm3_soft_low"] <= row["fat_gmm3_soft"] <= row["fat_gmm3_soft_high"]
    assert row["fat_gmm3_soft_low"] < row["fat_gmm3_soft_high"]
    assert row["lean_volume_gmm3_ml"] == pytest.approx(
        row["volume_ml"] * (1 - row["fat_gmm3_soft"])
    )
    assert 0 < row["lean_csa_mean_gmm3_mm2"] < row["csa_mean_mm2"]
    assert [s.method for s in measures.splits] == METHODS
    assert math.isnan(row["fat_ratio"])  # that name is kept for the Dixon pair's
    profile = [p for p in measures.profile if (p.muscle, p.side) == ("MF", "R")]
    weights = [p["csa_mm2"] for p in profile]
    assert np.average([p["fat_gmm3_soft"] for p in profile], weights=weights) == pytest.approx(
        row["fat_gmm3_soft"]
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


def test_a_clipped_image_is_reported_and_one_clipped_too_far_refused() -> None:
    image, labels = t1_like()
    told = intensity_fat(clipped(image, labels, 0.25), labels)
    assert any("25 % of the muscle voxels" in warning for warning in told.warnings)
    assert not any(split.reason for split in told.splits.values())
    assert not intensity_fat(clipped(image, labels, 0.1), labels).warnings
    measures = measure_case(labels, intensity=intensity_fat(clipped(image, labels, 0.4), labels))
    assert "40 % of the muscle voxels hold the image's lowest value" in measures.findings[0].message
    assert all(math.isnan(row["fat_gmm3_soft"]) for row in measures.rows)


def test_methods_that_contradict_each_other_are_reported() -> None:
    image, labels = t1_like()
    assert not intensity_fat(image, labels).warnings
    # Muscle of two intensities: two Gaussians call the brighter one fat.
    rng = np.random.default_rng(0)
    patchy = np.where(ndimage.gaussian_filter(rng.normal(size=image.shape), 2) > 0, 1.0, 1.8)
    array = np.where(labels.foreground, image.array * patchy, image.array)
    found = intensity_fat(image.with_array(array.astype(np.float32)), labels, correct=False)
    (warning,) = found.warnings
    assert "gmm2" in warning
    assert "otsu" in warning
    findings = measure_case(labels, intensity=found).findings
    assert any("disagree" in finding.message for finding in findings)


def test_uneven_lighting_is_corrected_first() -> None:
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
