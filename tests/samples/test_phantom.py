"""The phantom: repeatable, in range, with the true values that it states."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lpm_segmentator.io import read_image, read_label_map
from lpm_segmentator.levels import corrected_levels, to_slices
from lpm_segmentator.samples.phantom import Phantom, make_phantom, phantom_sample

SMALL = {"shape": (128, 128, 10), "spacing_mm": (2.0, 2.0, 10.0)}


def small(seed: int = 0, **options: float) -> Phantom:
    return make_phantom(seed=seed, **SMALL, **options)  # type: ignore[arg-type]


def measured_ratio(phantom: Phantom, label: int) -> float:
    inside = phantom.labels == label
    fat = phantom.fat[inside].sum(dtype=np.float64)
    return float(fat / (fat + phantom.water[inside].sum(dtype=np.float64)))


def test_same_seed_gives_the_same_phantom_and_another_seed_another() -> None:
    first, again, other = small(3), small(3), small(4)
    for name in ("water", "fat", "t1w", "t2w", "labels"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
        assert not np.array_equal(getattr(first, name), getattr(other, name))


def test_images_are_finite_non_negative_and_float32() -> None:
    phantom = small()
    for image in (phantom.water, phantom.fat, phantom.t1w, phantom.t2w):
        assert image.shape == SMALL["shape"]
        assert image.dtype == np.float32
        assert np.isfinite(image).all()
        assert image.min() >= 0
        assert image.max() > image.min()
    assert phantom.labels.dtype == np.uint8
    assert set(np.unique(phantom.labels)) == {0, 1, 2, 3, 4}


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), grade=st.floats(0, 1))
def test_measured_fat_ratio_is_the_true_one_within_half_a_point(seed: int, grade: float) -> None:
    phantom = small(seed, fat_grade=grade)
    for label in range(1, 5):
        assert measured_ratio(phantom, label) == pytest.approx(phantom.fat_ratio[label], abs=0.005)


def test_volumes_are_voxels_times_voxel_volume() -> None:
    phantom = small()
    for label in range(1, 5):
        expected = np.count_nonzero(phantom.labels == label) * 2.0 * 2.0 * 10.0 / 1000
        assert phantom.volumes_ml[label] == pytest.approx(expected, abs=1e-9)


def test_fat_grade_sets_the_infiltration() -> None:
    lean, heavy = small(1, fat_grade=0.0), small(1, fat_grade=1.0)
    for label in (2, 3):
        assert lean.fat_ratio[label] < 0.20
        assert 0.40 < heavy.fat_ratio[label] < 0.70
    for label in (1, 4):
        assert lean.fat_ratio[label] < heavy.fat_ratio[label]


@pytest.mark.parametrize("seed", range(4))
def test_anatomy_keeps_its_order(seed: int) -> None:
    phantom = make_phantom(seed=seed, shape=(200, 128, 12), spacing_mm=(2.0, 2.0, 10.0))
    where = {n: np.argwhere(phantom.labels == n) @ np.diag([2.0, 2.0, 10.0]) for n in range(1, 5)}
    left = {n: float(points[:, 0].mean()) for n, points in where.items()}
    assert left[1] < left[2] < left[3] < left[4]
    area = {n: (phantom.labels == n).sum((0, 1)) for n in range(1, 5)}
    for multifidus in (2, 3):  # grows downwards, while erector spinae narrows
        assert area[multifidus][:3].mean() > 2 * area[multifidus][-3:].mean()
    for erector in (1, 4):
        assert area[erector][:3].mean() < 0.8 * area[erector][-3:].mean()
    for right, left_label in ((1, 4), (2, 3)):
        ratio = phantom.volumes_ml[right] / phantom.volumes_ml[left_label]
        assert 0.6 < ratio < 1.6
    assert 80 < phantom.volumes_ml[1] < 350
    assert 25 < phantom.volumes_ml[2] < 160


def test_affine_runs_left_posterior_superior_and_centres_the_stack() -> None:
    phantom = small()
    np.testing.assert_allclose(phantom.affine[:3, :3], np.diag([-2.0, -2.0, 10.0]))
    centre = phantom.affine @ np.append((np.asarray(SMALL["shape"]) - 1) / 2, 1.0)
    np.testing.assert_allclose(centre[:3], 0.0, atol=1e-9)


def test_discs_run_upwards_with_the_slices() -> None:
    discs = make_phantom(seed=1, shape=(64, 64, 24), spacing_mm=(4.0, 4.0, 5.0)).disc_slices
    assert list(discs)[-3:] == ["L3-L4", "L2-L3", "L1-L2"]
    assert list(discs.values()) == sorted(discs.values())


def test_arrays_cannot_be_written_to() -> None:
    phantom = small()
    with pytest.raises(ValueError, match="read-only"):
        phantom.labels[0, 0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        phantom.water[0, 0, 0] = 1


def test_a_single_slice_and_odd_spacings_work() -> None:
    assert make_phantom(seed=2, shape=(200, 180, 1), spacing_mm=(1.5, 1.2, 4.0)).labels.any()


@pytest.mark.parametrize(
    "options",
    [
        {"shape": (0, 10, 10)},
        {"spacing_mm": (1.0, -1.0, 4.0)},
        {"spacing_mm": (1.0, float("nan"), 4.0)},
        {"fat_grade": 1.5},
        {"noise": -0.1},
    ],
)
def test_arguments_outside_their_range_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must"):
        make_phantom(**options)  # type: ignore[arg-type]


@pytest.mark.slow
def test_default_phantom_is_quick() -> None:
    start = time.perf_counter()
    make_phantom()
    assert time.perf_counter() - start < 6.0  # 1.5 s on an idle core; the rest is for a busy one


def test_the_sample_is_a_case_with_reference_and_levels(tmp_path: Path) -> None:
    sample = phantom_sample(tmp_path)
    water, labels = read_image(sample.water).volume, read_label_map(sample.reference).labels
    assert water.geometry == read_image(sample.fat).volume.geometry == labels.geometry
    values = json.loads(sample.levels.read_text(encoding="utf-8"))
    slices = to_slices(corrected_levels(values, water.geometry), water.geometry)
    assert {str(disc): index for disc, index in slices.items()} == dict(
        make_phantom(seed=7, shape=(340, 230, 24)).disc_slices
    )
