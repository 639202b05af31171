"""Volume, cross-sectional area, fat and lean muscle of a structure over some slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lpm_segmentator.core.geometry import Geometry
from lpm_segmentator.core.volume import DixonPair, LabelMap, Volume
from lpm_segmentator.measure.sums import (
    FRACTION,
    SIGNAL_VOXELS,
    VOXELS,
    SliceSums,
    Sums,
    slice_sums,
)

__all__ = [
    "CsaMeasure",
    "FatMeasure",
    "area_across_body_mm2",
    "csa_measure",
    "fat_fraction_map",
    "fat_measure",
    "label_volumes_ml",
]

NAN = float("nan")

NO_VOXELS = "no voxels of this structure here"
NO_PAIR = "no Dixon pair"
NO_SIGNAL = "no voxel with signal (water + fat > 0)"


@dataclass(frozen=True)
class FatMeasure:
    """How much of a structure is fat, by both definitions in use.

    Attributes
    ----------
    fat_ratio : float
        ΣF / Σ(F + W), 0–1.
    fat_fraction_mean : float
        Mean over voxels of F / (F + W), 0–1.
    voxels : int
        Voxels of the structure.
    no_signal_voxels : int
        Those left out because F + W is not above 0.
    reason : str
        Why a value is nan; empty if none is.
    """

    fat_ratio: float
    fat_fraction_mean: float
    voxels: int
    no_signal_voxels: int
    reason: str = ""


@dataclass(frozen=True)
class CsaMeasure:
    """Cross-sectional area over some slices, in the plane of the slices.

    Attributes
    ----------
    mean_mm2, max_mm2 : float
        Over the slices that show the structure.
    lean_mean_mm2 : float
        Mean functional area: ``Σ area (1 - fat_fraction_mean) / n`` over the same slices.
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


def fat_measure(sums: Sums) -> FatMeasure:
    """Return the fat measures of summed voxels; nan with the reason where they are undefined."""
    without = sums.voxels - sums.signal_voxels if sums.has_pair else 0
    reason = ""
    if not sums.has_pair:
        reason = NO_PAIR
    elif not sums.voxels:
        reason = NO_VOXELS
    elif not sums.signal_voxels:
        reason = NO_SIGNAL
    if reason:
        return FatMeasure(NAN, NAN, sums.voxels, without, reason)
    ratio = sums.fat / (sums.fat + sums.water)
    return FatMeasure(ratio, sums.fraction / sums.signal_voxels, sums.voxels, without)


def fat_fraction_map(pair: DixonPair) -> Volume:
    """Return F / (F + W) of each voxel, float32; nan where there is no signal.

    The mean over a mask is the mask's `FatMeasure.fat_fraction_mean`.
    """
    water, fat = (v.array.astype(np.float32) for v in (pair.water, pair.fat))
    total = water + fat
    fraction = np.full(total.shape, np.float32(NAN))
    np.divide(fat, total, out=fraction, where=np.isfinite(total) & (total > 0))
    return pair.water.with_array(fraction)


def csa_measure(sums: SliceSums, slices: Sequence[int] | None = None) -> CsaMeasure:
    """Return the areas of a structure over some slices, or over all."""
    rows = sums.table if slices is None else sums.table[list(slices)]
    rows = rows[rows[:, VOXELS] > 0]
    if not len(rows):
        return CsaMeasure(NAN, NAN, NAN, 0, NO_VOXELS)
    areas = rows[:, VOXELS] * sums.geometry.pixel_area_mm2
    lean, reason = NAN, "" if sums.has_pair else NO_PAIR
    if sums.has_pair and not rows[:, SIGNAL_VOXELS].all():
        reason = "a slice without signal has no lean area"
    elif sums.has_pair:
        lean = float(np.mean(areas * (1 - rows[:, FRACTION] / rows[:, SIGNAL_VOXELS])))
    return CsaMeasure(float(areas.mean()), float(areas.max()), lean, len(rows), reason)


def area_across_body_mm2(area_mm2: float, geometry: Geometry) -> float:
    """Return the area across the body's long axis of a muscle cut by oblique slices.

    A column along the superior direction that is cut at an angle θ shows the area ``A / cos θ``;
    its cross-section is ``A``. Do not use it where slices were tilted on purpose to follow the
    discs: there the muscle's course tilts with them.
    """
    return float(area_mm2 * np.cos(np.radians(geometry.obliquity_deg)))


def label_volumes_ml(labels: LabelMap, pair: DixonPair | None = None) -> dict[int, float]:
    """Return the volume in mL of each label value; 0.0 for a label without voxels."""
    voxel_ml = labels.geometry.voxel_volume_ml
    return {v: s.over().voxels * voxel_ml for v, s in slice_sums(labels, pair).items()}
