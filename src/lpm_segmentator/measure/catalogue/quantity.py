"""An entry of a catalogue: one quantity with all that is said about it anywhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

__all__ = ["NOT_VALID", "UNDEFINED", "Comparison", "Kind", "Quantity", "Value"]

Value = float | str
"""A number (counts are int), or the text of a remark."""

SourceT = TypeVar("SourceT")

UNDEFINED = "–"
"""What is shown of an undefined value."""

NOT_VALID = "not valid"
"""What is shown of a size that is not that of the whole muscle."""


class Kind(str, Enum):
    """What the values of a quantity are."""

    NUMBER = "number"
    COUNT = "count"
    TEXT = "text"
    """A remark about other quantities, such as the formula behind them."""

    def __str__(self) -> str:
        """Return the word."""
        return self.value


class Comparison(str, Enum):
    """How the value of a prediction is compared with that of a reference."""

    NONE = "not compared"
    """Counts, remarks and interval bounds: no measurements whose agreement is of interest."""
    DIFFERENCE = "difference"
    """Prediction minus reference, in the quantity's unit."""
    RELATIVE = "relative difference"
    """The difference, and also in per cent of the reference: sizes, which have a true zero."""

    def __str__(self) -> str:
        """Return the words."""
        return self.value


def fixed(value: float, digits: int, *, sign: str = "") -> str:
    """Return a number with a true minus sign.

    Unlike a hyphen it is as wide as a digit and is not separated from its number.

    Parameters
    ----------
    value : float
    digits : int
        After the decimal point.
    sign : str
        ``"+"`` to show the sign of positive numbers too.

    Examples
    --------
    >>> fixed(-1.26, 1), fixed(1.26, 1, sign="+")
    ('−1.3', '+1.3')
    """
    return f"{value:{sign}.{digits}f}".replace("-", "−")


@dataclass(frozen=True, kw_only=True)
class Quantity(Generic[SourceT]):
    """One quantity.

    Attributes
    ----------
    name : str
        Column in CSV files; ends in the unit where there is one.
    unit : str
        Unit of the values, e.g. ``"mL"``; empty for ratios and counts.
    label : str
        Name for readers, e.g. ``"Mean cross-sectional area"``.
    description : str
        One sentence: definition or formula, and its source where it has one.
    function : callable
        Computes the value from the sums of one row; nan where it is undefined.
    digits : int
        Decimal places in the report.
    shown_unit : str, optional
        Unit in the report where it differs, e.g. cm² for mm², % for ratios.
    factor : float
        Values times this are in `shown_unit`.
    kind : Kind
    comparison : Comparison
    needs_whole_muscle : bool
        Whether the value is not valid where the edge of the image cuts the muscle off
        (`border_contact`).
    reason : callable, optional
        Returns why the value is undefined, or nothing, from the same sums as `function`; for
        quantities that are undefined where the others are not. It goes into the row's note.
    """

    name: str
    unit: str = ""
    label: str
    description: str
    function: Callable[[SourceT], Value]
    digits: int = 1
    shown_unit: str | None = None
    factor: float = 1.0
    kind: Kind = Kind.NUMBER
    comparison: Comparison = Comparison.DIFFERENCE
    needs_whole_muscle: bool = False
    reason: Callable[[SourceT], str] | None = None

    @property
    def is_compared(self) -> bool:
        """Whether a reference's value is compared with a prediction's."""
        return self.comparison is not Comparison.NONE

    @property
    def display_unit(self) -> str:
        """Unit in the report."""
        return self.unit if self.shown_unit is None else self.shown_unit

    @property
    def heading(self) -> str:
        """Label with the unit of the report, e.g. ``"Mean cross-sectional area (cm²)"``."""
        return f"{self.label} ({self.display_unit})" if self.display_unit else self.label

    def text(self, value: Value | None) -> str:
        """Return a value as the report shows it: scaled and rounded, a dash where undefined.

        Examples
        --------
        >>> area = Quantity(
        ...     name="csa_mm2", unit="mm²", label="Area", description="", function=float,
        ...     shown_unit="cm²", factor=0.01,
        ... )
        >>> area.text(1234.0), area.text(float("nan")), area.text(-50.0)
        ('12.3', '–', '−0.5')
        """
        if value is None:
            return UNDEFINED
        if isinstance(value, str):
            return value
        if not math.isfinite(value):
            return UNDEFINED
        return fixed(value * self.factor, self.digits)

    def text_in(self, row: Mapping[str, Any]) -> str:
        """Return the value in a row of measures as the report shows it.

        Parameters
        ----------
        row : mapping
            With the columns of this quantity and ``valid``.

        Returns
        -------
        str
            As `text`, or "not valid" where the edge of the image cuts the muscle off.
        """
        value = row[self.name]
        if value is not None and self.needs_whole_muscle and not row["valid"]:
            return NOT_VALID
        return self.text(value)
