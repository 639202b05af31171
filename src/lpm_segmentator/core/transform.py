"""Crop, reorient and resample images and label maps; every result keeps its place in the world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, Literal, TypeVar, cast

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core.errors import GeometryError
from lpm_segmentator.core.geometry import FloatArray, Geometry
from lpm_segmentator.core.volume import LabelMap, Volume

__all__ = [
    "CANONICAL",
    "Crop",
    "crop",
    "crop_slices",
    "on_lattice",
    "reorient",
    "resample",
    "uncrop",
]

GridT = TypeVar("GridT", Volume, LabelMap)
Index3 = tuple[int, int, int]

CANONICAL = ("R", "A", "S")
"""Axis codes of an array whose axes grow to right, anterior and superior."""

_OPPOSITE = {"L": "R", "R": "L", "P": "A", "A": "P", "I": "S", "S": "I"}
_ALIGNED = 1e-6  # a drift below this fraction of a voxel over the whole grid is rounding
_LATTICE_VOXELS = 0.02  # voxels of one lattice coincide to this fraction, whatever headers round


def reorient(vol: GridT, codes: Sequence[str] = CANONICAL) -> GridT:
    """Permute and flip array axes so that they grow to the given directions.

    No voxel is interpolated and none moves in the world.

    Parameters
    ----------
    vol : Volume or LabelMap
    codes : sequence of str, length 3
        One of each pair L/R, P/A, I/S; a string such as ``"RAS"`` will do.

    Raises
    ------
    GeometryError
        If the codes do not name three distinct directions.
    """
    order, flips = _axis_moves(vol.geometry.axis_codes, codes)
    # Column b of `step` is how far one moves in the old index per step along the new axis b.
    step = np.zeros((4, 4))
    step[3, 3] = 1
    for new, (old, flip) in enumerate(zip(order, flips, strict=True)):
        step[old, new] = -1 if flip else 1
        step[old, 3] = vol.shape[old] - 1 if flip else 0
    array = np.transpose(vol.array, order)
    array = array[tuple(slice(None, None, -1 if flip else 1) for flip in flips)]
    return vol.with_grid(array, vol.affine @ step)


def _axis_moves(current: Sequence[str], wanted: Sequence[str]) -> tuple[list[int], list[bool]]:
    """Return, for each wanted axis, the current axis it comes from and whether to flip it."""
    wanted = [str(code).upper() for code in wanted]
    order, flips = [], []
    for code in wanted:
        flip = code not in current
        source = _OPPOSITE.get(code, "") if flip else code
        if source not in current:
            break
        order.append(list(current).index(source))
        flips.append(flip)
    if sorted(order) != [0, 1, 2]:
        raise GeometryError(
            f"orientation {''.join(wanted)!r} does not name three distinct directions",
            hint="Use one letter of each pair L/R, P/A and I/S, e.g. RAS",
        )
    return order, flips


@dataclass(frozen=True)
class Crop:
    """A box of voxels and the grid it was cut from: all that `uncrop` needs.

    Parameters
    ----------
    start, stop : tuple of int, length 3
        Half-open range of voxels along each array axis of `full`.
    full : Geometry
        The grid before cropping.

    Raises
    ------
    GeometryError
        If the box is empty or reaches outside the grid.
    """

    start: Index3
    stop: Index3
    full: Geometry

    def __post_init__(self) -> None:
        ranges = list(zip(self.start, self.stop, self.full.shape, strict=True))
        for axis, (start, stop, size) in enumerate(ranges):
            if not 0 <= start < stop <= size:
                raise GeometryError(
                    f"the range [{start}, {stop}) does not fit axis {axis}, which has the voxels "
                    f"[0, {size})",
                    hint="Give a start below the stop (not included), both inside the image",
                )

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Index for the full array."""
        i, j, k = (slice(a, b) for a, b in zip(self.start, self.stop, strict=True))
        return i, j, k

    @property
    def geometry(self) -> Geometry:
        """The grid of the box; its origin is that of the voxel `start`."""
        shape = [b - a for a, b in zip(self.start, self.stop, strict=True)]
        return self.full.shifted(self.start, shape)


