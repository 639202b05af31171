"""Many cases: one after the other or side by side, resumed, each failure kept to its case."""

from __future__ import annotations

from lpm_segmentator.cohort.run import CohortResult, Engine, Event, run_cohort

__all__ = ["CohortResult", "Engine", "Event", "run_cohort"]
