from __future__ import annotations

import pytest

from lpm_segmentator.core.errors import GeometryError
from lpm_segmentator.core.labels import LPM_SCHEME, Disc, LabelScheme, Muscle, Side, Structure
from lpm_segmentator.core.regions import SliceLevels
from lpm_segmentator.measure import groups_of

ALL_DISCS = {Disc.L5_S1: 0, Disc.L4_L5: 3, Disc.L3_L4: 6, Disc.L2_L3: 9, Disc.L1_L2: 11}


def test_groups_are_muscles_and_their_sum_on_each_side_and_both() -> None:
    keys = [g.key for g in groups_of(LPM_SCHEME)]
    assert keys == [
        *("ES_R", "ES_L", "ES_both", "MF_R", "MF_L", "MF_both"),
        *("ES+MF_R", "ES+MF_L", "ES+MF_both"),
    ]
    assert {g.key: g.values for g in groups_of(LPM_SCHEME)}["ES+MF_L"] == (3, 4)


def test_groups_that_the_scheme_cannot_fill_are_left_out() -> None:
    one_side = LabelScheme((Structure(7, Muscle.MULTIFIDUS, Side.LEFT),))
    assert [g.key for g in groups_of(one_side)] == ["MF_L"]


@pytest.mark.parametrize("up", [True, False])
def test_vertebrae_do_not_share_slices_and_fill_the_span_but_for_its_top(up: bool) -> None:
    discs = ALL_DISCS if up else {d: 11 - s for d, s in ALL_DISCS.items()}
    regions = {r.name: r for r in SliceLevels(discs, 12).regions()}
    vertebrae = [r for r in regions.values() if r.kind == "vertebra"]
    assert [r.name for r in vertebrae] == ["L2", "L3", "L4", "L5"]
    held = sorted(s for r in vertebrae for s in r.slices)
    span = regions["L1-L2..L5-S1"].slices
    assert span == tuple(range(12))
    assert held == [s for s in span if s != discs[Disc.L1_L2]]
    assert set(regions["L5"].slices) == ({0, 1, 2} if up else {9, 10, 11})
    assert regions["L4-L5"].slices == (discs[Disc.L4_L5],)


def test_a_vertebra_without_both_discs_is_left_out() -> None:
    names = [
        r.name for r in SliceLevels({Disc.L1_L2: 9, Disc.L4_L5: 2, Disc.L5_S1: 0}, 10).regions()
    ]
    assert names == ["all", "L1-L2..L5-S1", "L5", "L1-L2", "L4-L5", "L5-S1"]


def test_a_slice_knows_its_level() -> None:
    levels = SliceLevels(ALL_DISCS, 14)
    assert [levels.level_of(s) for s in (0, 1, 3, 10, 11, 13)] == [
        "L5-S1",
        "L5",
        "L4-L5",
        "L2",
        "L1-L2",
        "",
    ]


@pytest.mark.parametrize(
    ("discs", "message"),
    [
        ({Disc.L4_L5: 12}, "outside"),
        ({Disc.L4_L5: -1}, "outside"),
        ({Disc.L3_L4: 4, Disc.L4_L5: 4}, "order"),
        ({Disc.L2_L3: 8, Disc.L3_L4: 2, Disc.L4_L5: 5}, "order"),
    ],
)
def test_impossible_levels_are_refused(discs: dict[Disc, int], message: str) -> None:
    with pytest.raises(GeometryError, match=message):
        SliceLevels(discs, 12)
