"""What a folder of results says as a whole: its records, tables and report.

Tables and the report are made from the cases' records alone and can be made again at any time.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lpm_segmentator.core import InputError
from lpm_segmentator.io import remove_file, write_table, write_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = [
    "RECORD",
    "Record",
    "earlier_cases",
    "has_results",
    "read_records",
    "read_run",
    "write_report",
    "write_results",
    "write_tables",
]

Record = dict[str, Any]

#: the file that a case's folder holds when the case is done
RECORD = "case.json"


def read_run(out: Path) -> Record:
    """Return what ``run.json`` holds; empty if there is none."""
    path = out / "run.json"
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(run, dict):
            raise ValueError("it holds no object")
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise InputError(
            f"the file is damaged ({error})", where=path, hint="Run the cases again"
        ) from error
    return run


def read_records(out: Path) -> list[Record]:
    """Return the records of the finished cases in a folder, ordered by case.

    A case that failed in the last run is left out, though an older record of it may lie there.

    Raises
    ------
    InputError
        If the folder holds none.
    """
    records = _records(out)
    if not records:
        raise InputError(
            "the folder holds no finished case",
            where=out,
            hint="Give the output folder of 'lpm run'",
        )
    return records


def _records(out: Path) -> list[Record]:
    states = {case: entry["state"] for case, entry in read_run(out).get("cases", {}).items()}
    records = []
    for path in sorted((out / "cases").glob(f"*/{RECORD}")):
        if states.get(path.parent.name) == "failed":
            continue
        try:
            records.append(json.loads(path.read_text(encoding="utf-8")))
        except ValueError as error:
            raise InputError(
                f"the record is damaged ({error})", where=path, hint="Run the case again"
            ) from error
    return records


def has_results(out: Path) -> bool:
    """Return whether an earlier run finished a case: then tables and report in `out` are ours."""
    try:
        told = read_run(out).get("cases", {})
    except InputError:  # damaged, so that nothing is known
        return False
    return any(entry["state"] != "failed" for entry in told.values())


def earlier_cases(out: Path, cases: Collection[str]) -> dict[str, Record]:
    """Return what ``run.json`` is to say of finished cases in the folder other than `cases`.

    They are ``"earlier"``, or ``"failed"`` as before if their record is older than their failure.
    """
    try:
        told = read_run(out).get("cases", {})
    except InputError:  # damaged; this run writes it anew
        told = {}
    found = {}
    for path in sorted((out / "cases").glob(f"*/{RECORD}")):
        case = path.parent.name
        if case not in cases:
            before = told.get(case, {})
            new = {"state": "earlier", "error": None, "seconds": 0.0}
            found[case] = before if before.get("state") == "failed" else new
    return found


def write_results(out: Path) -> Path | None:
    """Write the tables and the report of what the folder of a run holds; return the report.

    If no case is finished, what an earlier run left of them is removed: it would pass for results
    of this one.

    Raises
    ------
    OutputError
        If a file cannot be written or removed.
    """
    records = _records(out)
    write_tables(out, records)
    if records:
        return write_report(out)
    remove_file(out / "report.html")
    return None


def write_tables(out: Path, records: Sequence[Record]) -> None:
    """Write ``measures.csv``, ``profiles.csv`` and the others that a folder of results has.

    A table that no case has rows for is removed if an earlier run left it.

    Raises
    ------
    OutputError
        If a table cannot be written.
    """
    tables: Mapping[str, list[Mapping[str, Any]]] = {
        "measures.csv": [row for record in records for row in _judged(record)],
        "profiles.csv": [row for record in records for row in _scored(record)],
        "volumes.csv": [record["volumes"] for record in records],
        "fat_ratios.csv": [r["fat_ratios"] for r in records if r["fat_ratios"]],
        "accuracy.csv": [r["accuracy"] for r in records if r["accuracy"]],
        "accuracy_levels.csv": [row for r in records for row in r.get("accuracy_levels", ())],
        "accuracy_slices.csv": [row for r in records for row in r.get("accuracy_slices", ())],
        "paired_measures.csv": [row for r in records for row in _paired(r)],
    }
    for name, rows in tables.items():
        if rows:
            write_table(rows, out / name)
        else:
            remove_file(out / name)


def _judged(record: Record) -> list[Record]:
    """Return the measures of a case, each with the case's quality and flags."""
    quality = record["quality"]
    extra = {"quality_score": quality["score"], "flags": "; ".join(quality["flags"])}
    return [{**row, **extra} for row in record["measures"]]


def _scored(record: Record) -> list[Record]:
    """Return the slice profile of a case, each row with the score of its slice."""
    quality = record["quality"]
    scores, unsure = quality["slice_scores"], quality["unsure_slices"]
    return [
        {
            **row,
            "quality_score": scores.get(str(row["slice"])),
            "flag": "unsure" if row["slice"] in unsure else "",
        }
        for row in record["profile"]
    ]


def _paired(record: Record) -> list[Record]:
    """Return the measures of reference and prediction below each other, told apart by `source`."""
    if record.get("reference_measures") is None:
        return []
    both = {
        "reference": _outlined(record["reference_measures"]),
        "prediction": record["measures"],
    }
    return [
        {**{name: value for name, value in row.items() if _is_compared(name)}, "source": source}
        for source, rows in both.items()
        for row in rows
    ]


def _outlined(rows: Sequence[Record]) -> list[Record]:
    """Return the rows without the measures of what the reference nowhere shows, sums included.

    It was not outlined, so that 0 mL is no measurement of it (as in ``volumes.csv``).
    """
    whole = {(r["muscle"], r["side"]): r["voxels"] for r in rows if r["level_kind"] == "all"}
    absent = [place for place, voxels in whole.items() if not voxels]

    def lacks(row: Record) -> bool:
        return any(
            set(muscle.split("+")) <= set(row["muscle"].split("+"))
            and (side == row["side"] or row["side"] == "both")
            for muscle, side in absent
        )

    keys = {"case", "muscle", "side", "level", "level_kind"}
    return [
        {name: value if name in keys else None for name, value in row.items()}
        if lacks(row)
        else row
        for row in rows
    ]


def _is_compared(column: str) -> bool:
    """Return whether a column names the row or measures a muscle.

    Counts, remarks and the bounds of an interval are no measurements whose agreement is asked for.
    """
    remarks = {"slices", "voxels", "no_signal_voxels", "asymmetry_formula", "note"}
    return column not in remarks and not {"low", "high"} & set(column.split("_"))


def write_report(out: Path) -> Path:
    """Write ``report.html`` from what a run left, and return its path.

    Raises
    ------
    InputError
        If the folder holds no finished case.
    OutputError
        If the report cannot be written.
    """
    from lpm_segmentator.report.html import render_report

    records = read_records(out)
    cases = [r["case"] for r in records]
    pictures = {case: _picture(out, case, "qc") for case in cases}
    # A picture of levels that an older run left says nothing about this one.
    views = {r["case"]: _picture(out, r["case"], "levels") for r in records if r.get("levels")}
    path = out / "report.html"
    page = render_report(records, run=read_run(out), pictures=pictures, level_views=views)
    write_text(page, path)
    return path


def _picture(out: Path, case: str, kind: str) -> bytes | None:
    path = out / "cases" / case / f"{case}_{kind}.png"
    return path.read_bytes() if path.exists() else None
