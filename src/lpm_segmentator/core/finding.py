"""What there is to say about a case: notes, doubts and failures, each in its area."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from lpm_segmentator.core.errors import Remedy

__all__ = ["Area", "Finding", "Severity"]


class Area(str, Enum):
    """What a finding is about."""

    INPUT = "input"
    SEGMENTATION = "segmentation"
    LEVELS = "levels"
    FAT = "fat"

    def __str__(self) -> str:
        """Return the name."""
        return self.value


class Severity(str, Enum):
    """How serious a finding is, in ascending order."""

    NOTE = "note"
    CHECK = "check"
    FAIL = "fail"

    def __str__(self) -> str:
        """Return the name."""
        return self.value


@dataclass(frozen=True)
class Finding:
    """A sentence about a case.

    Attributes
    ----------
    area : Area
    severity : Severity
        A note needs no action; what is to be checked may be wrong; what failed is not valid.
    code : str
        Kind of the finding, equal in all cases that it concerns, such as ``"lost-origin"``.
    message : str
        What was found, in one sentence.
    remedy : Remedy, optional
        The setting that changes it; faces add what they offer for it.
    """

    area: Area
    severity: Severity
    code: str
    message: str
    remedy: Remedy | None = None

    def __str__(self) -> str:
        """Return the message."""
        return self.message
