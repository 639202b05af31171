"""What the report shows of levels, stacks and the series of an examination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from lpm_segmentator.measure.catalogue import UNDEFINED
from lpm_segmentator.report.cells import Cell, number

__all__ = [
    "all_discs",
    "disc_source",
    "discs_of",
    "level_source",
    "levels_in_words",
    "series_of",
]

Record = Mapping[str, Any]

_WHO = {
    "model": "the model",
    "user": "the user",
    "table": "a table",
    "other tool": "another tool",
}


def levels_in_words(record: Record) -> str:
    """Return which discs are known and who named them."""
    levels = record["levels"]
    if not levels:
        return "not requested"
    if not levels["discs"]:
        return "no disc was found"
    shown = [disc["name"] for disc in levels["discs"] if disc["slice"] is not None]
    names = ", ".join(shown) if shown else "none in the stack"
    return (
        f"{names} ({disc_source(record)})" if levels["named"] else f"uncertain: {names}; not used"
    )


def discs_of(record: Record) -> list[dict[str, Any]]:
    """Return where each disc was found; of several stacks, with its place and angle."""
    at = {found["level"]: found for found in record["disc_slices"]}
    rows = []
    for disc in all_discs(record):
        found = at.get(disc["name"])
        outside = UNDEFINED if record["stacks"] else "outside the image"
        where = outside if disc["slice"] is None else str(disc["slice"])
        rows.append(
            {
                "name": disc["name"],
                "slice": f"{found['slice']} of stack {found['stack']}" if found else where,
                "distance": number(found["distance_mm"], 1) if found else Cell(UNDEFINED),
                "angle": number(found["angle_deg"], 0) if found else Cell(UNDEFINED),
                "confidence": number(disc["confidence"], 2),
            }
        )
    return rows


def all_discs(record: Record) -> Sequence[Mapping[str, Any]]:
    """Return the discs of a record."""
    return record["levels"]["discs"] if record["levels"] else ()


def disc_source(record: Record) -> str:
    """Return who named the discs, such as "named by the model"."""
    discs = all_discs(record)
    sources = sorted({str(disc.get("source", "model")) for disc in discs})
    anchors = (record["options"].get("levels") or {}).get("anchors")
    if anchors and sources == ["model"]:  # the model counts from the disc of the user
        return "located by the model, named from the disc that the user stated"
    return f"named by {' and '.join(_WHO.get(source, source) for source in sources)}"


def level_source(record: Record) -> str:
    """Return the name of the file that the levels come from."""
    return PurePath(record["levels"]["source"]).name if record["levels"] else ""


def series_of(record: Record) -> list[dict[str, Any]]:
    """Return the series of the DICOM examination, those that were used first."""
    return [
        {
            "number": UNDEFINED if series["number"] is None else series["number"],
            "description": series["description"] or UNDEFINED,
            "shows": " ".join(filter(None, (series["contrast"], series["plane"]))),
            "slices": series["slices"],
            "role": series["role"] or "not used",
            "reason": series["reason"],
        }
        for series in (record["examination"] or {"series": ()})["series"]
    ]
