"""Warping a subject to other muscle shapes: sides are kept, muscles lie as in the shape."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lpm_segmentator.measure import dice, overlap
from lpm_segmentator.train.compact.config import SynthesisConfig
from lpm_segmentator.train.synthesis.shapes import fit_warps, shapes_of
from lpm_segmentator.train.synthesis.subjects import TrainingSubject
from lpm_segmentator.train.synthesis.synthesiser import Synthesiser
from lpm_segmentator.train.synthesis.warps import Warp
from training import phantom_subject


@pytest.fixture(scope="module")
def warped() -> tuple[TrainingSubject, torch.Tensor]:
    other = phantom_subject(8)
    # Broad, low muscles: a shape that the subject does not have.
    columns = (torch.arange(0, other.labels.shape[2] - 1, 0.75)).long()
    shapes = shapes_of(other.labels[:, :, columns], 2.5)
    subject = phantom_subject(3)
    return subject.with_warps(fit_warps(subject, shapes)), shapes


def test_a_subject_takes_the_shape(warped: tuple[TrainingSubject, torch.Tensor]) -> None:
    subject, shapes = warped
    assert subject.warps is not None
    for index, shape in enumerate(shapes):
        own = shapes_of(subject.labels[subject.warps.slices[index]][None], subject.spacing_mm)[0]
        shift = subject.warps.shift_mm[index]
        before = _matched(own, shape, Warp(torch.zeros_like(shift)))
        after = _matched(own, shape, Warp(shift))
        assert after > 0.85, index
        assert after > before + 0.05


def _matched(own: torch.Tensor, shape: torch.Tensor, warp: Warp) -> float:
    """Dice of a subject's warped slice and a shape scaled to the same area."""
    scale = float(((shape > 0).sum() / (own > 0).sum()).sqrt())
    rows, columns = (2.5 * (torch.arange(n) - (n - 1) / 2) for n in own.shape)
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    source_x, source_y = warp.source_mm(x, y)
    taken = (
        _take(own, source_y / 2.5, source_x / 2.5),
        _take(shape, y * scale / 2.5, x * scale / 2.5),
    )
    return float(np.mean([dice(overlap(taken[0] == v, taken[1] == v)) for v in (1, 2, 3, 4)]))


def test_samples_resemble_the_shape(warped: tuple[TrainingSubject, torch.Tensor]) -> None:
    """The shapes are a third broader than the other phantom, so warped samples are broader too."""
    small = {"spacing_mm": 3.0, "patch": (64, 80), "near_patch": (64, 80), "negatives": 0.0}
    plain = {"pelvis": 0.0, "narrow_field": 0.0, "infiltration": 0.0, "single_slice": 1.0}
    broad = []
    for share in (0.0, 1.0):
        config = SynthesisConfig(**small, **plain, shapes=share)
        labels = Synthesiser([warped[0]], config).batch(60, seed=4, step=0).labels
        broad.append(float(np.median([_breadth(plane) for plane in labels if plane.any()])))
    assert broad[1] > 1.1 * broad[0]


def _breadth(labels: torch.Tensor) -> float:
    """Ratio of the lateral and the anterior–posterior spread of the muscles."""
    rows, columns = labels.nonzero(as_tuple=True)
    return float(columns.float().std() / rows.float().std())


def _take(labels: torch.Tensor, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    height, width = labels.shape
    row = (y + (height - 1) / 2).round().long().clamp(0, height - 1)
    column = (x + (width - 1) / 2).round().long().clamp(0, width - 1)
    return labels[row, column]


def test_no_displacement_folds_the_image(warped: tuple[TrainingSubject, torch.Tensor]) -> None:
    assert warped[0].warps is not None
    x, y = warped[0].warps.shift_mm.unbind(1)
    across, down = 1 + x.diff(dim=2)[:, :-1] / 2.5, 1 + y.diff(dim=1)[:, :, :-1] / 2.5
    sheared = x.diff(dim=1)[:, :, :-1] / 2.5 * y.diff(dim=2)[:, :-1] / 2.5
    assert float((across * down - sheared).min()) > 0


def test_warped_samples_keep_their_sides(warped: tuple[TrainingSubject, torch.Tensor]) -> None:
    config = SynthesisConfig(
        spacing_mm=3.0, patch=(64, 80), near_patch=(48, 64), shapes=1.0, negatives=0.0
    )
    labels = Synthesiser([warped[0]], config).batch(40, seed=2, step=0).labels
    compared = 0
    for plane in labels:
        columns = [torch.nonzero(plane == v)[:, 1].float() for v in (1, 2, 3, 4)]
        if all(len(c) > 30 for c in columns):
            means = [float(c.mean()) for c in columns]
            assert means == sorted(means)
            compared += 1
    assert compared > 10


def test_a_subject_without_warps_is_not_warped_to_shapes() -> None:
    subject = phantom_subject(3)
    small = {"spacing_mm": 3.0, "patch": (64, 80), "near_patch": (48, 64)}
    drawn = [
        Synthesiser([subject], SynthesisConfig(**small, shapes=share)).batch(4, seed=1, step=0)
        for share in (0.0, 1.0)
    ]
    assert torch.equal(drawn[0].images, drawn[1].images)
