"""What the report shows of levels, stacks and series."""

from __future__ import annotations

from typing import Any

from lpm_segmentator.report.cells import Cell
from lpm_segmentator.report.level_views import (
    all_discs,
    disc_source,
    discs_of,
    level_source,
    levels_in_words,
    series_of,
)


def disc(name: str, index: int | None, source: str = "model") -> dict[str, Any]:
    return {"name": name, "slice": index, "confidence": 0.876, "source": source}


def record(*discs: dict[str, Any], **more: Any) -> dict[str, Any]:
    levels = {"source": "/a/b/sag.nii.gz", "discs": list(discs), "named": True}
    return {
        "levels": levels,
        "disc_slices": (),
        "stacks": (),
        "inputs": {},
        "options": {"levels": {}},
        "examination": None,
        **more,
    }


def test_levels_in_words():
    assert levels_in_words(record(levels=None)) == "not requested"
    assert levels_in_words(record()) == "no disc was found"
    found = record(disc("L3-L4", 5), disc("L4-L5", None))
    assert levels_in_words(found) == "L3-L4 (named by the model)"
    found["levels"]["named"] = False
    assert levels_in_words(found) == "uncertain: L3-L4; not used"
    assert levels_in_words(record(disc("L4-L5", None))) == "none in the stack (named by the model)"


def test_discs_of_one_image_have_a_slice():
    rows = discs_of(record(disc("L3-L4", 5), disc("L4-L5", None)))
    assert [row["slice"] for row in rows] == ["5", "outside the image"]
    assert rows[0]["distance"] == rows[0]["angle"] == Cell("–")
    assert rows[0]["confidence"] == Cell("0.88")
    assert discs_of(record(levels=None)) == []


def test_discs_of_stacks_have_stack_slice_distance_and_angle():
    at = {"level": "L3-L4", "stack": 2, "slice": 1, "distance_mm": 1.26, "angle_deg": 7.6}
    rows = discs_of(
        record(disc("L3-L4", 5), disc("L4-L5", None), disc_slices=(at,), stacks=({}, {}))
    )
    assert rows[0]["slice"] == "1 of stack 2"
    assert (rows[0]["distance"], rows[0]["angle"]) == (Cell("1.3"), Cell("8"))
    assert rows[1]["slice"] == "–"


def test_who_named_the_discs_and_in_which_file():
    both = record(disc("L3-L4", 5), disc("L4-L5", 4, "user"))
    assert disc_source(both) == "named by the model and the user"
    anchored = record(disc("L3-L4", 5), options={"levels": {"anchors": [["L3-L4", 5]]}})
    assert disc_source(anchored).endswith("named from the disc that the user stated")
    assert level_source(both) == "sag.nii.gz"
    assert level_source(record(levels=None)) == ""
    assert len(all_discs(both)) == 2


def test_series_of_an_examination():
    series = {
        "role": "water", "number": None, "description": "", "plane": "axial", "contrast": "water",
        "slices": 8, "reason": "axial Dixon pair",
    }  # fmt: skip
    other = {**series, "role": "", "number": 3, "description": "t2", "plane": ""}
    rows = series_of(record(examination={"series": (series, other)}))
    assert rows[0] == {
        "number": "–", "description": "–", "shows": "water axial", "slices": 8, "role": "water",
        "reason": "axial Dixon pair",
    }  # fmt: skip
    assert (rows[1]["number"], rows[1]["role"], rows[1]["shows"]) == (3, "not used", "water")
    assert series_of(record()) == []
