"""The report: one HTML file that contains its pictures."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from lpm_segmentator import __version__
from lpm_segmentator.measure import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lpm_segmentator.measure.catalogue.measures import Measure

__all__ = ["render_report"]

_MUSCLES = {"ES": "Erector spinae", "MF": "Multifidus", "ES+MF": "Both muscles together"}
_SIZES = ("volume_ml", "csa_mean_mm2")
_FAT = ("lean_csa_mean_mm2", "fat_ratio", "fat_fraction_mean")
_ASYMMETRY = ("volume_asymmetry_percent",)
_METHODS = {"gmm2": "2 Gaussians", "gmm3": "3 Gaussians", "otsu": "Otsu"}
_SIDES = {"R": "right", "L": "left", "both": "both sides"}


@dataclass(frozen=True)
class _Cell:
    """A number as it is shown, or a dash.

    Attributes
    ----------
    text : str
    title : str
        Shown when the pointer is over the cell, such as the reason for a dash.
    """

    text: str
    title: str = ""


def render_report(
    records: Sequence[Mapping[str, Any]],
    *,
    run: Mapping[str, Any],
    pictures: Mapping[str, bytes | None],
    level_views: Mapping[str, bytes | None] | None = None,
) -> str:
    """Return the report as one HTML page that needs no other file.

    Parameters
    ----------
    records : sequence of mapping
        The content of ``case.json`` of each case.
    run : mapping
        The content of ``run.json``; may be empty.
    pictures : mapping of str to bytes or None
        PNG of the outlines, by case.
    level_views : mapping of str to bytes or None, optional
        PNG of the discs, by case.

    Returns
    -------
    str
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("lpm_segmentator.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        cases=[
            _case_view(r, pictures.get(r["case"]))
            | _levels_view(r, (level_views or {}).get(r["case"]))
            for r in records
        ],
        failed={c: s["error"] for c, s in run.get("cases", {}).items() if s["state"] == "failed"},
        earlier=[c for c, s in run.get("cases", {}).items() if s["state"] == "earlier"],
        run=run,
        version=__version__,
    )


def _case_view(record: Mapping[str, Any], picture: bytes | None) -> dict[str, Any]:
    """Return what the page shows of a case, without its levels."""
    whole = [row for row in record["measures"] if row["level"] == "all"]
    return {
        "name": record["case"],
        "picture": _encoded(picture),
        "warnings": record["warnings"],
        "notes": record["notes"],
        "has_fat": record["fat_ratios"] is not None,
        "columns": _headings(level=False, record=record),
        "level_columns": _headings(level=True, record=record),
        "rows": [_measure_view(row) for row in whole],
        "levels": _level_views(record),
        "splits": [_split_view(split) for split in record["intensity"]],
        "no_intensity_fat": _refusal(record["intensity"]),
        "intensity_rows": [_intensity_view(row) for row in whole],
        "accuracy": _accuracy_view(record["accuracy"]),
        "score": _number((record["quality"] or {}).get("score"), 2),
        "details": _details(record),
        "asymmetry_formula": record["asymmetry_formula"],
    }


def _headings(*, level: bool, record: Mapping[str, Any]) -> list[Measure]:
    return [CATALOGUE[n] for n in _columns(level=level, fat=record["fat_ratios"] is not None)]


def _levels_view(record: Mapping[str, Any], picture: bytes | None) -> dict[str, Any]:
    """Return what the page shows of the levels of a case."""
    levels = record.get("levels")
    if not levels:
        return {"discs": [], "level_picture": None, "level_source": ""}
    discs = [
        {
            "name": disc["name"],
            "slice": "outside the image" if disc["slice"] is None else disc["slice"],
            "confidence": _number(disc["confidence"], 2),
        }
        for disc in levels["discs"]
    ]
    source = PurePath(levels["source"]).name
    return {"discs": discs, "level_picture": _encoded(picture), "level_source": source}


def _encoded(picture: bytes | None) -> str | None:
    return None if picture is None else base64.b64encode(picture).decode("ascii")


