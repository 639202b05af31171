"""A card states base, cases and gain, and names no case."""

from __future__ import annotations

import dataclasses
import json

from adaptation import dixon, single
from lpm_segmentator.segment import ModelInfo
from lpm_segmentator.segment.compact import CompactSpec
from lpm_segmentator.train.adapt.card import Card
from lpm_segmentator.train.adapt.evaluation import CaseScore

NAMES = ("foreground", "ES_R", "MF_R", "MF_L", "ES_L")
BASE = ModelInfo("lpm-compact", "4+5", sha256="b" * 64, licence="Apache-2.0")


def card(*, scored: bool = True) -> Card:
    cases = [single(case="Miller"), single(case="Smith"), dixon(case="Jones")]
    dice = (dict.fromkeys(NAMES, 0.8), dict.fromkeys(NAMES, 0.85))
    scores = [CaseScore("Miller", "Miller", "T2w", 0, *dice)] if scored else []
    return Card("mine", "k" * 64, BASE, cases, scores)


def test_the_description_states_cases_and_gain():
    assert card().description == (
        "lpm-compact 4+5, adapted to 3 corrected cases (1 Dixon, 2 T2w) of 3 subjects. Foreground "
        "Dice of held-out subjects: 0.800 before, 0.850 after. Research use only."
    )
    assert "Foreground" not in card(scored=False).description


def test_one_case_is_singular():
    one = dataclasses.replace(card(scored=False), cases=[single()])
    assert "1 corrected case (1 T2w) of 1 subject. " in one.description


def test_the_entries_of_the_store():
    entries = card().entries()
    assert entries["training"] == "k" * 64
    assert entries["licence"].startswith("base: Apache-2.0; the images and masks")
    adaptation = entries["adaptation"]
    assert (adaptation["base"], adaptation["base_sha256"]) == ("lpm-compact 4+5", "b" * 64)
    assert (adaptation["cases"], adaptation["subjects"]) == (3, 3)
    assert adaptation["contrasts"] == {"Dixon": 1, "T2w": 2}
    assert "| T2w | foreground | 1 | 0.800 | 0.850 | +0.050 |" in adaptation["cross_validation"]
    assert adaptation["concerns"] == ""
    assert "cannot be cross-validated" in card(scored=False).entries()["adaptation"]["concerns"]


def test_no_case_and_no_subject_is_named():
    spec = CompactSpec("lpm-compact", "4", 1.25, 1, 16, pairs=True)
    text = json.dumps([card().entries(), card().metadata(spec, "c" * 64, {"steps": 3})])
    assert not any(name in text for name in ("Miller", "Smith", "Jones"))
    assert card().metadata(spec, "c" * 64, {})["version"] == "4.kkkkkkkk"
