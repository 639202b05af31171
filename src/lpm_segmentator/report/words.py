"""What figures and tables call things: muscles, sides, measures with their units."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lpm_segmentator.agreement import PairAgreement, unit_of
from lpm_segmentator.core.errors import LabelError, TableError
from lpm_segmentator.core.labels import LPM_SCHEME

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NoValuesError", "lower_first", "pair_label", "quantity_label", "require_columns"]

_QUANTITIES = {
    "volume": "Volume",
    "csa": "Cross-sectional area",
    "csa_mean": "Mean cross-sectional area",
    "csa_max": "Maximum cross-sectional area",
    "lean_csa": "Functional cross-sectional area",
    "fat_ratio": "Fat ratio ΣF/Σ(F+W)",
    "ratio": "Fat ratio ΣF/Σ(F+W)",
    "fat_fraction_mean": "Mean fat fraction F/(F+W)",
    "dsc": "Dice",
    "hd95": "HD95",
    "assd": "ASSD",
    "nsd": "NSD",
}


class NoValuesError(TableError):
    """A table is as it should be, but what is to be drawn is undefined in every row."""


def pair_label(pair: PairAgreement) -> str:
    """Name a pair for a reader: ``volume1`` is "ES right", strata speak for themselves."""
    if pair.strata:
        label = " ".join(value for _, value in pair.strata if value)
    else:
        match = re.fullmatch(r"([A-Za-z_]+?)_?(\d)", pair.name)
        label = pair.name
        if match:
            try:
                structure = LPM_SCHEME.by_value(int(match[2]))
            except LabelError:
                return pair.name
            label = f"{structure.muscle} {structure.side.full_name}"
    return f"{label} ({pair.by} {pair.subgroup})" if pair.by else label


def quantity_label(measure: str, unit: str | None = None) -> str:
    """Name a measure with its unit for an axis: ``csa_mm2`` is "Cross-sectional area (mm²)"."""
    unit = unit_of(measure) if unit is None else unit
    stem = re.sub(r"(_(ml|mm2|mm3|cm2|cm3|mm|percent|pct))$", "", measure.lower())
    stem = re.sub(r"(?<!\d)_?\d$", "", stem)
    words = _QUANTITIES.get(stem, stem.replace("_", " ").capitalize())
    return f"{words} ({unit})" if unit else words


def lower_first(text: str) -> str:
    """Begin with a small letter."""
    return text[:1].lower() + text[1:]


def require_columns(table: pd.DataFrame, *names: str) -> None:
    """Refuse a table that lacks a column, naming those it has."""
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise TableError(
            f"the table has no column {', '.join(missing)}",
            hint=f"its columns are {', '.join(map(str, table.columns))}",
        )
