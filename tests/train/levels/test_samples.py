"""Samples of the marking network: repeatable, and labelled where they show a disc."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch

from box_spine import write_box_subject
from lpm_segmentator.levels.model import CHANNELS
from lpm_segmentator.train.levels.samples import PATCH, draw_batch
from lpm_segmentator.train.levels.subjects import ANY_DISC, LevelSubject, read_level_subjects


@pytest.fixture(scope="module")
def subjects(tmp_path_factory: pytest.TempPathFactory) -> list[LevelSubject]:
    folder = tmp_path_factory.mktemp("data")
    for name in ("a_water", "b_spinecho"):
        write_box_subject(folder, name)
    return read_level_subjects({}, folder)


def test_the_same_step_gives_the_same_samples(subjects: list[LevelSubject]) -> None:
    one, again, other = (draw_batch(subjects, 3, seed=1, step=step) for step in (4, 4, 5))
    for first, second, different in zip(one, again, other, strict=True):
        assert torch.equal(first, second)
        assert not torch.equal(first, different)


def test_samples_have_the_shape_and_range_of_the_network(subjects: list[LevelSubject]) -> None:
    images, targets = draw_batch(subjects, 12, seed=0, step=0)
    assert images.shape == (12, 1, *PATCH)
    assert targets.shape == (12, CHANNELS + 1, *PATCH)
    assert images.isfinite().all()
    assert float(targets.min()) >= 0
    assert float(targets.max()) <= 1
    discs = targets[:, ANY_DISC]
    assert (discs.amax((1, 2)) > 0.5).float().mean() > 0.5
    named = targets[:, :ANY_DISC].amax(1)
    assert bool((named <= discs + 1e-6).all())


def test_nothing_is_marked_outside_the_field_of_view(
    subjects: list[LevelSubject], monkeypatch: pytest.MonkeyPatch
) -> None:
    visible = torch.zeros(PATCH)
    visible[:, 30:60] = 1
    monkeypatch.setattr(
        "lpm_segmentator.train.levels.samples._field_of_view", lambda _: visible.clone()
    )
    _, targets = draw_batch(subjects, 4, seed=0, step=0)
    assert float(targets[:, :CHANNELS, :, :30].abs().max()) == 0
    assert float(targets[:, :CHANNELS, :, 60:].abs().max()) == 0
