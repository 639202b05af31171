"""Samples show the user's images, never with swapped sides, and only where they are labelled."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from adaptation import QUICK, SPACING_MM, dixon, single
from lpm_segmentator.core import LabelMap
from lpm_segmentator.segment.compact import CompactSpec
from lpm_segmentator.train.adapt.samples import draw_sample, slices_of
from lpm_segmentator.train.draw import Draw
from lpm_segmentator.train.labelled import IGNORED

SPEC = CompactSpec("tiny", "1", SPACING_MM, 1, 2, pairs=True)
PATCH = (48, 64)


def test_slices_without_a_muscle_are_not_learnt_from():
    slices = slices_of(single(slices=(1, 4)), SPEC)
    assert slices.labelled == (1, 4)
    assert slices.wide
    assert [len(context) for context in slices.contexts] == [3] * 6


def test_a_dixon_pair_gives_both_images_and_the_tight_boundary():
    slices = slices_of(dixon(), SPEC)
    assert len(slices.images) == 2
    assert not slices.wide
    alone = slices_of(dixon(), dataclasses.replace(SPEC, pairs=False))
    assert len(alone.images) == 1


def test_ignored_voxels_stay_ignored():
    case = single()
    array = np.where(case.labels.array == 2, 9, case.labels.array)
    scheme = case.labels.scheme.ignoring([9])
    case = dataclasses.replace(case, labels=LabelMap(array, case.labels.affine, scheme))
    labels = slices_of(case, SPEC).labels
    assert set(labels.unique().tolist()) == {0, 1, 3, 4, IGNORED}
    sample = draw_sample([slices_of(case, SPEC)], Draw(0), PATCH, SPACING_MM, QUICK)
    assert (sample.labels == IGNORED).any()


def test_samples_never_have_swapped_sides():
    cases = [slices_of(single(), SPEC), slices_of(dixon(), SPEC)]
    config = dataclasses.replace(QUICK, narrow_field=0.0)
    seen = 0
    for seed in range(60):
        labels = draw_sample(cases, Draw(seed), PATCH, SPACING_MM, config).labels
        columns = [(labels == value).nonzero()[:, 1].float() for value in (1, 2, 3, 4)]
        if all(len(column) for column in columns):
            centres = [float(column.mean()) for column in columns]
            assert centres == sorted(centres)  # columns run from right to left
            seen += 1
    assert seen > 20


def test_the_same_seed_gives_the_same_sample():
    cases = [slices_of(single(), SPEC)]
    one, other, third = (
        draw_sample(cases, Draw(seed), PATCH, SPACING_MM, QUICK) for seed in (5, 5, 6)
    )
    assert torch.equal(one.image, other.image)
    assert torch.equal(one.labels, other.labels)
    assert not torch.equal(one.image, third.image)
    assert one.image.shape == (3, *PATCH)
