"""What is measured, as lists: everything that tables, report and documents say about a number."""

from __future__ import annotations

from lpm_segmentator.measure.catalogue.accuracy import ACCURACY, AccuracyQuantity
from lpm_segmentator.measure.catalogue.measures import (
    CATALOGUE,
    PREFERRED_MAP,
    Catalogue,
    Measure,
)
from lpm_segmentator.measure.catalogue.quantity import Comparison, Kind, Quantity

__all__ = [
    "ACCURACY",
    "CATALOGUE",
    "PREFERRED_MAP",
    "AccuracyQuantity",
    "Catalogue",
    "Comparison",
    "Kind",
    "Measure",
    "Quantity",
]
