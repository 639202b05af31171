"""How much a measure hangs on the outline: what one voxel less or more does to it.

Two readers rarely agree on a muscle's border to better than a voxel. The mask is eroded and dilated
by one voxel within each slice and measured again; the smallest and largest of the three values are
the interval. It is a sensitivity, not a confidence interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lpm_segmentator.core.geometry import Geometry
from lpm_segmentator.core.volume import DixonPair
from lpm_segmentator.measure._window import bounding_box
from lpm_segmentator.measure.quantities import csa_measure, fat_measure
from lpm_segmentator.measure.sums import SliceSums, sums_of_mask

__all__ = ["Interval", "OutlineVariants", "Reliability", "outline_variants", "reliability"]

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Interval:
    """Smallest and largest value over the eroded, the given and the dilated mask."""

    low: float
    high: float


@dataclass(frozen=True)
class Reliability:
    """Intervals of the measures of one structure over some slices."""

    volume_ml: Interval
    lean_volume_ml: Interval
    csa_mean_mm2: Interval
    lean_csa_mean_mm2: Interval
    fat_ratio: Interval
    fat_fraction_mean: Interval


@dataclass(frozen=True, eq=False)
class OutlineVariants:
    """Sums of a mask one voxel smaller, as given, and one voxel larger."""

    eroded: SliceSums
    given: SliceSums
    dilated: SliceSums


def outline_variants(
    mask: BoolArray, geometry: Geometry, pair: DixonPair | None = None
) -> OutlineVariants:
    """Erode and dilate a mask by one voxel within each slice and sum the three.

    Neighbours are the four that share an edge. Beyond the image nothing is eroded: a muscle that
    reaches the border of the field of view has no outline there.
    """
    cross = _in_plane_cross(geometry.slice_axis)
    window = bounding_box(mask, margin=1)
    eroded, dilated = np.zeros_like(mask), np.zeros_like(mask)
    if window is not None:
        part = mask[window]
        # The window has a margin of background except where the mask touches the image's border.
        eroded[window] = ndimage.binary_erosion(part, cross, border_value=1)
        dilated[window] = ndimage.binary_dilation(part, cross)
    return OutlineVariants(
        *(sums_of_mask(m, geometry, pair) for m in (eroded, mask, dilated)),
    )


def reliability(variants: OutlineVariants, slices: Sequence[int] | None = None) -> Reliability:
    """Return the intervals over some slices, or over all."""
    all_three = (variants.eroded, variants.given, variants.dilated)
    voxel_ml = variants.given.geometry.voxel_volume_ml
    fats = [fat_measure(s.over(slices)) for s in all_three]
    areas = [csa_measure(s, slices) for s in all_three]
    volumes = [s.over(slices).voxels * voxel_ml for s in all_three]
    lean = [v * (1 - f.fat_fraction_mean) for v, f in zip(volumes, fats, strict=True)]
    return Reliability(
        volume_ml=_interval(volumes),
        lean_volume_ml=_interval(lean),
        csa_mean_mm2=_interval([a.mean_mm2 for a in areas]),
        lean_csa_mean_mm2=_interval([a.lean_mean_mm2 for a in areas]),
        fat_ratio=_interval([f.fat_ratio for f in fats]),
        fat_fraction_mean=_interval([f.fat_fraction_mean for f in fats]),
    )


def _interval(values: Sequence[float]) -> Interval:
    """Span the values; nan if any is undefined, for the interval would claim too much."""
    return Interval(float(np.min(values)), float(np.max(values)))


def _in_plane_cross(axis: int) -> BoolArray:
    cross = ndimage.generate_binary_structure(3, 1)
    index: list[slice | int] = [slice(None)] * 3
    for outer in (0, 2):
        index[axis] = outer
        cross[tuple(index)] = False
    return np.asarray(cross, dtype=np.bool_)
