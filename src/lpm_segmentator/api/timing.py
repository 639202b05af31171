"""How long a case took."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from lpm_segmentator.pipeline import CaseResult
    from lpm_segmentator.stacks import StackedResult

__all__ = ["timed"]

ResultT = TypeVar("ResultT", "CaseResult", "StackedResult")


def timed(result: ResultT, read_seconds: float, began: float) -> ResultT:
    """Return a result with the seconds of reading, and of all since `began`."""
    seconds = {
        "read": round(read_seconds, 3),
        **result.seconds,
        "total": round(time.perf_counter() - began, 3),
    }
    return replace(result, seconds=seconds)
