"""Training images: repeatable, in range, labels where the image is."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from lpm_segmentator.core import InputError
from lpm_segmentator.segment.compact import normalise as normalise_numpy
from lpm_segmentator.train.compact.config import SynthesisConfig
from lpm_segmentator.train.draw import Draw
from lpm_segmentator.train.labelled import IGNORED
from lpm_segmentator.train.synthesis.acquisition import normalise
from lpm_segmentator.train.synthesis.negatives import negative_tissue
from lpm_segmentator.train.synthesis.subjects import TrainingSubject, training_subject
from lpm_segmentator.train.synthesis.synthesiser import Synthesiser, mirrored
from training import phantom_subject

SMALL = SynthesisConfig(spacing_mm=3.0, patch=(64, 80), near_patch=(48, 64))


@pytest.fixture(scope="module")
def subject() -> TrainingSubject:
    return phantom_subject(shape=(140, 100, 6), spacing_mm=(2.5, 2.5, 16.0))


def test_the_same_seed_and_step_give_the_same_batch(subject: TrainingSubject) -> None:
    first = Synthesiser([subject], SMALL).batch(3, seed=5, step=7)
    again = Synthesiser([subject], SMALL).batch(3, seed=5, step=7)
    other = Synthesiser([subject], SMALL).batch(3, seed=5, step=8)
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.labels, again.labels)
    assert not torch.equal(first.images, other.images)


def test_images_are_finite_and_labels_known(subject: TrainingSubject) -> None:
    batch = Synthesiser([subject], SMALL).batch(40, seed=1, step=0)
    assert batch.images.shape == (40, 3, 64, 80)
    assert batch.labels.shape == (40, 64, 80)
    assert torch.isfinite(batch.images).all()
    assert set(batch.labels.unique().tolist()) == {0, 1, 2, 3, 4}
    seen = [(labels > 0).any() for labels in batch.labels]
    assert np.mean(seen) > 0.8


def test_the_right_side_stays_on_the_right(subject: TrainingSubject) -> None:
    # Columns run from the patient's right to left: right labels must lie at smaller columns.
    batch = Synthesiser([subject], SMALL).batch(60, seed=2, step=0)
    compared = 0
    for labels in batch.labels:
        columns = {v: torch.nonzero(labels == v)[:, 1].float() for v in (1, 2, 3, 4)}
        if all(len(c) > 30 for c in columns.values()):
            means = [float(columns[v].mean()) for v in (1, 2, 3, 4)]
            assert means == sorted(means)
            compared += 1
    assert compared > 15


def test_labels_lie_within_the_field_of_view(subject: TrainingSubject) -> None:
    narrow = SynthesisConfig(spacing_mm=3.0, patch=(64, 80), near_patch=(48, 64), narrow_field=1.0)
    drawing = Synthesiser([subject], narrow)
    for index in range(20):
        image, labels = drawing.sample(Draw(index))
        # Outside the field all three slices hold one constant: the gain and offset of zero.
        outside = (image == image[:, :1, :1]).all(0)
        assert not (labels[outside] > 0).float().mean() > 0.02


def test_low_slices_are_drawn_more_often(subject: TrainingSubject) -> None:
    low = SynthesisConfig(
        spacing_mm=3.0, patch=(64, 80), near_patch=(48, 64), low_slices=1.0, single_slice=1.0
    )
    drawing = Synthesiser([subject], low)
    assert {drawing._choose_slices(subject, None, Draw(seed))[1] for seed in range(30)} == {0}


def test_without_contrasts_the_image_is_water_or_fat(
    subject: TrainingSubject,
) -> None:
    plain = dataclasses.replace(
        SMALL, contrasts=0.0, acquisition=0.0, negatives=0.0, narrow_field=0
    )
    drawing = Synthesiser([subject], plain)
    shown = []
    for seed in range(12):
        image, _ = drawing.sample(Draw(seed), plain.patch)
        draw = Draw(seed)
        draw.chance(plain.negatives)
        tissue = drawing._tissue(plain.patch, draw)
        alike = [
            float(torch.corrcoef(torch.stack([side.flatten(), part.flatten()]))[0, 1])
            for side in (image, image.flip(-1))
            for part in (tissue.water, tissue.fat)
        ]
        assert max(alike) > 0.995
        shown.append(alike.index(max(alike)) % 2)
    assert set(shown) == {0, 1}


def test_mirroring_swaps_sides_and_twice_changes_nothing() -> None:
    labels = torch.tensor([[0, 1, 2, 3, 4, IGNORED]])
    assert mirrored(labels).tolist() == [[IGNORED, 1, 2, 3, 4, 0]]
    assert torch.equal(mirrored(mirrored(labels)), labels)


def test_negative_examples_have_no_labels(subject: TrainingSubject) -> None:
    config = SynthesisConfig(spacing_mm=3.0, patch=(64, 80), near_patch=(48, 64), negatives=1.0)
    batch = Synthesiser([subject], config).batch(10, seed=1, step=0)
    assert not batch.labels.any()
    assert (batch.images.std((1, 2, 3)) > 0.05).all()


def test_a_step_draws_one_patch_for_all_its_images(subject: TrainingSubject) -> None:
    drawing = Synthesiser([subject], SMALL)
    shapes = {tuple(drawing.batch(2, seed=3, step=s).labels.shape[1:]) for s in range(20)}
    assert shapes == {(64, 80), (48, 64)}


def test_training_and_the_predictor_normalise_alike() -> None:
    image = torch.rand(3, 50, 60, generator=torch.Generator().manual_seed(0)) ** 3 * 700
    np.testing.assert_allclose(
        normalise(image).numpy(), normalise_numpy(image.numpy()), rtol=1e-5, atol=1e-6
    )


def test_a_subject_without_labels_is_refused() -> None:
    image = np.random.default_rng(0).uniform(1, 2, (3, 30, 30))
    with pytest.raises(InputError, match="no labelled voxel"):
        training_subject("x", image, image, np.zeros((3, 30, 30), np.uint8), 1.0)


def test_half_of_the_negative_examples_are_symmetric() -> None:
    symmetric = 0
    for seed in range(40):
        water = negative_tissue((40, 60), 1, Draw(seed)).water
        symmetric += bool(torch.equal(water, water.flip(-1)))
    assert 8 <= symmetric <= 32
