"""What dcm2niix makes of DICOM files: an independent reader to compare with, in tests only."""

from __future__ import annotations

import subprocess
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from lpm_segmentator.core import Volume

#: dcm2niix computes in single precision
PLACE_MM = 1e-4


def convert(folder: Path, out: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return voxels and affine of each 3-D image that dcm2niix finds, in RAS order."""
    dcm2niix = pytest.importorskip("dcm2niix", reason="needs dcm2niix (the extra test)")
    out.mkdir(parents=True)
    command = [dcm2niix.bin, "-b", "n", "-z", "n", "-o", out, "-f", "%s_%p_%r", folder]
    subprocess.run(command, check=True, capture_output=True)
    images = []
    for path in sorted(out.glob("*.nii")):
        image = nib.as_closest_canonical(nib.load(path))
        array = image.get_fdata()
        parts = [array] if array.ndim == 3 else [array[..., t] for t in range(array.shape[3])]
        images += [(part, image.affine) for part in parts]
    return images


def canonical(volume: Volume) -> tuple[np.ndarray, np.ndarray]:
    """Return voxels and affine of a volume in RAS order."""
    image = nib.as_closest_canonical(nib.Nifti1Image(volume.array.astype(float), volume.affine))
    return image.get_fdata(), image.affine


def assert_among(volume: Volume, images: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """Check that one of the images has the same voxels at the same places."""
    array, affine = canonical(volume)
    alike = [
        other
        for other, place in images
        if other.shape == array.shape and np.abs(place - affine).max() < PLACE_MM
    ]
    assert alike, (array.shape, affine, [(a.shape, p) for a, p in images])
    # The scaling is in single precision there.
    largest = max(1.0, float(np.abs(array).max()))
    assert min(np.abs(other - array).max() for other in alike) < 2e-5 * largest
