"""What the report shows of a case, taken from its record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from lpm_segmentator.core.errors import Remedy
from lpm_segmentator.core.finding import Area, Severity
from lpm_segmentator.core.labels import LPM_SCHEME, Muscle
from lpm_segmentator.core.remedies import finding_text
from lpm_segmentator.measure import CATALOGUE, IntensityMethod
from lpm_segmentator.measure.catalogue import (
    ACCURACY_COLUMNS,
    DIXON_FAT,
    INTENSITY_FAT,
    NOT_VALID,
    UNDEFINED,
    AccuracyQuantity,
    Measure,
    PreferredFat,
)
from lpm_segmentator.report.cells import SIDES, Cell, number
from lpm_segmentator.report.charts import asymmetry_bar, profile_chart
from lpm_segmentator.report.level_views import (
    all_discs,
    disc_source,
    discs_of,
    level_source,
    levels_in_words,
    series_of,
)

__all__ = ["Cell", "Verdict", "case_view", "overview_row", "verdicts_of"]

Record = Mapping[str, Any]

_MUSCLES = {muscle.value: muscle.full_name.capitalize() for muscle in Muscle}
_AREAS = (Area.SEGMENTATION, Area.LEVELS, Area.FAT, Area.INPUT)
_WORDS = {Severity.NOTE: "pass", Severity.CHECK: "check", Severity.FAIL: "fail"}
_STRUCTURES = {
    "global": "All muscles",
    **{str(structure.value): structure.full_name.capitalize() for structure in LPM_SCHEME},
}
_ABSENT = "undefined: the structure is missing in the reference, the mask or both"


@dataclass(frozen=True)
class Verdict:
    """The verdict about one area of a case.

    Attributes
    ----------
    area : str
    word : {'pass', 'check', 'fail', 'missing', 'none'}
        ``"missing"`` where levels were requested and not located, ``"none"`` where there was
        nothing to judge.
    reasons : tuple of str
        Why it is not a pass.
    """

    area: str
    word: str
    reasons: tuple[str, ...] = ()


def verdicts_of(record: Record) -> tuple[Verdict, ...]:
    """Return the verdicts about segmentation, levels, fat and input, in this order."""
    return tuple(_verdict(record, area) for area in _AREAS)


def _verdict(record: Record, area: Area) -> Verdict:
    """Judge by the worst finding; without results, notes are the reasons why there are none."""
    findings = [f for f in record["findings"] if f["area"] == area.value]
    order = list(Severity)
    worst = max((Severity(f["severity"]) for f in findings), key=order.index, default=order[0])
    without = _without_results(record, area)
    if without and worst is Severity.NOTE:
        return Verdict(area.value, without, tuple(map(_text, findings)))
    reasons = tuple(_text(f) for f in findings if f["severity"] != Severity.NOTE.value)
    return Verdict(area.value, _WORDS[worst], reasons)


def _text(finding: Mapping[str, Any]) -> str:
    remedy = finding["remedy"]
    return finding_text(finding["message"], None if remedy is None else Remedy(remedy))


def _without_results(record: Record, area: Area) -> str:
    """Return ``"missing"`` or ``"none"`` for an area without results; empty for others."""
    if area is Area.LEVELS and not all_discs(record):
        return "none" if record["levels"] is None else "missing"
    return "none" if area is Area.FAT and not _fat_of(record) else ""


def _fat_of(record: Record) -> PreferredFat | None:
    """Return the preferred fat measure; None where fat was not measured."""
    if record["fat_ratios"] is not None:
        return DIXON_FAT
    is_measured = record["intensity"] and not _refusal(record["intensity"])
    return INTENSITY_FAT if is_measured else None


def overview_row(record: Record, link: str) -> dict[str, Any]:
    """Return the row of a case in the overview; `link` leads to the case."""
    whole = {(r["muscle"], r["side"]): r for r in record["measures"] if r["level"] == "all"}
    verdicts = verdicts_of(record)
    fat = _fat_of(record)
    accuracy = record["accuracy"]
    score = (record["quality"] or {}).get("score")
    return {
        "name": record["case"],
        "link": link,
        "verdicts": verdicts,
        "rank": (*_ranks(verdicts), 1.0 if score is None else score, record["case"]),
        "areas": [_cell(whole[m, "both"], CATALOGUE["csa_mean_mm2"]) for m in _MUSCLES],
        "fat": _cell(whole["ES+MF", "both"], fat.fat) if fat else Cell(UNDEFINED),
        "covered": number(record["coverage"]["covered_mm"], 0),
        "score": number(score, 2),
        "has_reference": accuracy is not None,
        "dice": _accuracy_cell(accuracy, "dsc", "global"),
        "dice_value": None if accuracy is None else accuracy["dsc_global"],
        "hd95": _accuracy_cell(accuracy, "hd95_mm", "global"),
        "mask": record["mask"]["kind"],
    }


def _ranks(verdicts: Iterable[Verdict]) -> list[int]:
    """Return what cases are sorted by, worst first; fat comes last, as it is no doubt of a mask."""
    order = ("fail", "check", "missing", "pass", "none")
    by_area = {verdict.area: order.index(verdict.word) for verdict in verdicts}
    areas = (Area.SEGMENTATION, Area.INPUT, Area.LEVELS)
    return [min(by_area[area.value], order.index("pass")) for area in areas]


def case_view(record: Record) -> dict[str, Any]:
    """Return what the page of a case shows, without its pictures."""
    fat = _fat_of(record)
    dixon = record["fat_ratios"] is not None
    columns = [CATALOGUE["csa_mean_mm2"]]
    if fat:
        columns += [fat.functional_csa, fat.fat]
    discs = _table(record, columns, lambda row: row["level_kind"] == "disc")
    # Of several stacks nothing is known over all slices.
    whole = "stack" if record["stacks"] else "all"
    verdicts = verdicts_of(record)
    shown = {reason for verdict in verdicts for reason in verdict.reasons}
    notes = [_text(f) for f in record["findings"] if f["severity"] == Severity.NOTE.value]
    return {
        "name": record["case"],
        "verdicts": verdicts,
        "notes": [note for note in notes if note not in shown],
        "facts": _facts(record),
        "columns": columns,
        "by_level": discs or _table(record, columns, lambda row: row["level_kind"] == whole),
        "has_levels": bool(discs),
        "vertebrae": _table(record, columns, lambda row: row["level_kind"] == "vertebra"),
        "volumes": _table(record, [CATALOGUE["volume_ml"]], lambda row: row["level"] == "all"),
        "stacks": len(record["stacks"]),
        "series": series_of(record),
        "volume": CATALOGUE["volume_ml"],
        "covered": number(record["coverage"]["covered_mm"], 0).text,
        "slices": record["coverage"]["slices"],
        "charts": _charts(record, fat),
        "fat_label": fat.fat.label if fat else "",
        "is_intensity_fat": fat is INTENSITY_FAT,
        "splits": [_split(split) for split in record["intensity"]],
        "intensity_rows": _intensity_rows(record),
        "no_intensity_fat": _refusal(record["intensity"]),
        "methods": [method.full_name for method in IntensityMethod],
        "accuracy_columns": _accuracy_columns(dixon=dixon),
        "accuracy": _accuracy(record["accuracy"], dixon=dixon),
        "score": number((record["quality"] or {}).get("score"), 2),
        "asymmetry_formula": record["asymmetry_formula"],
        "discs": discs_of(record),
        "level_source": level_source(record),
        "disc_source": disc_source(record),
        "has_sure_names": not record["levels"] or record["levels"]["named"],
        "details": _details(record),
    }


def _cell(row: Record, quantity: Measure) -> Cell:
    """Return a measure as it is shown; what is not valid is not shown as a number."""
    text = quantity.text_in(row)
    return Cell(text, row["note"] if text in (UNDEFINED, NOT_VALID) else "")


def _table(record: Record, columns: Sequence[Measure], wanted: Any) -> list[dict[str, Any]]:
    """Return a row for each level and muscle: every measure right, left and both, and asymmetry."""
    places: dict[tuple[str, str], dict[str, Record]] = {}
    for row in record["measures"]:
        if wanted(row) and row["muscle"] in _MUSCLES:
            places.setdefault((row["level"], row["muscle"]), {})[row["side"]] = row
    levels = list(dict.fromkeys(level for level, _ in places))
    rows = []
    for (level, muscle), sides in sorted(places.items(), key=lambda i: levels.index(i[0][0])):
        asymmetry = "volume" if columns[0].name == "volume_ml" else "csa"
        both = sides["both"]
        rows.append(
            {
                "level": "all slices" if level == "all" else level,
                "muscle": _MUSCLES[muscle],
                "cells": [[_cell(sides[side], q) for side in SIDES] for q in columns],
                "asymmetry": _cell(both, CATALOGUE[f"{asymmetry}_asymmetry_percent"]),
                "bar": _bar(both, f"{asymmetry}_asymmetry_percent"),
            }
        )
    return rows


def _bar(row: Record, name: str) -> Markup:
    value = row[name]
    return Markup("") if value is None or not row["valid"] else asymmetry_bar(float(value))


def _charts(record: Record, fat: PreferredFat | None) -> list[dict[str, Any]]:
    """Return the curves along the spine that can be drawn, each with its title."""
    charts = []
    for quantity in [CATALOGUE["csa_mm2"], *([fat.fat] if fat else [])]:
        drawn = profile_chart(
            record["profile"], quantity.name, factor=quantity.factor, title=quantity.heading
        )
        if drawn:
            charts.append({"title": quantity.heading, "svg": drawn})
    return charts


def _facts(record: Record) -> list[tuple[str, str]]:
    """Return what a reader needs to know before the numbers."""
    image, coverage, mask = record["image"], record["coverage"], record["mask"]
    pair = "Dixon pair" if record["fat_ratios"] is not None else ""
    contrast = pair or f"{image['contrast']} (from {image['contrast_source']})"
    gap = coverage["gap_mm"]
    gaps = "" if gap is None else f", gaps of {max(gap, 0):.1f} mm"
    spacing = f"centres {coverage['spacing_mm']:.1f} mm apart{gaps}"
    stack = (
        f"{coverage['slices']} slices with muscle, {spacing}: {coverage['covered_mm']:.0f} mm"
        if coverage["slices"] != 1
        else f"1 slice of {coverage['covered_mm']:.1f} mm"
    )
    if record["stacks"]:
        stack = (
            f"{len(record['stacks'])} stacks, {coverage['slices']} slices with muscle: "
            f"{coverage['covered_mm']:.0f} mm of the spine, without what lies between the stacks"
        )
    facts = [("Image", contrast), ("Coverage", stack), ("Levels", levels_in_words(record))]
    if mask["kind"] != "automatic":
        facts.append(("Mask", f"{mask['kind']} ({mask['file']})"))
    return facts


def _refusal(splits: Sequence[Mapping[str, Any]]) -> str:
    """Return why no method of intensity-based fat gave a value; empty if one did."""
    reasons = {split["reason"] for split in splits}
    return "; ".join(sorted(reasons)) if splits and all(reasons) else ""


def _split(split: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a method separated fat from muscle."""
    reason = split["reason"]
    means, weights = ([*split[key]] for key in ("means", "weights"))
    classes = [f"{m:.0f} ({100 * w:.0f} %)" for m, w in zip(means, weights, strict=True)]
    muscle, mixed, fat = (
        (UNDEFINED,) * 3
        if reason
        else (classes[0], " ".join(classes[1:-1]) or UNDEFINED, classes[-1])
    )
    return {
        "name": IntensityMethod(split["method"]).full_name,
        "threshold": number(split["threshold"], 0, reason),
        "muscle": muscle,
        "mixed": mixed,
        "fat": fat,
    }


