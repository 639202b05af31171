"""Values as the report shows them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lpm_segmentator.core.labels import Side
from lpm_segmentator.measure.catalogue import UNDEFINED, fixed

__all__ = ["SIDES", "Cell", "number"]

SIDES = {**{side.value: side.full_name for side in Side}, "both": "both sides"}
"""The sides in words, in the order of tables."""


@dataclass(frozen=True)
class Cell:
    """A value as it is shown.

    Attributes
    ----------
    text : str
    note : str
        The reason for a dash or for "not valid".
    """

    text: str
    note: str = ""


def number(value: float | None, digits: int, reason: str = "") -> Cell:
    """Return a number as it is shown, or a dash with its reason."""
    if value is None or not math.isfinite(value):
        return Cell(UNDEFINED, reason)
    return Cell(fixed(value, digits))