def crop(vol: GridT, box: Crop) -> GridT:
    """Cut a box out of an image; the origin moves along.

    Raises
    ------
    GeometryError
        If the image does not lie on the grid the box was made for.
    """
    _check_grid(vol.geometry, box.full, "the crop was made for another image")
    return vol.with_grid(vol.array[box.slices], box.geometry.affine)


def crop_slices(
    vol: GridT, start: int, stop: int, *, axis: int | None = None
) -> tuple[GridT, Crop]:
    """Keep the slices [start, stop) along one array axis.

    Parameters
    ----------
    vol : Volume or LabelMap
    start, stop : int
        Half-open range of slices.
    axis : int, optional
        Array axis; the one closest to superior-inferior if not given.

    Returns
    -------
    cropped : same type as `vol`
    box : Crop
        What `uncrop` needs to put the slices back.

    Raises
    ------
    GeometryError
        If the range is empty or reaches outside the image.
    """
    axis = vol.slice_axis if axis is None else axis
    starts, stops = [0, 0, 0], list(vol.shape)
    starts[axis], stops[axis] = int(start), int(stop)
    box = Crop((starts[0], starts[1], starts[2]), (stops[0], stops[1], stops[2]), vol.geometry)
    return crop(vol, box), box


def uncrop(vol: GridT, box: Crop, fill: float = 0) -> GridT:
    """Put a cropped image back into the grid it came from.

    Parameters
    ----------
    vol : Volume or LabelMap
        On the grid of the box.
    box : Crop
    fill : float
        Value outside the box.

    Raises
    ------
    GeometryError
        If the image does not lie on the grid of the box.
    """
    _check_grid(vol.geometry, box.geometry, "the image is not what this crop cut out")
    full = np.full(box.full.shape, fill, dtype=vol.array.dtype)
    full[box.slices] = vol.array
    return vol.with_grid(full, box.full.affine)


def _check_grid(found: Geometry, expected: Geometry, what: str) -> None:
    difference = expected.describe_difference(found)
    if difference:
        raise GeometryError(f"{what}: {difference}")


def resample(
    vol: GridT,
    target: Geometry,
    *,
    order: int,
    fill: float = 0,
    antialias: bool = False,
) -> GridT:
    """Interpolate an image or label map on another grid.

    A voxel is a box: up to half a voxel beyond the outer centres the edge value holds, further out
    `fill`. So a single slice or a finer grid over the same box loses nothing at its edges.

    Parameters
    ----------
    vol : Volume or LabelMap
    target : Geometry
        The grid to fill.
    order : int
        0 takes the nearest voxel and keeps the type. 1 to 5 are splines and give float32 (float64
        from float64). Of a label map with order 1 or more each label is interpolated by itself
        and the strongest wins.
    fill : float
        Value outside the image.
    antialias : bool
        Blur along axes that become coarser before interpolating (Gaussian with sigma of
        ``(ratio - 1) / 2`` voxels), so that detail finer than the target does not alias. Needs
        order 1 or more.

    Raises
    ------
    ValueError
        If `antialias` is asked for with order 0.
    """
    if antialias and order == 0:
        raise ValueError("antialias needs order 1 or more: nearest neighbours are not blended")
    # Axes brought into line first make the mapping diagonal for all but oblique pairs of grids,
    # which is several times faster; a transpose costs nothing.
    source = reorient(vol, target.axis_codes)
    mapping = np.linalg.inv(source.affine) @ target.affine
    mapping[np.abs(mapping) * max(target.shape) < _ALIGNED] = 0
    if source.shape == target.shape and np.allclose(mapping, np.eye(4), atol=1e-6):
        return source.with_grid(source.array, target.affine)
    sampler = _Sampler(mapping, source.shape, target.shape, order, antialias=antialias)
    if isinstance(source, LabelMap) and order > 0:
        array = _resample_labels(source, sampler, fill)
    else:
        array = sampler(_interpolable(source.array, order), fill)
    return source.with_grid(array, target.affine)


def _interpolable(array: npt.NDArray[Any], order: int) -> npt.NDArray[Any]:
    keep = array.dtype.kind != "b" if order == 0 else array.dtype == np.float64
    if keep and array.dtype != np.float16:
        return array
    return array.astype(np.uint8 if order == 0 and array.dtype.kind == "b" else np.float32)