def _intensity_rows(record: Record) -> list[dict[str, Any]]:
    """Return the intensity-based fat of each muscle by every method, soft and hard."""
    names = [f"fat_{method}_{kind}" for method in IntensityMethod for kind in ("soft", "hard")]
    return [
        {
            "muscle": _MUSCLES[row["muscle"]],
            "side": SIDES[row["side"]],
            "cells": [_cell(row, CATALOGUE[name]) for name in names],
        }
        for row in record["measures"]
        if row["level"] == "all" and row["muscle"] in _MUSCLES and record["intensity"]
    ]


def _accuracy_columns(*, dixon: bool) -> list[AccuracyQuantity]:
    """Return what the table of agreement with the reference shows."""
    names = ["dsc", "hd95_mm", "volume_difference_ml", *(["fat_ratio_difference"] if dixon else [])]
    return [ACCURACY_COLUMNS[name] for name in names]


def _accuracy(row: Record | None, *, dixon: bool) -> list[tuple[str, list[Cell]]] | None:
    """Return the rows of the table of agreement with the reference."""
    if row is None:
        return None
    names = [quantity.wide_name for quantity in _accuracy_columns(dixon=dixon)]
    return [
        (structure, [_accuracy_cell(row, str(name), key) for name in names])
        for key, structure in _STRUCTURES.items()
    ]


