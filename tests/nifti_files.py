"""NIfTI files for tests, good and bad."""

from __future__ import annotations

import nibabel as nib
import numpy as np

RAMP = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
AFFINE = np.array([[-1.5, 0, 0, 90], [0, -1.5, 0, 80], [0, 0, 4, -50], [0, 0, 0, 1.0]])


def save(path, array, affine=AFFINE, **fields):
    header = nib.Nifti1Image(array, affine).header
    for name, value in fields.items():
        header[name] = value
    # Without an affine nibabel writes the header's fields as they are.
    nib.Nifti1Image(array, None, header).to_filename(path)
    return path


def noise():
    return np.random.default_rng(0).integers(0, 4000, (20, 20, 10)).astype(np.int16)


def raw(path, data):
    path.write_bytes(data)
    return path
