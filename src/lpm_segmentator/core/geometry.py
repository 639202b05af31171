"""Where voxels lie: functions on affines and the `Geometry` value.

The world is RAS+ in millimetres: x grows to the patient's right, y to anterior, z to superior. An
affine ``A`` (4, 4) takes a voxel index ``(i, j, k)`` to the world, ``x = A @ (i, j, k, 1)``; index
``(0, 0, 0)`` is the *centre* of the first voxel. Column ``a`` of ``M = A[:3, :3]`` is the step from
one voxel to the next along array axis ``a``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations, product
from typing import Any

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core.errors import GeometryError

__all__ = ["Geometry", "axis_codes", "checked_affine", "slice_axis", "spacing_mm"]

FloatArray = npt.NDArray[np.float64]

_CODES = (("L", "R"), ("P", "A"), ("I", "S"))
_S = 2  # row of the S-I direction in the world
_AXIAL_LIMIT_DEG = 45.0
_SHORTEST_MM, _LARGEST = 1e-9, 1e100  # beyond which computers round to 0 or infinity
# Above this ratio of the coarsest to the next spacing, the coarsest axis is where slices were
# stacked; below it the voxels are near enough to cubes that the spacing tells nothing.
_ANISOTROPY = 1.3


def checked_affine(affine: npt.ArrayLike) -> FloatArray:
    """Return a read-only float64 copy of an affine that can be inverted.

    Parameters
    ----------
    affine : array_like, shape (4, 4)
        Voxel to world, RAS+ millimetres.

    Raises
    ------
    GeometryError
        If it is not 4x4, not finite, not affine (last row 0 0 0 1) or singular.
    """
    matrix = np.array(affine, dtype=np.float64)
    if matrix.shape != (4, 4):
        raise GeometryError(f"an affine must have shape (4, 4), got {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise GeometryError("the affine holds values that are not finite")
    if np.abs(matrix).max() > _LARGEST:
        raise GeometryError("the affine holds values that are no lengths in mm")
    if not np.array_equal(matrix[3], (0, 0, 0, 1)):
        raise GeometryError(f"the affine's last row must be 0 0 0 1, got {matrix[3].tolist()}")
    lengths = np.linalg.norm(matrix[:3, :3], axis=0)
    # Scaled by the step lengths, the determinant is the volume of the unit steps: 1 when they are
    # perpendicular, 0 when they lie in a plane, whatever the spacing.
    if lengths.min() < _SHORTEST_MM or abs(np.linalg.det(matrix[:3, :3] / lengths)) < 1e-4:
        raise GeometryError(
            "the affine is singular: two array axes point the same way or a spacing is 0",
            hint="Export the image again; its header does not say where the voxels lie",
        )
    matrix.flags.writeable = False
    return matrix


def spacing_mm(affine: npt.ArrayLike) -> tuple[float, float, float]:
    """Return the step length along each array axis, in mm.

    Examples
    --------
    >>> spacing_mm([[-2, 0, 0, 0], [0, 0, 1, 0], [0, 4, 0, 0], [0, 0, 0, 1]])
    (2.0, 4.0, 1.0)
    """
    i, j, k = np.linalg.norm(np.asarray(affine, dtype=np.float64)[:3, :3], axis=0)
    return float(i), float(j), float(k)


def _world_rows(affine: npt.ArrayLike) -> tuple[int, int, int]:
    """Return, for each array axis, the world row (0 R-L, 1 A-P, 2 S-I) it runs along.

    Each row is given to exactly one axis, so that the whole fits best: among the six assignments
    the one with the largest sum of direction cosines. Taking the best row per axis alone would
    give one row twice to an image turned by about 45 degrees.
    """
    columns = np.asarray(affine, dtype=np.float64)[:3, :3]
    cosines = np.abs(columns / np.linalg.norm(columns, axis=0))
    rows = max(permutations(range(3)), key=lambda p: sum(cosines[p[a], a] for a in range(3)))
    return rows[0], rows[1], rows[2]


def axis_codes(affine: npt.ArrayLike) -> tuple[str, str, str]:
    """Return the direction each array axis grows to.

    Examples
    --------
    >>> axis_codes([[-2, 0, 0, 0], [0, 0, 1, 0], [0, 4, 0, 0], [0, 0, 0, 1]])
    ('L', 'S', 'A')
    """
    matrix = np.asarray(affine, dtype=np.float64)
    codes = [_CODES[row][int(matrix[row, a] > 0)] for a, row in enumerate(_world_rows(matrix))]
    return codes[0], codes[1], codes[2]


def slice_axis(affine: npt.ArrayLike) -> int:
    """Return the array axis that runs closest to superior-inferior: axial slices lie across it.

    Examples
    --------
    >>> slice_axis([[-2, 0, 0, 0], [0, 0, 1, 0], [0, 4, 0, 0], [0, 0, 0, 1]])
    1
    """
    return _world_rows(affine).index(_S)


@dataclass(frozen=True, eq=False)
class Geometry:
    """A grid of voxels in the world: shape and affine, without the voxels.

    Parameters
    ----------
    shape : tuple of int, length 3
        Number of voxels along each array axis, at least 1.
    affine : array_like, shape (4, 4)
        Voxel to world, RAS+ millimetres. Kept as a read-only float64 array.

    Raises
    ------
    GeometryError
        If the shape is not three positive numbers or the affine cannot be inverted.
    """

    shape: tuple[int, int, int]
    affine: FloatArray

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        if len(shape) != 3 or min(shape) < 1:
            raise GeometryError(f"a grid needs three axes with at least one voxel, got {shape}")
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "affine", checked_affine(self.affine))

    def __eq__(self, other: object) -> bool:
        """Compare exactly; see `describe_difference` for a tolerance."""
        if not isinstance(other, Geometry):
            return NotImplemented
        return self.shape == other.shape and np.array_equal(self.affine, other.affine)

    def __hash__(self) -> int:
        """Hash consistently with `__eq__` (0.0 added so that -0.0 hashes as 0.0)."""
        return hash((self.shape, (self.affine + 0.0).tobytes()))

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Step length along each array axis, in mm."""
        return spacing_mm(self.affine)

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one voxel in mL: ``|det M| / 1000``, right for sheared grids too."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    @property
    def axis_codes(self) -> tuple[str, str, str]:
        """Direction each array axis grows to, e.g. ``('L', 'P', 'S')``."""
        return axis_codes(self.affine)

    @property
    def slice_axis(self) -> int:
        """Array axis closest to superior-inferior."""
        return slice_axis(self.affine)

    @property
    def origin_mm(self) -> FloatArray:
        """World position of the first voxel's centre, shape (3,)."""
        return self.affine[:3, 3]

    @property
    def centre_mm(self) -> FloatArray:
        """World position of the middle of the grid, shape (3,)."""
        return self.voxel_to_world((np.array(self.shape) - 1) / 2)

    @property
    def in_plane_axes(self) -> tuple[int, int]:
        """The two array axes other than `slice_axis`, in ascending order."""
        first, second = (a for a in range(3) if a != self.slice_axis)
        return first, second

    @property
    def slice_spacing_mm(self) -> float:
        """Distance between neighbouring axial slices in mm, perpendicular to them.

        It is the step along `slice_axis` projected on the slices' normal, and so less than the
        step itself where the grid is sheared (gantry tilt).
        """
        return self._plane_distance_mm(self.slice_axis)

    @property
    def pixel_area_mm2(self) -> float:
        """Area of one voxel's face in the axial slice, in mm²."""
        first, second = (self.affine[:3, a] for a in self.in_plane_axes)
        return float(np.linalg.norm(np.cross(first, second)))

    @property
    def obliquity_deg(self) -> float:
        """Angle between the normal of the axial slices and superior, 0–90 degrees."""
        return self._normal_angle_deg(self.slice_axis)

    @cached_property
    def through_plane_axis(self) -> int:
        """Array axis along which slices were stacked when the image was taken.

        A single slice: the axis with one voxel. Otherwise the axis with clearly the largest
        distance between its planes (1.3 times the next). Where voxels are near to cubes any axis
        would do, and it is `slice_axis`.
        """
        single = [a for a in range(3) if self.shape[a] == 1]
        if len(single) == 1:
            return single[0]
        distances = [self._plane_distance_mm(a) for a in range(3)]
        *_, second, coarsest = sorted(range(3), key=distances.__getitem__)
        clear = distances[coarsest] > _ANISOTROPY * distances[second]
        return coarsest if clear else self.slice_axis

    @property
    def is_axial(self) -> bool:
        """Whether the slices as taken lie across the body.

        True when the normal of the slices along `through_plane_axis` is less than 45 degrees from
        superior-inferior. A sagittal or coronal stack of thick slices is not axial; an
        isotropic volume is, since axial slices can be read from it without loss.
        """
        return self._normal_angle_deg(self.through_plane_axis) < _AXIAL_LIMIT_DEG

    def normal(self, axis: int) -> FloatArray:
        """Return the unit normal of the planes across an array axis, shape (3,).

        It is the cross product of the steps along the two other axes in ascending order.
        """
        first, second = (self.affine[:3, a] for a in range(3) if a != axis)
        normal = np.cross(first, second)
        unit: FloatArray = normal / np.linalg.norm(normal)
        return unit

    def slice_centre_mm(self, index: int) -> FloatArray:
        """World position of the middle of an axial slice, shape (3,)."""
        voxel = (np.array(self.shape) - 1) / 2
        voxel[self.slice_axis] = index
        return self.voxel_to_world(voxel)

    def _plane_distance_mm(self, axis: int) -> float:
        return float(abs(self.normal(axis) @ self.affine[:3, axis]))

    def _normal_angle_deg(self, axis: int) -> float:
        return float(np.degrees(np.arccos(min(1.0, abs(self.normal(axis)[_S])))))

    def voxel_to_world(self, voxels: npt.ArrayLike) -> FloatArray:
        """Take voxel indices (may be fractional), shape (..., 3), to the world in mm."""
        return _apply(self.affine, voxels)

    def world_to_voxel(self, points_mm: npt.ArrayLike) -> FloatArray:
        """Take world points in mm, shape (..., 3), to fractional voxel indices."""
        return _apply(np.linalg.inv(self.affine).astype(np.float64), points_mm)

    def shifted(self, start: Sequence[int], shape: Sequence[int]) -> Geometry:
        """Return the grid of `shape` voxels whose first voxel is `start` of this grid."""
        affine = self.affine.copy()
        affine[:3, 3] = self.voxel_to_world(start)
        return Geometry(_triple(shape), affine)

    def with_spacing(self, new_mm: Sequence[float]) -> Geometry:
        """Return a grid with this spacing in mm, the same middle and nearly the same box.

        The shape is the old extent divided by the new spacing, rounded, at least 1.
        """
        new = np.asarray(new_mm, dtype=np.float64)
        ratio = new / np.array(self.spacing_mm)
        shape = np.maximum(1, np.rint(np.array(self.shape) / ratio)).astype(int)
        affine = self.affine.copy()
        affine[:3, :3] *= ratio
        affine[:3, 3] = self.centre_mm - affine[:3, :3] @ ((shape - 1) / 2)
        return Geometry(_triple(shape), affine)

    def corners_mm(self) -> FloatArray:
        """Return the world positions of the eight outer voxel centres, shape (8, 3)."""
        return self.voxel_to_world(list(product(*((0, n - 1) for n in self.shape))))

    def overlap_mm(self, other: Geometry) -> tuple[float, float, float]:
        """Return how far the boxes around two grids overlap along R, A and S, in mm.

        Voxels count to their outer faces, so that a single slice has a thickness.

        Returns
        -------
        tuple of float
            0 along an axis where they do not overlap.
        """
        (low, high), (other_low, other_high) = self._box_mm(), other._box_mm()
        overlap = np.maximum(0.0, np.minimum(high, other_high) - np.maximum(low, other_low))
        r, a, s = (float(v) for v in overlap)
        return r, a, s

    def _box_mm(self) -> tuple[FloatArray, FloatArray]:
        corners = self.corners_mm()
        half: FloatArray = 0.5 * np.abs(self.affine[:3, :3]).sum(axis=1)
        return corners.min(axis=0) - half, corners.max(axis=0) + half

    def describe_difference(self, other: Geometry, atol: float = 0.05) -> str | None:
        """Say in words how another grid differs from this one.

        Parameters
        ----------
        other : Geometry
        atol : float
            How far any voxel may lie from its counterpart, in mm. The default lets through what
            rounding of headers does, and is far below a voxel.

        Returns
        -------
        str or None
            None if the shapes are equal and no voxel is off by more than `atol`.
        """
        if self.shape != other.shape:
            return f"shapes differ: {self.shape} and {other.shape}"
        off_mm = float(np.linalg.norm(self.corners_mm() - other.corners_mm(), axis=1).max())
        if off_mm <= atol:
            return None
        if self.axis_codes != other.axis_codes:
            mine, theirs = "".join(self.axis_codes), "".join(other.axis_codes)
            return f"orientations differ: {mine} and {theirs}"
        found = self._differences(other, atol)
        return "; ".join(found) or f"voxels lie up to {off_mm:.3g} mm apart"

    def _differences(self, other: Geometry, atol: float) -> list[str]:
        found = []
        shift = other.origin_mm - self.origin_mm
        if (distance := float(np.linalg.norm(shift))) > 1e-3:
            parts = ", ".join(f"{v:.2f}" for v in shift + 0.0)
            found.append(f"origins differ by {distance:.2f} mm (R, A, S: {parts})")
        growth = np.subtract(other.spacing_mm, self.spacing_mm) * self.shape
        if np.abs(growth).max() > atol:  # over the whole grid it is more than rounding
            mine, theirs = (" x ".join(f"{v:.7g}" for v in g.spacing_mm) for g in (self, other))
            found.append(f"spacings differ: {mine} and {theirs} mm")
        if (angle := self._turn_deg(other)) > 0.01:
            found.append(f"axes are turned by up to {angle:.2f} degrees")
        return found

    def _turn_deg(self, other: Geometry) -> float:
        """Return the largest angle between corresponding array axes."""
        mine = self.affine[:3, :3] / np.array(self.spacing_mm)
        theirs = other.affine[:3, :3] / np.array(other.spacing_mm)
        cosines = np.clip((mine * theirs).sum(axis=0), -1.0, 1.0)
        return float(np.degrees(np.arccos(cosines)).max())


def _apply(affine: FloatArray, points: npt.ArrayLike) -> FloatArray:
    moved: FloatArray = np.asarray(points, np.float64) @ affine[:3, :3].T + affine[:3, 3]
    return moved


def _triple(values: Sequence[Any] | npt.NDArray[Any]) -> tuple[int, int, int]:
    i, j, k = (int(v) for v in values)
    return i, j, k
