"""Distances between the surfaces of two masks: one costly stage, many cheap measures.

The surface of a mask is its voxels that have a neighbour outside the mask (6-neighbourhood in 3-D,
4 in 2-D), as in medpy, MONAI and Metrics Reloaded. Distances run between voxel centres, by an
exact Euclidean distance transform on the box that holds both masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lpm_segmentator.core.boxes import bounding_box
from lpm_segmentator.core.errors import GeometryError

__all__ = ["SurfaceDistances", "assd_mm", "hausdorff_mm", "hd95_mm", "nsd", "surface_distances"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IndexArray = npt.NDArray[np.intp]

BOTH_EMPTY = "reference and prediction are empty"
REFERENCE_EMPTY = "reference is empty"
PREDICTION_EMPTY = "prediction is empty"

_NAN = float("nan")


@dataclass(frozen=True, eq=False)
class SurfaceDistances:
    """The distance of every surface voxel to the other surface.

    Attributes
    ----------
    reference_mm, prediction_mm : ndarray, shape (n,), (m,)
        From each surface voxel of one mask to the surface of the other. Empty where either mask
        is empty.
    reference_slices, prediction_slices : ndarray of int, shape (n,), (m,)
        Slice index of each surface voxel.
    reason : str
        Why there are no distances; empty where there are.
    """

    reference_mm: FloatArray
    prediction_mm: FloatArray
    reference_slices: IndexArray
    prediction_slices: IndexArray
    reason: str = ""

    def within(self, slices: Sequence[int]) -> SurfaceDistances:
        """Return the distances of the surface voxels in some slices.

        They run to the nearest voxel of the other surface, in whatever slice that lies: a part of
        a stack has no cut faces of its own.
        """
        here = np.asarray(slices)
        one, other = (np.isin(s, here) for s in (self.reference_slices, self.prediction_slices))
        return SurfaceDistances(
            self.reference_mm[one],
            self.prediction_mm[other],
            self.reference_slices[one],
            self.prediction_slices[other],
            self.reason or _why_none(bool(one.any()), bool(other.any())),
        )


def surface_distances(
    reference: BoolArray,
    prediction: BoolArray,
    spacing_mm: Sequence[float],
    *,
    open_ends: bool = False,
    slice_axis: int = 2,
) -> SurfaceDistances:
    """Measure the distances between the surfaces of two masks.

    Parameters
    ----------
    reference, prediction : ndarray of bool, shape (i, j, k)
        On the same grid. A grid with a single slice is measured as a 2-D outline; its voxels
        would otherwise all be surface.
    spacing_mm : sequence of float, length 3
        Voxel size along the axes.
    open_ends : bool
        Where a muscle leaves the image, its cut face counts as surface, as in other tools. True
        leaves the cut faces out: a stack from L1/L2 to L5/S1 has large ones at both ends, and
        their many near-zero distances improve all surface measures.
    slice_axis : int
        The axis along which `SurfaceDistances.within` counts slices.

    Returns
    -------
    SurfaceDistances
        In mm; without distances, and with the reason, where a mask is empty.

    Raises
    ------
    GeometryError
        If the shapes differ.
    """
    if reference.shape != prediction.shape:
        raise GeometryError(
            f"reference and prediction have shapes {reference.shape} and {prediction.shape}",
            hint="Resample the prediction to the reference's grid first",
        )
    flat = tuple(a for a, n in enumerate(reference.shape) if n == 1)
    flat = flat[: max(0, reference.ndim - 1)]
    spacing = [s for a, s in enumerate(spacing_mm) if a not in flat]
    one, other = np.squeeze(reference, flat), np.squeeze(prediction, flat)
    reason = _why_none(bool(one.any()), bool(other.any()))
    if reason:
        none, nowhere = np.empty(0), np.empty(0, dtype=np.intp)
        return SurfaceDistances(none, none, nowhere, nowhere, reason)
    window = bounding_box(one | other) or ()
    edges = [_surface(mask, window, open_ends) for mask in (one, other)]
    reference_mm, prediction_mm = (
        ndimage.distance_transform_edt(~theirs, sampling=spacing)[mine]
        for mine, theirs in (edges, edges[::-1])
    )
    slices = [_slices(edge, window, slice_axis, flat) for edge in edges]
    return SurfaceDistances(reference_mm, prediction_mm, slices[0], slices[1])


def _slices(
    edge: BoolArray, window: tuple[slice, ...], slice_axis: int, flat: tuple[int, ...]
) -> IndexArray:
    """Return the slice index of each surface voxel; `flat` are the axes that were left out."""
    where = np.nonzero(edge)
    if slice_axis in flat:
        return np.zeros_like(where[0])
    axis = slice_axis - sum(a < slice_axis for a in flat)
    return where[axis] + int(window[axis].start)


def hausdorff_mm(distances: SurfaceDistances) -> float:
    """Return the Hausdorff distance: the largest surface distance in mm; nan if there is none."""
    if distances.reason:
        return _NAN
    return float(max(distances.reference_mm.max(), distances.prediction_mm.max()))


def hd95_mm(distances: SurfaceDistances) -> float:
    """Return HD95 in mm: the larger of the two directed 95th percentiles; nan if there is none.

    As in MONAI and Metrics Reloaded (Maier-Hein et al. 2024, doi 10.1038/s41592-023-02151-z).
    """
    if distances.reason:
        return _NAN
    both = (distances.reference_mm, distances.prediction_mm)
    return float(max(np.percentile(d, 95) for d in both))


def assd_mm(distances: SurfaceDistances) -> float:
    """Return ASSD in mm: the mean over the voxels of both surfaces; nan if there is none.

    As in Metrics Reloaded (Maier-Hein et al. 2024, doi 10.1038/s41592-023-02151-z).
    """
    if distances.reason:
        return _NAN
    total = distances.reference_mm.sum() + distances.prediction_mm.sum()
    return float(total / (len(distances.reference_mm) + len(distances.prediction_mm)))


def nsd(distances: SurfaceDistances, tolerance_mm: float) -> float:
    """Return NSD: the share of both surfaces within a tolerance of the other, 0–1.

    Nikolov et al. 2021, doi 10.2196/26151, counted in surface voxels.

    Parameters
    ----------
    distances : SurfaceDistances
    tolerance_mm : float

    Returns
    -------
    float
        0 where one mask alone is empty; nan where both are.
    """
    if distances.reason:
        return _NAN if distances.reason == BOTH_EMPTY else 0.0
    both = np.concatenate((distances.reference_mm, distances.prediction_mm))
    # Whole voxels are often exactly the tolerance apart: rounding must not decide.
    return float(np.mean(both <= tolerance_mm + 1e-9))


def _why_none(reference: bool, prediction: bool) -> str:
    if reference and prediction:
        return ""
    if reference or prediction:
        return PREDICTION_EMPTY if reference else REFERENCE_EMPTY
    return BOTH_EMPTY


def _surface(mask: BoolArray, window: tuple[slice, ...], open_ends: bool) -> BoolArray:
    """Return the surface voxels of a mask inside its window.

    Outside the window is background, except where the window ends with the image and the ends are
    open: there the mask is assumed to continue.
    """
    part = mask[window]
    padded = np.pad(part, 1)
    if open_ends:
        for axis, (piece, size) in enumerate(zip(window, mask.shape, strict=True)):
            rows = np.moveaxis(padded, axis, 0)
            if piece.start == 0:
                rows[0] = rows[1]
            if piece.stop == size:
                rows[-1] = rows[-2]
    inside = ndimage.binary_erosion(padded)[(slice(1, -1),) * mask.ndim]
    surface = part & ~inside
    # A mask that fills the image has no surface between open ends: its cut faces are kept then.
    return surface if surface.any() else _surface(mask, window, False)
