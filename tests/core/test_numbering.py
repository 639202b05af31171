from __future__ import annotations

import numpy as np
import pytest

from lpm_segmentator.core import LPM_SCHEME, LabelError, LabelNumbering
from lpm_segmentator.core.numbering import LPM_NUMBERING, NUMBERINGS, structure_named

KEYS = {s.key: s.value for s in LPM_SCHEME}


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("ES_R", "ES_R"),
        ("erector spinae right", "ES_R"),
        ("ErectorSpinae left", "ES_L"),
        ("multifidus_left", "MF_L"),
        ("left multifidus", "MF_L"),
        ("Transversospinalis-Right", "MF_R"),
        ("MF.L", "MF_L"),
    ],
)
def test_names_of_muscles_are_understood(name, key):
    structure = structure_named(name)
    assert structure is not None
    assert structure.key == key


@pytest.mark.parametrize(
    "name",
    ["psoas_R", "multifidus", "right", "label1", "ES_R_L", "erector spinae multifidus right", ""],
)
def test_other_names_mean_no_muscle_of_one_side(name):
    assert structure_named(name) is None


def test_known_numberings_mean_what_their_programs_say():
    meant = {
        "musclemap": {5101: "MF_L", 5102: "MF_R", 5111: "ES_L", 5112: "ES_R"},
        "musclemap-abdomen": {1: "MF_R", 2: "MF_L", 3: "ES_R", 4: "ES_L"},
        "totalsegmentator": {15: "ES_R", 16: "ES_L", 17: "MF_R", 18: "MF_L"},
        "lpm": {1: "ES_R", 2: "MF_R", 3: "MF_L", 4: "ES_L"},
    }
    assert meant.keys() == NUMBERINGS.keys()
    for name, values in meant.items():
        assert dict(NUMBERINGS[name].values) == {v: KEYS[key] for v, key in values.items()}


def test_values_are_translated_and_others_are_background():
    array = np.array([[[0, 5101, 5112, 5121]]])
    numbering = NUMBERINGS["musclemap"]
    np.testing.assert_array_equal(numbering.translated(array), [[[0, 3, 1, 0]]])
    assert numbering.others_in(array) == (5121,)


def test_several_values_may_mean_one_structure():
    numbering = LabelNumbering.from_names("x", {7: "ES_R", 8: "erector spinae right", 9: "psoas"})
    np.testing.assert_array_equal(numbering.translated(np.array([7, 8, 9])), [1, 1, 0])


@pytest.mark.parametrize("values", [(), ((1, 1), (1, 2)), ((0, 1),), ((1, 9),)])
def test_wrong_numberings_are_refused(values):
    with pytest.raises(LabelError):
        LabelNumbering("x", values)


def test_own_values_are_known():
    assert LPM_NUMBERING.is_own
    assert not any(n.is_own for name, n in NUMBERINGS.items() if name != "lpm")
