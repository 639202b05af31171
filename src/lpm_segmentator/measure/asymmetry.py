"""Left–right asymmetry. The formulas in use differ by a factor and a sign: each has its name."""

from __future__ import annotations

import math
from enum import Enum

__all__ = ["AsymmetryFormula", "asymmetry_percent"]


class AsymmetryFormula(str, Enum):
    """How right and left are compared.

    ========== ============================================== ==============
    name       formula (per cent)                              sign
    ========== ============================================== ==============
    MEAN       100 (right - left) / ((right + left) / 2)       right larger: +
    LARGER     100 (larger - smaller) / larger                 never negative
    ========== ============================================== ==============
    """

    MEAN = "100 (R - L) / ((R + L) / 2)"
    LARGER = "100 (larger - smaller) / larger"

    def __str__(self) -> str:
        """Return the formula."""
        return self.value


def asymmetry_percent(
    right: float, left: float, *, formula: AsymmetryFormula = AsymmetryFormula.MEAN
) -> float:
    """Return the asymmetry of two sizes in per cent; nan if one is nan or 0: no side.

    Examples
    --------
    >>> asymmetry_percent(110.0, 90.0)
    20.0
    >>> round(asymmetry_percent(110.0, 90.0, formula=AsymmetryFormula.LARGER), 2)
    18.18
    """
    if math.isnan(right) or math.isnan(left) or min(right, left) == 0:
        return math.nan
    if formula is AsymmetryFormula.MEAN:
        return 100.0 * (right - left) / ((right + left) / 2)
    return 100.0 * abs(right - left) / max(right, left)
