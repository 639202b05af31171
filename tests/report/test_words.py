"""Names of measures and places: unit suffixes are no structures, abbreviations stay."""

from __future__ import annotations

import pytest

from lpm_segmentator.report.words import lower_first, place_label, split_structure


@pytest.mark.parametrize(
    ("measure", "quantity", "key"),
    [
        ("volume1", "volume", "ES_R"),
        ("ratio_3", "ratio", "MF_L"),
        ("csa_mm2", "csa_mm2", None),
        ("volume_cm3", "volume_cm3", None),
        ("volume9", "volume9", None),
        ("hd95", "hd95", None),
    ],
)
def test_a_label_value_at_the_end_is_a_structure_unless_it_is_of_a_unit(measure, quantity, key):
    stem, structure = split_structure(measure)
    assert stem == quantity
    assert (structure.key if structure else None) == key


@pytest.mark.parametrize(
    ("strata", "label"),
    [
        ({"muscle": "ES", "side": "R", "level": "all"}, "ES right"),
        ({"Muscle": "ES", "Side": "right"}, "ES right"),
        ({"structure": "psoas", "level": "L3"}, "psoas, L3"),
        ({"level": "all"}, ""),
    ],
)
def test_places_are_named_in_words(strata, label):
    assert place_label(strata) == label


@pytest.mark.parametrize(("text", "lowered"), [("Volume (mL)", "volume (mL)"), ("HD95", "HD95")])
def test_abbreviations_stay_in_capitals(text, lowered):
    assert lower_first(text) == lowered
