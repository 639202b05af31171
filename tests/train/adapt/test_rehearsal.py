"""Rehearsal images: drawn once, the same for all trainings."""

from __future__ import annotations

import dataclasses

import torch

from adaptation import QUICK, SPACING_MM
from lpm_segmentator.segment.compact import CompactSpec
from lpm_segmentator.train.adapt.rehearsal import packaged_subject, rehearsal
from lpm_segmentator.train.draw import Draw


def test_the_packaged_pair_gives_images_of_both_sizes():
    subject = packaged_subject()
    assert subject.labels.present == (1, 2, 3, 4)
    spec = CompactSpec("tiny", "1", SPACING_MM, 1, 2, pairs=True)
    config = dataclasses.replace(QUICK, rehearsal_images=5, near_share=0.6)
    one, other = (rehearsal([subject], spec, config) for _ in range(2))
    assert one.near.shape == (3, 3, *config.near_patch)
    assert one.whole.shape == (2, 3, *config.patch)
    assert torch.equal(one.near, other.near)
    drawn = one.draw(Draw(0), config.patch, 4)
    assert [image.shape for image in drawn] == [(3, *config.patch)] * 4