def _accuracy_cell(row: Record | None, name: str, key: str) -> Cell:
    """Return a value of ``accuracy.csv`` as it is shown, or a dash with its reason."""
    if row is None:
        return Cell(UNDEFINED)
    text = ACCURACY_COLUMNS[name].text(row[f"{name}_{key}"])
    return Cell(text, _ABSENT if text == UNDEFINED else "")


def _details(record: Record) -> list[tuple[str, str]]:
    """Return files and settings of a case, by name."""
    image, model = record["image"], record["model"]
    shape = " × ".join(str(n) for n in image["shape"])
    spacing = " × ".join(f"{s:.3g}" for s in image["spacing_mm"])
    slices = record["slices"]
    grid = (
        f"{shape} voxels of {spacing} mm, axes {image['axis_codes']}, slices tilted by "
        f"{image['obliquity_deg']:.1f}°"
    )
    named = f"{model['name']} {model['version']} (sha256 {model['sha256'][:12]})" if model else ""
    return [
        *record["inputs"].items(),
        ("image grid", grid),
        ("slices", "all" if slices is None else f"{slices[0]} to {slices[1] - 1}"),
        ("measured mask", f"{record['mask']['file']} ({record['mask']['kind']})"),
        ("model", named or "none"),
        ("time", f"{record['seconds']['total']:.1f} s"),
    ]
