"""Bending a subject to other people's muscles: sides kept, muscles where the shape has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lpm_segmentator.core import FileFormatError, InputError, Volume
from lpm_segmentator.io import write_image
from lpm_segmentator.train.config import SynthesisConfig
from lpm_segmentator.train.phantom import make_phantom
from lpm_segmentator.train.recipe import ShapeFile, read_shapes
from lpm_segmentator.train.shapes import Bend, fit_warps, shapes_of
from lpm_segmentator.train.subjects import TrainingSubject, training_subject
from lpm_segmentator.train.synthesis import Synthesiser


def _subject(seed: int) -> TrainingSubject:
    phantom = make_phantom(seed=seed, shape=(140, 100, 4), spacing_mm=(2.5, 2.5, 20.0))
    return training_subject(str(seed), phantom.water.T, phantom.fat.T, phantom.labels.T, 2.5)


@pytest.fixture(scope="module")
def bent() -> tuple[TrainingSubject, torch.Tensor]:
    other = _subject(8)
    # Broad, low muscles: a shape that the subject does not have.
    columns = (torch.arange(0, other.labels.shape[2] - 1, 0.75)).long()
    shapes = shapes_of(other.labels[:, :, columns], 2.5)
    subject = _subject(3)
    return subject.with_warps(fit_warps(subject, shapes)), shapes


def _dice(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def test_a_subject_takes_the_shape(bent: tuple[TrainingSubject, torch.Tensor]) -> None:
    subject, shapes = bent
    assert subject.warps is not None
    for index, shape in enumerate(shapes):
        own = shapes_of(subject.labels[subject.warps.middle[index]][None], subject.spacing_mm)[0]
        shift = subject.warps.shift_mm[index]
        before = _matched(own, shape, Bend(torch.zeros_like(shift)))
        after = _matched(own, shape, Bend(shift))
        assert after > 0.85, index
        assert after > before + 0.05


def _matched(own: torch.Tensor, shape: torch.Tensor, bend: Bend) -> float:
    """Dice of a subject's bent slice and a shape scaled to the same area."""
    scale = float(((shape > 0).sum() / (own > 0).sum()).sqrt())
    rows, columns = (2.5 * (torch.arange(n) - (n - 1) / 2) for n in own.shape)
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    source_x, source_y = bend.source_mm(x, y)
    taken = (
        _take(own, source_y / 2.5, source_x / 2.5),
        _take(shape, y * scale / 2.5, x * scale / 2.5),
    )
    return float(np.mean([_dice(taken[0] == v, taken[1] == v) for v in (1, 2, 3, 4)]))


def test_samples_come_nearer_to_the_shape(bent: tuple[TrainingSubject, torch.Tensor]) -> None:
    """The shapes are a third broader than the other phantom, so bent samples are broader too."""
    small = {"spacing_mm": 3.0, "patch": (64, 80), "near_patch": (64, 80), "foreign": 0.0}
    plain = {"pelvis": 0.0, "narrow_field": 0.0, "infiltration": 0.0, "single_slice": 1.0}
    broad = []
    for share in (0.0, 1.0):
        config = SynthesisConfig(**small, **plain, shapes=share)
        labels = Synthesiser([bent[0]], config).batch(60, seed=4, step=0).labels
        broad.append(float(np.median([_breadth(plane) for plane in labels if plane.any()])))
    assert broad[1] > 1.1 * broad[0]


def _breadth(labels: torch.Tensor) -> float:
    """Spread of the muscles to the sides over that from front to back."""
    rows, columns = labels.nonzero(as_tuple=True)
    return float(columns.float().std() / rows.float().std())


def _take(labels: torch.Tensor, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    height, width = labels.shape
    row = (y + (height - 1) / 2).round().long().clamp(0, height - 1)
    column = (x + (width - 1) / 2).round().long().clamp(0, width - 1)
    return labels[row, column]


def test_no_displacement_folds_the_image(bent: tuple[TrainingSubject, torch.Tensor]) -> None:
    assert bent[0].warps is not None
    x, y = bent[0].warps.shift_mm.unbind(1)
    across, down = 1 + x.diff(dim=2)[:, :-1] / 2.5, 1 + y.diff(dim=1)[:, :, :-1] / 2.5
    sheared = x.diff(dim=1)[:, :, :-1] / 2.5 * y.diff(dim=2)[:, :-1] / 2.5
    assert float((across * down - sheared).min()) > 0


def test_bent_samples_keep_their_sides(bent: tuple[TrainingSubject, torch.Tensor]) -> None:
    config = SynthesisConfig(
        spacing_mm=3.0, patch=(64, 80), near_patch=(48, 64), shapes=1.0, foreign=0.0
    )
    labels = Synthesiser([bent[0]], config).batch(40, seed=2, step=0).labels
    compared = 0
    for plane in labels:
        columns = [torch.nonzero(plane == v)[:, 1].float() for v in (1, 2, 3, 4)]
        if all(len(c) > 30 for c in columns):
            means = [float(c.mean()) for c in columns]
            assert means == sorted(means)
            compared += 1
    assert compared > 10


def test_a_subject_without_warps_is_not_bent() -> None:
    subject = _subject(3)
    small = {"spacing_mm": 3.0, "patch": (64, 80), "near_patch": (48, 64)}
    drawn = [
        Synthesiser([subject], SynthesisConfig(**small, shapes=share)).batch(4, seed=1, step=0)
        for share in (0.0, 1.0)
    ]
    assert torch.equal(drawn[0].images, drawn[1].images)


def test_a_label_map_is_read_by_the_values_of_the_recipe(tmp_path: Path) -> None:
    phantom = make_phantom(seed=1, shape=(110, 80, 4), spacing_mm=(3.0, 3.0, 10.0))
    other_values = np.array([0, 13, 11, 12, 14], dtype=np.int16)[phantom.labels]
    write_image(Volume(other_values.astype(np.float32), phantom.affine), tmp_path / "m.nii.gz")
    empty = tmp_path / "empty"
    file = ShapeFile("m.nii.gz", {13: 1, 11: 2, 12: 3, 14: 4})
    shapes = read_shapes(file, [empty, tmp_path])
    assert set(shapes.unique().tolist()) == {0, 1, 2, 3, 4}
    right, left = ((shapes == v).nonzero()[:, 2].float().mean() for v in (1, 4))
    assert right < left
    with pytest.raises(InputError, match="no slice holds all four muscles"):
        read_shapes(ShapeFile("m.nii.gz", {13: 1}), [tmp_path])
    with pytest.raises(FileFormatError):
        read_shapes(file, [empty])
