"""Many cases: backends, progress, and what became of each."""

from __future__ import annotations

from lpm_segmentator.cohort.engines import Engine, Event
from lpm_segmentator.cohort.run import CohortResult, run_cohort

__all__ = ["CohortResult", "Engine", "Event", "run_cohort"]
