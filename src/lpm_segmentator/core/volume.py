"""Voxels with their place in the world: images, label maps, Dixon pairs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core.contrast import Contrast
from lpm_segmentator.core.errors import FileFormatError, LabelError, PairingError
from lpm_segmentator.core.geometry import FloatArray, Geometry
from lpm_segmentator.core.labels import LPM_SCHEME, LabelScheme, Structure

if TYPE_CHECKING:  # in typing only from Python 3.11 on
    from typing_extensions import Self

__all__ = ["DixonPair", "LabelMap", "Volume"]

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _Gridded:
    """What images and label maps share: a 3-D array on a grid.

    The array is not copied; it is seen through a view that cannot be written to.
    """

    array: npt.NDArray[Any]
    affine: FloatArray

    def __post_init__(self) -> None:
        view = np.asarray(self.array).view()
        if view.ndim != 3:
            raise FileFormatError(f"an image must have 3 axes, got an array of shape {view.shape}")
        view.flags.writeable = False
        geometry = Geometry(view.shape, self.affine)
        object.__setattr__(self, "array", view)
        object.__setattr__(self, "affine", geometry.affine)

    @cached_property
    def geometry(self) -> Geometry:
        """Shape and affine without the voxels."""
        shape: Any = self.array.shape
        return Geometry(shape, self.affine)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along each array axis."""
        return self.geometry.shape

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Step length along each array axis, in mm."""
        return self.geometry.spacing_mm

    @property
    def slice_axis(self) -> int:
        """Array axis closest to superior-inferior."""
        return self.geometry.slice_axis

    def with_grid(self, array: npt.NDArray[Any], affine: npt.ArrayLike) -> Self:
        """Return the same kind of object with other voxels on another grid."""
        return replace(self, array=array, affine=np.asarray(affine, dtype=np.float64))


@dataclass(frozen=True, eq=False)
class Volume(_Gridded):
    """A 3-D image.

    Parameters
    ----------
    array : ndarray, shape (i, j, k)
        Intensities: integers, floats or booleans, in the file's axis order. Not copied; `array`
        is a read-only view.
    affine : array_like, shape (4, 4)
        Voxel to world, RAS+ millimetres.
    contrast : Contrast
        What the image shows. A crop or a resampled image keeps it.

    Raises
    ------
    FileFormatError
        If the array is not 3-D or not real numbers.
    GeometryError
        If the affine cannot be inverted or an axis has no voxels.
    """

    contrast: Contrast = Contrast.UNKNOWN

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.array.dtype.kind not in "biuf":
            raise FileFormatError(f"an image must hold real numbers, got {self.array.dtype}")

    def with_array(
        self, array: npt.NDArray[Any], *, contrast: Contrast = Contrast.UNKNOWN
    ) -> Volume:
        """Return an image with other voxels, and another contrast, on the same grid.

        Raises
        ------
        FileFormatError
            If the shape differs.
        """
        _check_same_shape(array, self.shape)
        return Volume(array, self.affine, contrast)


@dataclass(frozen=True, eq=False)
class LabelMap(_Gridded):
    """A 3-D map of integers that name structures.

    Parameters
    ----------
    array : ndarray of int or bool, shape (i, j, k)
        Label values, in the file's axis order. Kept as a read-only uint8 array.
    affine : array_like, shape (4, 4)
        Voxel to world, RAS+ millimetres.
    scheme : LabelScheme
        What the values mean.

    Raises
    ------
    LabelError
        If the array is not of integers or holds values that the scheme does not know.
    """

    scheme: LabelScheme = LPM_SCHEME

    def __post_init__(self) -> None:
        array = np.asarray(self.array)
        if array.dtype.kind not in "biu":
            raise LabelError(f"a label map must hold integers, got {array.dtype}")
        unknown = sorted(_present(array) - self.scheme.allowed)
        if unknown:
            raise LabelError(
                f"unknown label values {unknown[:10]}{' and more' if unknown[10:] else ''}; "
                f"known are {sorted(self.scheme.allowed)}"
            )
        object.__setattr__(self, "array", array.astype(np.uint8, copy=False))
        super().__post_init__()

    def with_array(self, array: npt.NDArray[Any]) -> LabelMap:
        """Return a label map with other values on the same grid and scheme.

        Raises
        ------
        FileFormatError
            If the shape differs.
        """
        _check_same_shape(array, self.shape)
        return LabelMap(array, self.affine, self.scheme)

    def mask(self, label: int | Structure) -> BoolArray:
        """Return where a label value or structure is, as booleans of the map's shape."""
        value = label.value if isinstance(label, Structure) else label
        found: BoolArray = self.array == value
        return found

    @property
    def foreground(self) -> BoolArray:
        """Where any structure is: neither background nor an ignored value."""
        return np.isin(self.array, np.array(self.scheme.values, dtype=np.uint8))

    @property
    def ignored(self) -> BoolArray:
        """Where voxels are marked to be left out of comparisons."""
        return np.isin(self.array, np.array(sorted(self.scheme.ignored), dtype=np.uint8))

    @property
    def present(self) -> tuple[int, ...]:
        """Label values of structures that have at least one voxel, ascending."""
        return tuple(sorted(_present(self.array) & set(self.scheme.values)))


@dataclass(frozen=True, eq=False)
class DixonPair:
    """The water and fat images of one Dixon scan.

    Parameters
    ----------
    water, fat : Volume
        On the same grid (no voxel more than 0.05 mm off).

    Raises
    ------
    PairingError
        If the grids differ; the message names the difference.
    """

    water: Volume
    fat: Volume

    def __post_init__(self) -> None:
        difference = self.water.geometry.describe_difference(self.fat.geometry)
        if difference:
            raise PairingError(
                f"the water and fat images do not lie on the same grid: {difference}",
                hint="Export both from the same scan, or resample one to the other",
            )

    @property
    def geometry(self) -> Geometry:
        """The common grid (the water image's)."""
        return self.water.geometry

    def total(self) -> Volume:
        """Return water + fat as float64: no overflow of integer images."""
        return self.water.with_array(self.water.array.astype(np.float64) + self.fat.array)


def _check_same_shape(array: npt.NDArray[Any], shape: tuple[int, int, int]) -> None:
    if np.shape(array) != shape:
        raise FileFormatError(f"expected an array of shape {shape}, got {np.shape(array)}")


def _present(array: npt.NDArray[Any]) -> set[int]:
    """Return the distinct values of an integer array.

    A look-up table beats sorting by an order of magnitude on the few small values of a label map.
    """
    if array.size == 0:
        return set()
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > 255:
        return {int(v) for v in np.unique(array)}
    seen = np.zeros(256, dtype=bool)
    seen[array.astype(np.uint8, copy=False).ravel()] = True
    return {int(v) for v in np.flatnonzero(seen)}
