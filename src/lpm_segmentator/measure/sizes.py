"""Volume and cross-sectional area of a structure over some slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lpm_segmentator.core.geometry import Geometry
from lpm_segmentator.core.volume import DixonPair, LabelMap
from lpm_segmentator.measure.sums import (
    FRACTION,
    NO_PAIR,
    NO_VOXELS,
    SIGNAL_VOXELS,
    VOXELS,
    SliceSums,
    slice_sums,
)

__all__ = ["CsaMeasure", "area_across_body_mm2", "csa_measure", "label_volumes_ml"]

NAN = float("nan")


@dataclass(frozen=True)
class CsaMeasure:
    """Cross-sectional area over some slices, in the plane of the slices.

    Attributes
    ----------
    mean_mm2, max_mm2 : float
        Over the slices that show the structure.
    lean_mean_mm2 : float
        Mean functional area, ``Σ area (1 - mean fat fraction of the slice) / n``, over the same
        slices.
    slices : int
        Number of slices that show the structure.
    reason : str
        Why a value is nan; empty if none is.
    """

    mean_mm2: float
    max_mm2: float
    lean_mean_mm2: float
    slices: int
    reason: str = ""


def csa_measure(sums: SliceSums, slices: Sequence[int] | None = None) -> CsaMeasure:
    """Return the areas of a structure.

    The area in a slice is the number of its voxels times ``|a × b|``, where a and b are the two
    in-plane columns of the affine.

    Parameters
    ----------
    sums : SliceSums
    slices : sequence of int, optional
        Slices to measure; all by default.

    Returns
    -------
    CsaMeasure
        With nan and the reason where no slice shows the structure.
    """
    rows = sums.table if slices is None else sums.table[list(slices)]
    rows = rows[rows[:, VOXELS] > 0]
    if not len(rows):
        return CsaMeasure(NAN, NAN, NAN, 0, NO_VOXELS)
    areas = rows[:, VOXELS] * sums.geometry.pixel_area_mm2
    lean, reason = NAN, "" if sums.has_pair else NO_PAIR
    if sums.has_pair and not rows[:, SIGNAL_VOXELS].all():
        reason = "a slice without signal has no functional area"
    elif sums.has_pair:
        lean = float(np.mean(areas * (1 - rows[:, FRACTION] / rows[:, SIGNAL_VOXELS])))
    return CsaMeasure(float(areas.mean()), float(areas.max()), lean, len(rows), reason)


def area_across_body_mm2(area_mm2: float, geometry: Geometry) -> float:
    """Return the area perpendicular to the body's long axis of a muscle cut by oblique slices.

    A column along the superior direction that is cut at an angle θ shows the area ``A / cos θ``;
    its cross-section is ``A``. Do not use it where slices were tilted on purpose to follow the
    discs: there the muscle's direction tilts with them.

    Parameters
    ----------
    area_mm2 : float
        In the plane of the slices.
    geometry : Geometry
        The grid; θ is its `obliquity_deg`.
    """
    return float(area_mm2 * np.cos(np.radians(geometry.obliquity_deg)))


def label_volumes_ml(labels: LabelMap, pair: DixonPair | None = None) -> dict[int, float]:
    """Return the volume in mL of each label value; 0.0 for a label without voxels."""
    voxel_ml = labels.geometry.voxel_volume_ml
    return {v: s.over().voxels * voxel_ml for v, s in slice_sums(labels, pair).items()}
