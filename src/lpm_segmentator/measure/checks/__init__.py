"""What can be wrong with a mask or its image before a number is believed.

Each check returns values with the sentences to show; none changes anything.
"""

from __future__ import annotations

from lpm_segmentator.measure.checks.border import (
    BorderContact,
    border_contact,
    slices_without_signal,
)
from lpm_segmentator.measure.checks.coverage import Coverage, coverage
from lpm_segmentator.measure.checks.exchange import Exchange, OrientationCheck, check_against
from lpm_segmentator.measure.checks.findings import LabelChecks, check_labels
from lpm_segmentator.measure.checks.orientation import check_orientation
from lpm_segmentator.measure.checks.plausibility import (
    body_width_mm,
    implausible_areas,
    implausible_body_width,
    implausible_grid,
    implausible_muscle_width,
)

__all__ = [
    "BorderContact",
    "Coverage",
    "Exchange",
    "LabelChecks",
    "OrientationCheck",
    "body_width_mm",
    "border_contact",
    "check_against",
    "check_labels",
    "check_orientation",
    "coverage",
    "implausible_areas",
    "implausible_body_width",
    "implausible_grid",
    "implausible_muscle_width",
    "slices_without_signal",
]
