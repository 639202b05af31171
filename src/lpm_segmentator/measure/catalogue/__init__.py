"""What is measured, as lists: everything that tables, report and documents say about a number."""

from __future__ import annotations

from lpm_segmentator.measure.catalogue.accuracy import (
    ACCURACY,
    ACCURACY_COLUMNS,
    AccuracyQuantity,
)
from lpm_segmentator.measure.catalogue.measures import (
    CATALOGUE,
    PREFERRED_MAP,
    Catalogue,
    Measure,
)
from lpm_segmentator.measure.catalogue.preferred import DIXON_FAT, INTENSITY_FAT, PreferredFat
from lpm_segmentator.measure.catalogue.quantity import (
    NOT_VALID,
    UNDEFINED,
    Comparison,
    Kind,
    Quantity,
    fixed,
)

__all__ = [
    "ACCURACY",
    "ACCURACY_COLUMNS",
    "CATALOGUE",
    "DIXON_FAT",
    "INTENSITY_FAT",
    "NOT_VALID",
    "PREFERRED_MAP",
    "UNDEFINED",
    "AccuracyQuantity",
    "Catalogue",
    "Comparison",
    "Kind",
    "Measure",
    "PreferredFat",
    "Quantity",
    "fixed",
]
