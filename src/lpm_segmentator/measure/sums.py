"""The one costly stage of measuring: sums per structure and slice. All measures follow from them.

For each structure and slice the number of voxels is kept, and the sums of water, fat and fat
fraction over the voxels with signal. Sums of disjoint structures and of slices add up, so every
muscle, side and level is measured without touching the voxels again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core.errors import GeometryError, Remedy
from lpm_segmentator.core.geometry import Geometry
from lpm_segmentator.core.volume import DixonPair, LabelMap

__all__ = ["SliceSums", "Sums", "slice_sums", "sums_of_mask"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Indices = tuple[npt.NDArray[np.intp], ...]

#: Columns of `SliceSums.table`.
VOXELS, SIGNAL_VOXELS, WATER, FAT, FRACTION = range(5)

#: Why a measure of some sums is undefined.
NO_VOXELS = "no voxels of this structure here"
NO_PAIR = "no Dixon pair"
NO_SIGNAL = "no voxel with signal (water + fat > 0)"


@dataclass(frozen=True)
class Sums:
    """Sums over a set of voxels.

    Attributes
    ----------
    voxels : int
        All voxels of the set.
    signal_voxels : int
        Those with water + fat > 0; 0 without a Dixon pair.
    water, fat : float
        Sums of the two images over the voxels with signal.
    fraction : float
        Sum of fat / (water + fat) over the voxels with signal.
    has_pair : bool
        Whether there was a Dixon pair.
    """

    voxels: int
    signal_voxels: int
    water: float
    fat: float
    fraction: float
    has_pair: bool


@dataclass(frozen=True, eq=False)
class SliceSums:
    """Sums of one structure, slice by slice.

    Attributes
    ----------
    geometry : Geometry
        The label map's grid.
    table : ndarray, shape (n_slices, 5)
        Voxels, voxels with signal, and their sums of water, fat and fat fraction.
    has_pair : bool
        Whether there was a Dixon pair.
    """

    geometry: Geometry
    table: FloatArray
    has_pair: bool

    def __add__(self, other: SliceSums) -> SliceSums:
        """Join two structures that share no voxel."""
        return SliceSums(self.geometry, self.table + other.table, self.has_pair and other.has_pair)

    @property
    def voxels(self) -> IntArray:
        """Number of voxels in each slice, shape (n_slices,)."""
        return self.table[:, VOXELS].astype(np.int64)

    @property
    def areas_mm2(self) -> FloatArray:
        """Area in each slice in mm², in the plane of the slice, shape (n_slices,)."""
        return self.table[:, VOXELS] * self.geometry.pixel_area_mm2

    def over(self, slices: Sequence[int] | None = None) -> Sums:
        """Sum over some slices, or over all."""
        rows = self.table if slices is None else self.table[list(slices)]
        total = rows.sum(axis=0)
        return Sums(
            voxels=round(float(total[VOXELS])),
            signal_voxels=round(float(total[SIGNAL_VOXELS])),
            water=float(total[WATER]),
            fat=float(total[FAT]),
            fraction=float(total[FRACTION]),
            has_pair=self.has_pair,
        )


def slice_sums(labels: LabelMap, pair: DixonPair | None = None) -> dict[int, SliceSums]:
    """Sum every structure of a label map, slice by slice, in one pass over its foreground.

    Parameters
    ----------
    labels : LabelMap
    pair : DixonPair, optional
        Water and fat on the label map's grid.

    Returns
    -------
    dict of int to SliceSums
        One entry for each value of the scheme, also for those without voxels.

    Raises
    ------
    GeometryError
        If the pair lies on another grid.
    """
    check_grid(labels.geometry, pair)
    values = labels.scheme.values
    position = np.zeros(256, dtype=np.int64)
    position[list(values)] = np.arange(1, len(values) + 1)
    where = np.nonzero(labels.array)
    group = position[labels.array[where]] - 1
    keep = group >= 0  # drops ignored values
    where = tuple(index[keep] for index in where)
    group = group[keep]
    tables = _tables(labels.geometry, where, group, len(values), pair)
    has_pair = pair is not None
    return {v: SliceSums(labels.geometry, tables[n], has_pair) for n, v in enumerate(values)}


def sums_of_mask(
    mask: npt.NDArray[np.bool_], geometry: Geometry, pair: DixonPair | None = None
) -> SliceSums:
    """Sum one mask on a grid, slice by slice; see `slice_sums`.

    Parameters
    ----------
    mask : ndarray of bool
        Of the grid's shape.
    geometry : Geometry
        The grid.
    pair : DixonPair, optional
        Images on the same grid, for the sums of signal.

    Raises
    ------
    GeometryError
        If mask or pair are not on the grid.
    """
    check_grid(geometry, pair)
    if mask.shape != geometry.shape:
        raise GeometryError(f"the mask has shape {mask.shape}, its grid {geometry.shape}")
    where = np.nonzero(mask)
    table = _tables(geometry, where, np.zeros(len(where[0]), dtype=np.int64), 1, pair)[0]
    return SliceSums(geometry, table, pair is not None)


def joined(sums: Mapping[int, SliceSums], values: Iterable[int]) -> SliceSums:
    """Join the sums of several structures."""
    first, *rest = (sums[v] for v in values)
    for one in rest:
        first += one
    return first


def _tables(
    geometry: Geometry,
    where: Indices,
    group: IntArray,
    n_groups: int,
    pair: DixonPair | None,
) -> FloatArray:
    """Count and sum voxels, given by their indices and group, into (n_groups, n_slices, 5)."""
    n_slices = geometry.shape[geometry.slice_axis]
    cell = group * n_slices + where[geometry.slice_axis]
    size = n_groups * n_slices
    table = np.zeros((size, 5))
    table[:, VOXELS] = np.bincount(cell, minlength=size)
    if pair is not None:
        water, fat = _values(pair.water.array, where), _values(pair.fat.array, where)
        total = water + fat
        signal = np.isfinite(total) & (total > 0)
        cell, water, fat, total = cell[signal], water[signal], fat[signal], total[signal]
        table[:, SIGNAL_VOXELS] = np.bincount(cell, minlength=size)
        for column, weights in ((WATER, water), (FAT, fat), (FRACTION, fat / total)):
            table[:, column] = np.bincount(cell, weights, minlength=size)
    return table.reshape(n_groups, n_slices, 5)


def _values(array: npt.NDArray[Any], where: Indices) -> FloatArray:
    """Pick voxels as float64: no overflow of integer images, no rounding of long float32 sums."""
    return np.asarray(array[where], dtype=np.float64)


def check_grid(geometry: Geometry, pair: DixonPair | None) -> None:
    """Raise a `GeometryError` if a pair is not on the grid of its label map."""
    if pair is None:
        return
    difference = geometry.describe_difference(pair.geometry)
    if difference:
        raise GeometryError(
            f"the label map and the images lie on different grids: {difference}",
            hint="Use the label map of these images, or resample it to their grid; if one of them "
            f"has lost its origin, pass {Remedy.ACCEPT_ORIGIN_MISMATCH}",
            remedy=Remedy.ACCEPT_ORIGIN_MISMATCH,
        )
