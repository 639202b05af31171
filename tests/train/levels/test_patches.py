"""Patches of the naming network: their places agree with what they show."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from box_spine import box_geometry, box_vertebrae
from lpm_segmentator.core import Disc, Volume
from lpm_segmentator.levels.patches import PATCH_PIXELS
from lpm_segmentator.levels.vertebrae import NUMBERINGS, disc_planes
from lpm_segmentator.train.levels import patches as levels_patches
from lpm_segmentator.train.levels.patches import draw_patches, labelled_places
from lpm_segmentator.train.levels.subjects import LevelSubject

STEP_MM = 2.75


@pytest.fixture
def subject() -> LevelSubject:
    """The spine of boxes; its planes show nothing but two discs."""
    geometry = box_geometry()
    vertebrae = box_vertebrae(geometry)
    vertebrae[vertebrae == 6] = 0  # S1 is not labelled
    discs = disc_planes(vertebrae, geometry, NUMBERINGS["levels"])
    world = geometry.voxel_to_world(np.moveaxis(np.indices(geometry.shape), 0, -1))
    planes = np.zeros(geometry.shape, np.float32)
    for disc in (Disc.L2_L3, Disc.L5_S1):
        off = world - discs[str(disc)].centre_mm
        heat = np.exp(-0.5 * (off[..., 1:] / (12.0, 2.5)) ** 2).prod(axis=-1)
        planes += (heat * (np.abs(off[..., 0]) < 10)).astype(np.float32)
    volume = Volume(planes, geometry.affine)
    targets = torch.zeros(len(planes), 8, *planes.shape[1:])
    return LevelSubject("a_water", "a", volume, discs, torch.from_numpy(planes), geometry, targets)


def test_the_place_of_a_patch_is_that_of_its_disc(
    subject: LevelSubject, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without random contrast, so that the disc can be measured.
    monkeypatch.setattr(levels_patches, "change_contrast", lambda image, _: image)
    monkeypatch.setattr(levels_patches, "_acquire", lambda image, _: image)
    monkeypatch.setattr(
        levels_patches, "_field_of_view", lambda _: np.ones((PATCH_PIXELS, PATCH_PIXELS), bool)
    )
    drawn = draw_patches(subject, 20, seed=1)
    mm = (np.arange(PATCH_PIXELS) - (PATCH_PIXELS - 1) / 2) * STEP_MM
    checked = sided = 0
    for patch, kind, place in zip(drawn.patches, drawn.classes, drawn.places, strict=True):
        right, down, back, tilt = place
        near = np.hypot(mm[:, None] - down, mm[None] - back) < 20
        if kind != 1 + list(Disc).index(Disc.L2_L3):
            continue
        shown = np.where(near, np.clip(patch[:3].astype(float) - 1, 0, None), 0)
        sides = shown[2].sum() - shown[0].sum()
        seen = shown.sum(axis=0)
        if abs(sides) > 0.3 * seen.sum():
            assert (sides > 0) == (right > 0)
            sided += 1
        rows, columns = (seen * mm[:, None]).sum(), (seen * mm[None]).sum()
        assert abs(rows / seen.sum() - down) < 1.5
        assert abs(columns / seen.sum() - back) < 3.0
        spread = np.cov(np.indices(seen.shape).reshape(2, -1), aweights=seen.ravel())
        axis = np.linalg.eigh(spread)[1][:, -1]
        axis *= -np.sign(axis[1])  # to the front
        assert abs(np.arctan2(axis[0], -axis[1]) - tilt) < np.radians(8)
        checked += 1
    assert checked >= 5
    assert sided >= 3


def test_a_class_has_its_discs_and_only_labels_have_places(subject: LevelSubject) -> None:
    classes = labelled_places(subject)
    assert [len(places) for places in classes[1:6]] == [1] * 5
    assert not any(place.labelled for place in classes[6])
    for place in classes[2]:
        found = subject.geometry.voxel_to_world(place.voxel)
        assert np.allclose(found, subject.discs["L2-L3"].centre_mm, atol=1e-6)
        assert place.front[1] < -0.9  # columns run to the back


def test_patches_are_repeatable(subject: LevelSubject) -> None:
    one, other = (draw_patches(subject, 2, seed=3) for _ in range(2))
    assert np.array_equal(one.patches, other.patches)
    assert np.array_equal(one.places, other.places, equal_nan=True)
    assert np.isnan(one.places[one.classes == 6]).all()
    assert np.isfinite(one.places[one.classes == 5]).all()
