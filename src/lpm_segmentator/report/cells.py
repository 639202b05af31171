"""Values as the report shows them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lpm_segmentator.measure.catalogue import UNDEFINED

__all__ = ["Cell", "number"]


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
    # A true minus sign is as wide as a digit and is not separated from its number.
    return Cell(f"{value:.{digits}f}".replace("-", "−"))
