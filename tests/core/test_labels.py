from __future__ import annotations

import itertools

import pytest

from lpm_segmentator.core import LPM_SCHEME, Disc, LabelError, LabelScheme, Muscle, Side, Structure


def test_published_order():
    assert {s.value: s.key for s in LPM_SCHEME} == {1: "ES_R", 2: "MF_R", 3: "MF_L", 4: "ES_L"}


def test_swapping_sides_keeps_the_muscle_and_twice_is_nothing():
    swap = LPM_SCHEME.swap_sides()
    assert swap == {1: 4, 2: 3, 3: 2, 4: 1}
    assert all(swap[swap[v]] == v for v in swap)


def test_ignored_values_are_allowed_but_are_no_structure():
    scheme = LPM_SCHEME.ignoring([255])
    assert scheme.allowed == {0, 1, 2, 3, 4, 255}
    assert scheme.values == LPM_SCHEME.values
    assert scheme.swap_sides()[255] == 255
    with pytest.raises(LabelError, match="255"):
        scheme.by_value(255)


def test_lookup():
    assert LPM_SCHEME.find(Muscle.MULTIFIDUS, Side.LEFT).value == 3
    assert LPM_SCHEME.by_value(3).full_name == "multifidus, left"
    with pytest.raises(LabelError, match="7"):
        LPM_SCHEME.by_value(7)


ES_R = Structure(1, Muscle.ERECTOR_SPINAE, Side.RIGHT)


@pytest.mark.parametrize(
    ("structures", "ignored"),
    [
        ((ES_R, Structure(1, Muscle.MULTIFIDUS, Side.RIGHT)), ()),
        ((ES_R, Structure(2, Muscle.ERECTOR_SPINAE, Side.RIGHT)), ()),
        ((Structure(0, Muscle.MULTIFIDUS, Side.RIGHT),), ()),
        ((Structure(256, Muscle.MULTIFIDUS, Side.RIGHT),), ()),
        ((ES_R,), (1,)),
        ((ES_R,), (0,)),
    ],
)
def test_schemes_without_one_meaning_per_value_are_refused(structures, ignored):
    with pytest.raises(LabelError):
        LabelScheme(structures, frozenset(ignored))


def test_swap_needs_both_sides():
    with pytest.raises(LabelError, match="ES_L"):
        LabelScheme((ES_R,)).swap_sides()


def test_discs_run_from_head_to_foot_between_their_vertebrae():
    discs = list(Disc)
    assert [d.value for d in discs] == ["L1-L2", "L2-L3", "L3-L4", "L4-L5", "L5-S1"]
    assert (Disc.L5_S1.above, Disc.L5_S1.below) == ("L5", "S1")
    assert all(a.below == b.above for a, b in itertools.pairwise(discs))
    assert f"{Disc.L4_L5} {Muscle.MULTIFIDUS} {Side.LEFT}" == "L4-L5 MF L"