def _resample_labels(labels: LabelMap, sampler: _Sampler, fill: float) -> npt.NDArray[np.uint8]:
    """Interpolate each label's mask and take the strongest; the background is a label too."""
    best = np.full(sampler.shape, -np.inf, dtype=np.float32)
    winner = np.zeros(sampler.shape, dtype=np.uint8)
    for value in sorted(labels.scheme.allowed):
        strength = sampler((labels.array == value).astype(np.float32), float(value == fill))
        stronger = strength > best
        winner[stronger] = value
        np.maximum(best, strength, out=best)
    return winner


@dataclass(frozen=True)
class _Sampler:
    """Evaluate arrays of one shape at the voxels of another grid.

    `mapping` (4, 4) takes a target index to a source index.
    """

    mapping: FloatArray
    source_shape: Index3
    shape: Index3
    order: int
    antialias: bool = False

    def __call__(self, array: npt.NDArray[Any], fill: float) -> npt.NDArray[Any]:
        from scipy import ndimage

        matrix = self.mapping[:3, :3]
        if self.antialias:
            ratio = np.linalg.norm(matrix, axis=1)
            array = ndimage.gaussian_filter(array, np.maximum(0, (ratio - 1) / 2), mode="nearest")
        diagonal = np.count_nonzero(matrix - np.diag(np.diag(matrix))) == 0
        result: npt.NDArray[Any] = ndimage.affine_transform(
            array,
            np.diag(matrix) if diagonal else matrix,  # scipy has a faster way for a vector
            self.mapping[:3, 3],
            output_shape=self.shape,
            order=cast("Literal[0, 1, 2, 3, 4, 5]", self.order),
            mode="nearest",
        )
        result[self._outside] = fill
        return result

    @cached_property
    def _outside(self) -> npt.NDArray[np.bool_]:
        """Where the target lies more than half a voxel beyond the source's outer centres."""
        steps = np.ogrid[tuple(slice(n) for n in self.shape)]
        outside = np.zeros(self.shape, dtype=bool)
        for row, size in zip(self.mapping[:3], self.source_shape, strict=True):
            # Zero terms are left out so that the sum keeps the fewest axes it can.
            at = row[3] + sum(row[b] * steps[b] for b in range(3) if row[b])
            outside |= (at < -0.5 - _ALIGNED) | (at > size - 0.5 + _ALIGNED)
        return outside


def on_lattice(vol: GridT, target: Geometry, *, fill: float = 0) -> GridT | None:
    """Place an image on a grid whose voxels coincide with its own, without interpolation.

    Other programs save label maps with permuted or flipped axes, cropped, or padded. Such grids are
    parts of one lattice: every voxel centre of the one is a voxel centre of the other, continued
    beyond its border.

    Parameters
    ----------
    vol : Volume or LabelMap
    target : Geometry
        The grid to fill.
    fill : float
        Value where the image holds no voxel.

    Returns
    -------
    Volume or LabelMap or None
        None where the voxels do not coincide (within 2 % of a voxel).
    """
    mapping = np.linalg.inv(target.affine) @ vol.affine
    rounded = np.rint(mapping)
    steps = rounded[:3, :3]
    if not (np.abs(steps).sum(axis=0) == 1).all() or not (np.abs(steps).sum(axis=1) == 1).all():
        return None
    corners = np.array(list(product(*((0, n - 1) for n in vol.shape), (1,))))
    if np.abs((mapping - rounded) @ corners.T).max() > _LATTICE_VOXELS:
        return None
    # Row b of `steps` has its only entry, 1 or -1, at the axis of the image that becomes axis b.
    axes = np.abs(steps).argmax(axis=1)
    flips = steps[range(3), axes] < 0
    array = np.transpose(vol.array, axes)
    array = array[tuple(slice(None, None, -1 if flip else 1) for flip in flips)]
    first = rounded[:3, 3].astype(int) - np.where(flips, np.array(array.shape) - 1, 0)
    full = np.full(target.shape, fill, dtype=vol.array.dtype)
    low = np.maximum(first, 0)
    high = np.minimum(first + array.shape, target.shape)
    if (low < high).all():
        inside = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        source = tuple(slice(a, b) for a, b in zip(low - first, high - first, strict=True))
        full[inside] = array[source]
    return vol.with_grid(full, target.affine)
