"""Sagittal planes on the model's grid, from a volume of any orientation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core import Geometry, Volume, reorient, resample

__all__ = [
    "SPACING_MM",
    "SagittalPlanes",
    "is_sagittal",
    "normalise",
    "plane_geometry",
    "sagittal_planes",
]

FloatArray = npt.NDArray[np.float32]

#: planes follow to the right, rows to the feet, columns to the back
_FRAME = ("R", "I", "P")
SPACING_MM = 2.0
#: neighbouring voxels closer than this are merged into one plane, as thick as a sagittal slice
_PLANE_MM = 4.0
#: standard deviation of the neighbourhood that sets the scale
_NEIGHBOURHOOD_MM = 25.0
#: share of the body's level added to the neighbourhood's mean, so that noise in air stays dark
_AIR = 0.25


@dataclass(frozen=True, eq=False)
class SagittalPlanes:
    """Planes of float32, shape (x, rows, columns), not negative, and their grid in the world."""

    array: FloatArray
    geometry: Geometry


def is_sagittal(geometry: Geometry) -> bool:
    """Return whether the slices were acquired from one side to the other."""
    return geometry.axis_codes[geometry.through_plane_axis] in "LR" and not geometry.is_axial


def plane_geometry(geometry: Geometry) -> Geometry:
    """Return the grid of sagittal planes over an image in the frame of the planes.

    Planes keep their distance where it is 4 mm or more; rows and columns are 2 mm apart.
    """
    x_mm = max(geometry.spacing_mm[0], _PLANE_MM)
    return geometry.with_spacing((x_mm, SPACING_MM, SPACING_MM))


def sagittal_planes(volume: Volume) -> SagittalPlanes:
    """Return a volume as sagittal planes; the axes stay those of the image, oblique or not."""
    turned = reorient(volume, _FRAME)
    target = plane_geometry(turned.geometry)
    planes = resample(turned, target, order=1, antialias=True)
    array = np.asarray(planes.array, dtype=np.float32)
    return SagittalPlanes(array - min(0.0, float(array.min())), target)


def normalise(plane: FloatArray) -> FloatArray:
    """Scale a plane by its neighbourhood, so that intensities are similar for all sequences.

    Each pixel is divided by the mean of its surroundings within some 25 mm. This removes the
    fall-off of a surface coil, and subcutaneous fat, which in Dixon fat and T1w images is many
    times brighter than the spine, does not set the scale of the spine.

    Parameters
    ----------
    plane : ndarray of float32, shape (rows, columns)
        Not negative, pixels of `SPACING_MM`.
    """
    from scipy import ndimage

    body = plane[plane > 0.5 * plane.mean()]
    if body.size == 0:
        return plane
    level = max(float(np.median(body)), 1e-6)
    bounded = np.minimum(plane, 4 * level)
    sigma = _NEIGHBOURHOOD_MM / SPACING_MM
    around = ndimage.gaussian_filter(bounded, sigma, mode="constant", truncate=2.5)
    scaled: FloatArray = np.clip(bounded / (around + _AIR * level), 0.0, 3.0).astype(np.float32)
    return scaled
