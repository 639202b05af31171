"""Bias field correction: surface coils show tissue near them brighter than tissue far away."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core.errors import MissingExtraError
from lpm_segmentator.core.volume import Volume

__all__ = ["correct_bias"]

BoolArray = npt.NDArray[np.bool_]
Float32Array = npt.NDArray[np.float32]


def correct_bias(
    image: Volume,
    mask: BoolArray | None = None,
    *,
    grid_mm: float = 6.0,
    iterations: tuple[int, ...] = (40, 30, 20),
) -> Volume:
    """Divide an image by its bias field, estimated by N4.

    Parameters
    ----------
    image : Volume
        T1w or T2w, without negative values.
    mask : ndarray of bool, shape of the image, optional
        Where the field is estimated; by default where the intensity is above Otsu's threshold,
        that is, in the body.
    grid_mm : float
        In-plane spacing at which the field, which is smooth, is estimated; at least 16 voxels are
        kept along each axis.
    iterations : tuple of int
        Maximum number of iterations at each resolution of the field.

    Returns
    -------
    Volume
        float32, on the image's grid and of its contrast; the median of the masked voxels is
        unchanged.

    Raises
    ------
    MissingExtraError
        If SimpleITK is not installed.

    References
    ----------
    Tustison et al. 2010, doi 10.1109/TMI.2010.2046908.
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
    field = _log_field(sitk, image, array, mask, grid_mm=grid_mm, iterations=iterations)
    corrected = array / np.exp(field)
    if mask.any() and (level := float(np.median(corrected[mask]))) > 0:
        corrected *= np.float32(float(np.median(array[mask])) / level)
    return image.with_array(corrected, contrast=image.contrast)


def _log_field(
    sitk: Any,
    image: Volume,
    array: Float32Array,
    mask: BoolArray,
    *,
    grid_mm: float,
    iterations: tuple[int, ...],
) -> Float32Array:
    """Return the logarithm of the bias field, shape of the image."""
    # A single slice has no variation along its axis: N4 runs in two dimensions.
    kept = [a for a, size in enumerate(array.shape) if size > 1]
    flat, inside = np.squeeze(array), np.squeeze(mask)
    # N4 needs no more than the spacing; ITK orders axes backwards, so the array is transposed.
    full = sitk.GetImageFromArray(flat.transpose())
    full.SetSpacing([image.spacing_mm[a] for a in kept])
    within = sitk.GetImageFromArray(np.ascontiguousarray(inside.transpose(), dtype=np.uint8))
    within.CopyInformation(full)
    factors = [_factor(image, axis, grid_mm) for axis in kept]
    shrink, n4 = sitk.ShrinkImageFilter(), sitk.N4BiasFieldCorrectionImageFilter()
    for step in (shrink, n4):
        step.SetNumberOfThreads(1)  # the images are small: threads wait for one another
    shrink.SetShrinkFactors(factors)
    n4.SetMaximumNumberOfIterations(list(iterations))
    n4.Execute(shrink.Execute(full), shrink.Execute(within))
    field: Float32Array = sitk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(full)).transpose()
    return field.reshape(array.shape)


def _factor(image: Volume, axis: int, grid_mm: float) -> int:
    """Return the factor by which the resolution along an axis is reduced."""
    if axis == image.geometry.slice_axis:
        return 1
    wanted = round(grid_mm / image.spacing_mm[axis])
    return max(1, min(wanted, image.shape[axis] // 16))
