"""Patches on three planes around the middle of a disc: the disc and its surroundings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lpm_segmentator.levels.planes import FloatArray, SagittalPlanes

__all__ = ["PATCH_CHANNELS", "PATCH_PIXELS", "cut_patch", "patches_around", "standardise"]

PATCH_PIXELS = 48
#: a patch shows about 130 mm: the disc, two further ones, and the sacrum where it is near
_STEP_MM = 2.75
#: planes left of, through and right of the middle
_SIDE_MM = (-8.0, 0.0, 8.0)
#: standard deviation of the neighbourhood that sets the scale
_NEIGHBOURHOOD_MM = 25.0
#: share of the patch's level added to the neighbourhood's mean, so that noise in air stays dark
_AIR = 0.25
#: three planes, and where there is an image at all
PATCH_CHANNELS = len(_SIDE_MM) + 1


#: several patches are cut for a disc, this far to the left and right
_LOOKS_MM = (-6.0, 0.0, 6.0)


def patches_around(planes: SagittalPlanes, centre_mm: npt.NDArray[np.float64]) -> FloatArray:
    """Return patches ``(n, 4, 48, 48)`` of the disc at a world point."""
    spacing_mm = np.asarray(planes.geometry.spacing_mm)
    centre = planes.geometry.world_to_voxel(centre_mm)
    sides = [centre + np.array([off_mm, 0, 0]) / spacing_mm for off_mm in _LOOKS_MM]
    return np.stack([standardise(*cut_patch(planes.array, spacing_mm, at)) for at in sides])


def cut_patch(
    planes: FloatArray,
    spacing_mm: npt.NDArray[np.float64],
    centre: npt.NDArray[np.float64],
    turn: npt.NDArray[np.float64] | None = None,
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Return the image around a point, and which part of it lies within the image.

    Parameters
    ----------
    planes : ndarray, shape (x, rows, columns)
    spacing_mm : ndarray, shape (3,)
    centre : ndarray, shape (3,)
        In voxels.
    turn : ndarray, shape (3, 3), optional
        From millimetres of the patch to millimetres of the planes; the identity if not given.

    Returns
    -------
    patch : ndarray of float32, shape (3, 48, 48)
        0 outside the image.
    inside : ndarray of bool, shape (48, 48)
        Of the middle plane.
    """
    from scipy import ndimage

    along = (np.arange(PATCH_PIXELS) - (PATCH_PIXELS - 1) / 2) * _STEP_MM
    grid = np.stack(np.meshgrid(_SIDE_MM, along, along, indexing="ij")).reshape(3, -1)
    if turn is not None:
        grid = turn @ grid
    at = grid / np.asarray(spacing_mm)[:, None] + np.asarray(centre)[:, None]
    shape = (len(_SIDE_MM), PATCH_PIXELS, PATCH_PIXELS)
    # A narrow stack may have no plane at the side; the outermost one is used instead.
    at[0] = np.clip(at[0], 0, planes.shape[0] - 1)
    patch = ndimage.map_coordinates(planes, at, order=1, mode="constant", prefilter=False)
    rows, columns = at[1:].reshape(2, *shape)[:, 1]
    inside = (rows >= 0) & (rows <= planes.shape[1] - 1)
    inside &= (columns >= 0) & (columns <= planes.shape[2] - 1)
    return patch.reshape(shape).astype(np.float32), inside


def standardise(patch: FloatArray, inside: npt.NDArray[np.bool_]) -> FloatArray:
    """Return the input of the network: standardised planes, and which part of them is image.

    The planes have zero mean and unit deviation.

    Before that, each pixel is divided by the mean of its neighbourhood within the image, which
    removes the fall-off of a surface coil.
    """
    from scipy import ndimage

    if not inside.any():
        return np.zeros((PATCH_CHANNELS, *inside.shape), np.float32)
    known = inside.astype(np.float32)
    level = max(float(patch[:, inside].mean()), 1e-6)
    bounded = np.minimum(patch, 4 * level) * known
    sigma = _NEIGHBOURHOOD_MM / _STEP_MM
    sums = ndimage.gaussian_filter(bounded, (0, sigma, sigma), mode="constant", truncate=2.0)
    weights = ndimage.gaussian_filter(known, sigma, mode="constant", truncate=2.0)
    even = bounded / (sums / np.maximum(weights, 1e-3) + _AIR * level)
    seen = even[:, inside]
    scaled = (even - seen.mean()) / max(float(seen.std()), 1e-6)
    channels = np.concatenate([np.clip(scaled, -4, 4) * known, known[None]])
    return channels.astype(np.float32)
