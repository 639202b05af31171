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
    shrink: int = 4,
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
    shrink : int
        The field is estimated on an image coarser by this factor in the plane of the slices.
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
    # N4 only needs the spacing; ITK's axes run backwards, so the array is handed over transposed.
    full = sitk.GetImageFromArray(array.transpose())
    full.SetSpacing(image.spacing_mm)
    if mask is None:
        inside = sitk.OtsuThreshold(full, 0, 1, 200)
    else:
        inside = sitk.GetImageFromArray(np.ascontiguousarray(mask.transpose(), dtype=np.uint8))
        inside.CopyInformation(full)
    factors = [
        1 if axis == image.geometry.slice_axis else max(1, min(shrink, size // 16))
        for axis, size in enumerate(image.shape)
    ]
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations(list(iterations))
    n4.Execute(sitk.Shrink(full, factors), sitk.Shrink(inside, factors))
    field = sitk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(full)).transpose()
    corrected = array / np.exp(field)
    chosen = np.asarray(sitk.GetArrayFromImage(inside)).transpose() > 0
    if chosen.any() and (level := float(np.median(corrected[chosen]))) > 0:
        corrected *= np.float32(float(np.median(array[chosen])) / level)
    return image.with_array(corrected)
