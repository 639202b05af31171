"""Evens out the lighting of an image: coils see near tissue brighter than far tissue."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core.errors import MissingExtraError
from lpm_segmentator.core.volume import Volume

__all__ = ["correct_bias"]


def correct_bias(
    image: Volume,
    mask: npt.NDArray[np.bool_] | None = None,
    *,
    grid_mm: float = 6.0,
    iterations: tuple[int, ...] = (40, 30, 20),
) -> Volume:
    """Divide an image by its bias field, estimated by N4 (Tustison et al. 2010).

    Parameters
    ----------
    image : Volume
        T1w or T2w, not negative.
    mask : ndarray of bool, optional
        Where the field is estimated; by default where the image is brighter than Otsu's threshold
        of its brightness, that is in the body.
    grid_mm : float
        The field, which is smooth, is estimated on an image about so coarse in the plane of the
        slices; 16 voxels are kept at least.
    iterations : tuple of int
        Most iterations at each resolution of the field.

    Returns
    -------
    Volume
        float32, the median of the masked voxels unchanged.

    Raises
    ------
    MissingExtraError
        If SimpleITK is not installed.
    """
    try:
        import SimpleITK
    except ImportError as error:
        raise MissingExtraError("bias field correction", extra="t1t2") from error
    sitk: Any = SimpleITK  # most of its functions carry no types
    array = np.ascontiguousarray(image.array, dtype=np.float32)
    if mask is None:
        whole = sitk.GetImageFromArray(array)
        mask = sitk.GetArrayFromImage(sitk.OtsuThreshold(whole, 0, 1, 200)) > 0
    # A single slice has no course along its axis: N4 runs in two dimensions.
    kept = [a for a, size in enumerate(array.shape) if size > 1]
    flat, inside = np.squeeze(array), np.squeeze(mask)
    # N4 only needs the spacing; ITK's axes run backwards, so the array is handed over transposed.
    full = sitk.GetImageFromArray(flat.transpose())
    full.SetSpacing([image.spacing_mm[a] for a in kept])
    within = sitk.GetImageFromArray(np.ascontiguousarray(inside.transpose(), dtype=np.uint8))
    within.CopyInformation(full)
    factors = [_factor(image, axis, grid_mm) for axis in kept]
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations(list(iterations))
    n4.Execute(sitk.Shrink(full, factors), sitk.Shrink(within, factors))
    field = sitk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(full)).transpose()
    field = field.reshape(array.shape)
    corrected = array / np.exp(field)
    if mask.any() and (level := float(np.median(corrected[mask]))) > 0:
        corrected *= np.float32(float(np.median(array[mask])) / level)
    return image.with_array(corrected)


def _factor(image: Volume, axis: int, grid_mm: float) -> int:
    """Return by how much an axis is made coarser."""
    if axis == image.geometry.slice_axis:
        return 1
    wanted = round(grid_mm / image.spacing_mm[axis])
    return max(1, min(wanted, image.shape[axis] // 16))
