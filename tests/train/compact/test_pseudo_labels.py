"""Unlabelled water images: reformatted in place, completed with fat, labelled by a model."""

from __future__ import annotations

import numpy as np
import pytest

from lpm_segmentator.core import LabelMap, Volume, reorient
from lpm_segmentator.samples.phantom import make_phantom
from lpm_segmentator.segment import embedded_predictor
from lpm_segmentator.train.compact.config import SynthesisConfig
from lpm_segmentator.train.compact.pseudo_labels import (
    axial_reformat,
    estimated_fat,
    pseudo_labelled,
)
from lpm_segmentator.train.draw import Draw
from lpm_segmentator.train.synthesis.subjects import TrainingSubject
from lpm_segmentator.train.synthesis.synthesiser import Synthesiser
from phantoms import Truthful
from training import phantom_subject


def _sagittal(shape: tuple[int, int, int] = (20, 30, 40)) -> Volume:
    """A ramp in world coordinates on sagittal slices of 4 mm that lie obliquely."""
    turn = np.deg2rad(8.0)
    axes = np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]])
    affine = np.eye(4)
    affine[:3, :3] = axes @ np.diag([4.0, 1.0, 1.0])
    affine[:3, 3] = (-35.0, 12.0, -80.0)
    points = np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    ramp = points @ np.array([1.0, 2.0, 3.0]) + 500
    return reorient(Volume(ramp.astype(np.float32), affine), ("I", "P", "L"))


def test_a_reformat_shows_every_point_where_it_was() -> None:
    axial = axial_reformat(_sagittal())
    assert axial.spacing_mm == pytest.approx((1.0, 1.0, 4.0))
    assert axial.shape == (80, 30, 10)
    points = axial.geometry.voxel_to_world(np.moveaxis(np.indices(axial.shape), 0, -1))
    inner = np.s_[8:-8, 2:-2, 1:-1]
    wanted = points @ np.array([1.0, 2.0, 3.0]) + 500
    np.testing.assert_allclose(axial.array[inner], wanted[inner], atol=0.05)


def test_fat_fills_the_body_where_water_is_dark() -> None:
    water = np.zeros((2, 60, 40), np.float32)
    muscle = np.zeros(water.shape, bool)
    muscle[:, 20:40] = True
    water[:, 20:40] = 100.0
    water[:, 10:20] = 50.0  # half water
    water[:, 50] = 80.0  # skin; fat between it and the muscle, air behind it
    fat = estimated_fat(water, muscle, 1.0)
    np.testing.assert_allclose(fat[muscle], 0, atol=1e-3)
    np.testing.assert_allclose(fat[:, 12:18], 87.5, rtol=1e-3)
    np.testing.assert_allclose(fat[:, 42:48], 175.0, rtol=1e-3)
    assert fat[:, 51:].max() == 0


def test_only_confident_labels_are_used() -> None:
    phantom = make_phantom(seed=1, shape=(120, 90, 40), spacing_mm=(2.5, 2.5, 4.0))
    water = Volume(phantom.water, phantom.affine)
    marks = reorient(LabelMap(phantom.labels, phantom.affine), ("L", "P", "S"))
    taught = pseudo_labelled("P", water, Truthful(marks, confidence=0.95))
    assert taught is not None
    kept = np.asarray(marks.array).T
    kept = kept[kept.any(axis=(1, 2))]
    counts = [int((taught.labels == value).sum()) for value in range(1, 5)]
    assert counts == [int((kept == value).sum()) for value in range(1, 5)]
    assert pseudo_labelled("P", water, Truthful(marks, confidence=0.6)) is None


def test_the_embedded_model_labels_a_sagittal_volume() -> None:
    phantom = make_phantom(seed=2, shape=(240, 170, 60), spacing_mm=(1.0, 1.0, 2.0))
    sagittal = reorient(Volume(phantom.water, phantom.affine), ("P", "I", "R"))
    truth = LabelMap(phantom.labels, phantom.affine)
    taught = pseudo_labelled("P", sagittal, embedded_predictor())
    assert taught is not None
    assert taught.spacing_mm == pytest.approx(1.0)
    assert not taught.whole
    # Every second slice: the reformat's are twice as thick.
    volume = int((truth.array > 0).sum()) / 2
    share = len(taught.labels) / (truth.foreground.any(axis=(0, 1)).sum() / 2)
    assert 0.5 < share < 1.2
    assert int((taught.labels > 0).sum()) / share == pytest.approx(volume, rel=0.2)
    muscle = taught.labels > 0
    assert float(taught.fat[muscle].median()) < 0.2 * float(taught.water[muscle].median())


def test_no_pelvis_is_drawn_beside_a_narrow_image(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = phantom_subject(shape=(140, 100, 6), spacing_mm=(2.5, 2.5, 16.0))
    config = SynthesisConfig(
        spacing_mm=3.0, patch=(64, 80), near_patch=(48, 64), pelvis=1.0, negatives=0.0
    )
    drawn = []
    monkeypatch.setattr(
        "lpm_segmentator.train.synthesis.synthesiser.add_pelvis",
        lambda tissue, *_: drawn.append(1) or tissue,
    )

    def pelvises(subject: TrainingSubject) -> int:
        drawn.clear()
        for seed in range(20):
            Synthesiser([subject], config).sample(Draw(seed))
        return len(drawn)

    assert pelvises(whole) > 0
    assert pelvises(whole.truncated()) == 0