def _measure_view(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of the tables of measures."""
    return {
        "muscle": _MUSCLES[row["muscle"]],
        "side": _SIDES[row["side"]],
        "level": row["level"],
        "is_sum": row["side"] == "both" or row["muscle"] == "ES+MF",
        "cells": {name: _cell(row, CATALOGUE[name]) for name in _columns(level=False, fat=True)},
    }


def _columns(*, level: bool, fat: bool) -> tuple[str, ...]:
    """Return the measures of a table, by level or over all slices, with or without Dixon fat."""
    return (*_SIZES, *(_FAT if fat else ()), *(() if level else _ASYMMETRY))


def _cell(row: Mapping[str, Any], quantity: Measure) -> _Cell:
    """Return a measure as it is shown; what is not valid is not shown as a number."""
    note = row["note"]
    if quantity.name in _ASYMMETRY and row["side"] != "both":
        note = "defined for both sides only"
    if not row["valid"] and quantity.needs_whole_muscle and row[quantity.name] is not None:
        return _Cell("not valid", note)
    text = quantity.text(row[quantity.name])
    return _Cell(text, note if text == "–" else "")


def _refusal(splits: Sequence[Mapping[str, Any]]) -> str:
    """Return why no method could measure fat from intensities; "" if one could."""
    return splits[0]["reason"] if splits and all(split["reason"] for split in splits) else ""


def _split_view(split: Mapping[str, Any]) -> dict[str, Any]:
    """Return the classes of intensity of a method, with a dash for one that it does not have."""
    reason = split["reason"]
    means, weights = ([*split[key]] for key in ("means", "weights"))
    classes = [f"{m:.0f} ({100 * w:.0f} %)" for m, w in zip(means, weights, strict=True)]
    muscle, mixed, fat = (
        ("–", "–", "–") if reason else (classes[0], " ".join(classes[1:-1]) or "–", classes[-1])
    )
    return {
        "name": _METHODS[split["method"]],
        "threshold": _number(split["threshold"], 0, reason),
        "muscle": muscle,
        "mixed": mixed,
        "fat": fat,
    }


def _intensity_view(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the intensity-based fat of one muscle by every method, soft and hard."""
    note = row["note"]
    cells = {
        f"{method}_{kind}": _number(_scaled(row[f"fat_{method}_{kind}"], 100), 1, note)
        for method in _METHODS
        for kind in ("soft", "hard")
    }
    low, high = (_number(_scaled(row[f"fat_gmm3_soft_{end}"], 100), 1) for end in ("low", "high"))
    return {
        **cells,
        "muscle": _MUSCLES[row["muscle"]],
        "side": _SIDES[row["side"]],
        "is_sum": row["side"] == "both" or row["muscle"] == "ES+MF",
        "functional_area": _number(_scaled(row["lean_csa_mean_gmm3_mm2"], 0.01), 1, note),
        "interval": f"{low.text} to {high.text}",
    }


def _level_views(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of the table of measures by level."""
    return [
        _measure_view(row)
        for row in record["measures"]
        if row["level_kind"] in ("disc", "vertebra") and row["muscle"] != "ES+MF"
    ]


def _accuracy_view(row: Mapping[str, Any] | None) -> list[tuple[str | _Cell, ...]] | None:
    """Return the rows of the table of agreement with the reference."""
    if row is None:
        return None
    names = {
        "global": "All muscles",
        "1": "Erector spinae, right",
        "2": "Multifidus, right",
        "3": "Multifidus, left",
        "4": "Erector spinae, left",
    }
    absent = "undefined: the structure is missing in the reference, the mask or both"
    return [
        (
            name,
            _number(row[f"dsc_{key}"], 3, absent),
            _number(row[f"hd95_mm_{key}"], 1, absent),
            _number(row[f"volume_difference_ml_{key}"], 1, absent),
            _number(_scaled(row[f"fat_ratio_difference_{key}"], 100), 1, absent),
        )
        for key, name in names.items()
    ]


def _details(record: Mapping[str, Any]) -> dict[str, str]:
    """Return files and settings of a case."""
    image, model = record["image"], record["model"]
    shape = " × ".join(str(n) for n in image["shape"])
    spacing = " × ".join(f"{s:.3g}" for s in image["spacing_mm"])
    slices = record["slices"]
    return {
        **record["inputs"],
        "image grid": f"{shape} voxels of {spacing} mm, axes {image['axis_codes']}, "
        f"slices tilted by {image['obliquity_deg']:.1f}°",
        "slices": "all" if slices is None else f"{slices[0]} to {slices[1] - 1}",
        "coverage": _coverage(record["coverage"]),
        "mask": record["mask"]["kind"],
        "model": f"{model['name']} {model['version']} (sha256 {model['sha256'][:12]})"
        if model
        else "none",
        "time": f"{record['seconds']['total']:.1f} s",
    }


def _coverage(coverage: Mapping[str, Any]) -> str:
    gap = coverage["gap_mm"]
    gaps = "gaps unknown" if gap is None else f"gaps of {max(gap, 0):.1f} mm"
    return (
        f"{coverage['slices']} slices with muscle, centres {coverage['spacing_mm']:.1f} mm apart "
        f"({gaps}): {coverage['covered_mm']:.0f} mm"
    )


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _number(value: float | None, digits: int, reason: str = "") -> _Cell:
    if value is None or not math.isfinite(value):
        return _Cell("–", reason)
    # A minus sign is as wide as a digit and stays on the line of its number.
    return _Cell(f"{value:.{digits}f}".replace("-", "−"))
