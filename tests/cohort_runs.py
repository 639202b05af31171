"""Runs over a study, for tests."""

from __future__ import annotations

import json
from pathlib import Path

from lpm_segmentator import api, cohort

TABLES = (
    "measures.csv",
    "profiles.csv",
    "volumes.csv",
    "fat_ratios.csv",
    "accuracy.csv",
    "accuracy_levels.csv",
    "accuracy_slices.csv",
    "paired_measures.csv",
)


def run(folder: Path, out: Path, options: api.RunOptions, **more) -> cohort.CohortResult:
    return cohort.run_cohort(api.find_cases([folder], reference=folder), out, options, **more)


def states(result: cohort.CohortResult) -> dict[str, str]:
    return {event.case: event.state for event in result.events}


def saved(out: Path) -> dict:
    return json.loads((out / "run.json").read_text(encoding="utf-8"))


def hidden(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.name.startswith(".") and p.name != ".run.lock"]
