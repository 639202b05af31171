"""Detects Dixon pairs in which water and fat are swapped, as a whole or in a region.

Dixon reconstruction must decide for each voxel which of two signals is water; where it decides
wrongly, fat appears in the water image, and fat ratios are near 1 minus the true value.

The layer under the skin is fat in everyone: its fat fraction is near 1 if the pair is right and
near 0 if it is swapped. The muscles are compared with it, since a high fat fraction in a heavily
infiltrated muscle proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lpm_segmentator.core.volume import DixonPair, LabelMap
from lpm_segmentator.measure.sums import slice_sums

__all__ = ["SwapReport", "detect_swap"]

FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

#: Depth under the skin, in mm, at which nearly everyone has fat at the back and flanks.
_LAYER_MM = (4.0, 9.0)
#: Below this share of the image's highest signal a voxel counts as air.
_BODY_SHARE = 0.12
#: Fat fraction that separates water-like from fat-like tissue.
_HALF = 0.5
#: Difference from the stack's median above which a slice counts as swapped.
_JUMP = 0.45
#: A region of fewer voxels is not judged.
_FEWEST = 60


@dataclass(frozen=True)
class SwapReport:
    """Signs of a water–fat swap.

    Attributes
    ----------
    whole : bool
        The two images are exchanged as a whole.
    slices : tuple of str
        Regions that appear swapped, e.g. ``"slice 3, under the skin, right"``; empty if `whole`.
    layer_fat_fraction : float
        Median fat fraction under the skin; nan where no layer was found.
    muscle_fat_fraction : float
        Median over slices and structures of the mean fat fraction; nan without labels.
    warnings : tuple of str
        What to tell the user; empty if nothing appears swapped.
    """

    whole: bool
    slices: tuple[str, ...]
    layer_fat_fraction: float
    muscle_fat_fraction: float
    warnings: tuple[str, ...]


def detect_swap(pair: DixonPair, labels: LabelMap | None = None) -> SwapReport:
    """Look for a water–fat swap of the whole pair and of single regions.

    Parameters
    ----------
    pair : DixonPair
    labels : LabelMap, optional
        Muscles on the same grid, as further evidence.

    Returns
    -------
    SwapReport
        The thresholds were set on the published pairs and on phantoms (docs/measures.md).
    """
    axes = (*_plane_axes(pair), pair.geometry.slice_axis)
    water, fat = (v.array.transpose(axes).astype(np.float32) for v in (pair.water, pair.fat))
    layer = _layer_table(water, fat, pair)
    layer_all = _median(layer)
    muscle = np.empty((0, 0)) if labels is None else _muscle_table(pair, labels)
    muscle_all = _median(muscle)
    whole = layer_all < _HALF and not muscle_all < layer_all
    if np.isnan(layer_all):  # no skin in the field of view: the muscles alone decide
        whole = muscle_all > 1 - 0.2
    regions: list[str] = [] if whole else _odd_layers(layer, pair) + _odd_muscles(muscle, labels)
    return SwapReport(
        whole=bool(whole),
        slices=tuple(regions),
        layer_fat_fraction=layer_all,
        muscle_fat_fraction=muscle_all,
        warnings=_warnings(bool(whole), regions, layer_all),
    )


def _layer_table(water: Float32Array, fat: Float32Array, pair: DixonPair) -> FloatArray:
    """Return the median fat fraction under the skin of the back, shape (n_slices, 2 sides).

    The images have their slice axis last and the side-to-side axis first. The front is left out:
    where the signal is saturated or lost, its edge is not the skin.
    """
    total = water + fat
    total[~np.isfinite(total)] = 0
    signal = total > _BODY_SHARE * np.percentile(total[::2, ::2], 99)
    left_right, front_back = _plane_axes(pair)
    spacing = (pair.geometry.spacing_mm[left_right], pair.geometry.spacing_mm[front_back])
    to_back = pair.geometry.axis_codes[front_back] == "P"
    table = np.full((total.shape[2], 2), np.nan)
    half = total.shape[0] // 2
    for index in range(total.shape[2]):
        body = ndimage.binary_fill_holes(_largest(signal[:, :, index]))
        if body.all() or not body.any():
            continue
        # Distances to the air within the image; its border is no skin.
        depth = ndimage.distance_transform_edt(body, sampling=spacing)
        ring = signal[:, :, index] & (depth > _LAYER_MM[0]) & (depth < _LAYER_MM[1])
        middle = round(float(np.flatnonzero(body.any(axis=0)).mean()))
        ring[:, slice(0, middle) if to_back else slice(middle, None)] = False
        for side, part in enumerate((slice(0, half), slice(half, None))):
            inside = ring[part]
            if np.count_nonzero(inside) >= _FEWEST:
                fraction = fat[part, :, index][inside] / total[part, :, index][inside]
                table[index, side] = np.median(fraction)
    return table


def _plane_axes(pair: DixonPair) -> tuple[int, int]:
    """Return the array axes that run from side to side and from front to back."""
    first, second = pair.geometry.in_plane_axes
    return (first, second) if pair.geometry.axis_codes[first] in "LR" else (second, first)


def _largest(mask: BoolArray) -> BoolArray:
    """Keep the largest connected part of a slice: the body, without arms and noise."""
    parts, count = ndimage.label(mask)
    if count <= 1:
        return mask
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.asarray(parts == sizes.argmax(), dtype=np.bool_)


def _muscle_table(pair: DixonPair, labels: LabelMap) -> FloatArray:
    """Return the mean fat fraction, shape (n_slices, n_structures); nan for too few voxels."""
    columns = []
    for sums in slice_sums(labels, pair).values():
        count, fraction = sums.table[:, 1], sums.table[:, 4]
        column = np.full(len(count), np.nan)
        np.divide(fraction, count, out=column, where=count >= _FEWEST)
        columns.append(column)
    return np.array(columns).T


def _median(table: FloatArray) -> float:
    return float(np.median(known)) if (known := table[~np.isnan(table)]).size else float("nan")


def _odd_layers(layer: FloatArray, pair: DixonPair) -> list[str]:
    """List slices in which the layer under the skin appears as water on one side of the body."""
    code = pair.geometry.axis_codes[_plane_axes(pair)[0]]
    names = ("right", "left") if code == "L" else ("left", "right")
    return [
        f"slice {index}, under the skin, {names[side]}"
        for index, side in np.argwhere(layer < _median(layer) - _JUMP)
    ]


def _odd_muscles(muscle: FloatArray, labels: LabelMap | None) -> list[str]:
    """List slices in which a muscle is mostly fat while most of its slices are mostly water."""
    if labels is None:
        return []
    regions = []
    for column, structure in enumerate(labels.scheme):
        values = muscle[:, column]
        typical = _median(values)
        odd = np.flatnonzero((values > typical + _JUMP) & (values > _HALF))
        regions += [f"slice {index}, {structure.full_name}" for index in odd]
    return regions


def _warnings(whole: bool, regions: list[str], layer: float) -> tuple[str, ...]:
    if whole:
        return (
            "water and fat appear to be exchanged: the layer under the skin has a fat fraction of "
            f"{layer:.2f}. Exchange the two images and measure again",
        )
    if regions:
        shown = "; ".join(regions[:5]) + (f"; and {len(regions) - 5} more" if regions[5:] else "")
        return (f"water and fat appear swapped in places ({shown}). Check the fat measures there",)
    return ()
