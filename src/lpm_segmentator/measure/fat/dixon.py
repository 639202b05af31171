"""Fat of a structure from a Dixon pair, by both definitions in use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lpm_segmentator.core.contrast import Contrast
from lpm_segmentator.core.volume import DixonPair, Volume
from lpm_segmentator.measure.sums import NO_PAIR, NO_SIGNAL, NO_VOXELS, Sums

__all__ = ["FatMeasure", "fat_fraction_map", "fat_measure"]

NAN = float("nan")


@dataclass(frozen=True)
class FatMeasure:
    """How much of a structure is fat, by both definitions in use.

    Attributes
    ----------
    fat_ratio : float
        ΣF / Σ(F + W), 0–1 (Zhang et al. 2025).
    fat_fraction_mean : float
        Mean over voxels of F / (F + W), 0–1 (MuscleMap).
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


def fat_measure(sums: Sums) -> FatMeasure:
    """Return the fat measures of summed voxels.

    Parameters
    ----------
    sums : Sums
        Sums of water and fat over any set of voxels.

    Returns
    -------
    FatMeasure
        With nan and the reason where the measures are undefined.
    """
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
    """Return the signal fat fraction F / (F + W) of each voxel.

    The mean over a mask is the mask's `FatMeasure.fat_fraction_mean`. It is not a proton density
    fat fraction, which needs corrections for T1, T2* and the fat spectrum (Reeder et al. 2012,
    doi 10.1002/jmri.23741).

    Parameters
    ----------
    pair : DixonPair

    Returns
    -------
    Volume
        float32, on the pair's grid, 0–1; nan where there is no signal. Its contrast is
        `Contrast.FAT_FRACTION`.
    """
    water, fat = (v.array.astype(np.float32) for v in (pair.water, pair.fat))
    total = water + fat
    fraction = np.full(total.shape, np.float32(NAN))
    np.divide(fat, total, out=fraction, where=np.isfinite(total) & (total > 0))
    return pair.water.with_array(fraction, contrast=Contrast.FAT_FRACTION)
