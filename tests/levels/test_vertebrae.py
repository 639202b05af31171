from __future__ import annotations

import numpy as np
import pytest

from box_spine import disc_centre
from lpm_segmentator.core import Disc, Geometry, LabelError
from lpm_segmentator.levels import NUMBERINGS, levels_from_vertebrae
from lpm_segmentator.levels.vertebrae import numbering_of


def test_discs_lie_between_the_bodies(vertebrae: np.ndarray, sagittal_geometry: Geometry) -> None:
    levels = levels_from_vertebrae(vertebrae, sagittal_geometry)
    assert [found.disc for found in levels.discs] == list(Disc)
    assert levels.warnings == ()
    for found in levels.discs:
        off = np.asarray(found.centre_mm) - disc_centre(found.disc)
        assert abs(off[2]) < 1.5
        assert np.linalg.norm(off) < 4.0
        assert found.normal[2] > 0.98


def test_l5_s1_without_s1_lies_below_l5(vertebrae: np.ndarray, sagittal_geometry: Geometry) -> None:
    cut = np.where(vertebrae == 6, 0, vertebrae)
    levels = levels_from_vertebrae(cut, sagittal_geometry)
    last = levels.find(Disc.L5_S1)
    assert last is not None
    assert last.centre_mm[2] == pytest.approx(disc_centre(Disc.L5_S1)[2], abs=2.5)
    assert "S1" in levels.warnings[0]


@pytest.mark.parametrize("name", sorted(set(NUMBERINGS) - {"levels"}))
def test_other_tools_numbers_give_the_same_discs(
    name: str, vertebrae: np.ndarray, sagittal_geometry: Geometry
) -> None:
    table = np.zeros(256, int)
    for vertebra, value in NUMBERINGS["levels"].items():
        table[value] = NUMBERINGS[name].get(vertebra, 0)
    mine = levels_from_vertebrae(vertebrae, sagittal_geometry, bodies_only=True)
    theirs = levels_from_vertebrae(
        table[vertebrae], sagittal_geometry, name if name.endswith("mr") else None
    )
    for a, b in zip(mine.discs, theirs.discs, strict=True):
        assert a.disc is b.disc
        assert np.allclose(a.centre_mm, b.centre_mm, atol=3.0)


def test_upside_down_numbers_are_refused(
    vertebrae: np.ndarray, sagittal_geometry: Geometry
) -> None:
    turned = np.zeros_like(vertebrae)
    for value in range(1, 7):
        turned[vertebrae == value] = 7 - value
    with pytest.raises(LabelError, match="against their numbers"):
        levels_from_vertebrae(turned, sagittal_geometry, "levels")


def test_unknown_numbers_are_refused() -> None:
    with pytest.raises(LabelError, match="numbered"):
        numbering_of(np.array([0, 100, 101]))
