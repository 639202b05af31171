"""A spine of boxes with known discs, as a volume, a label map and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from box_spine import box_geometry, box_vertebrae
from lpm_segmentator.core import Geometry, Volume


@pytest.fixture(scope="session")
def sagittal_geometry() -> Geometry:
    return box_geometry()


@pytest.fixture(scope="session")
def vertebrae(sagittal_geometry: Geometry) -> np.ndarray:
    return box_vertebrae(sagittal_geometry)


@pytest.fixture(scope="session")
def spine(sagittal_geometry: Geometry, vertebrae: np.ndarray) -> Volume:
    return Volume((vertebrae > 0).astype(np.float32) * 100 + 20, sagittal_geometry.affine)


@pytest.fixture
def files(tmp_path: Path, spine: Volume, vertebrae: np.ndarray) -> Path:
    import nibabel as nib

    # A few grey values more than in a label map, which a file of images is not mistaken for.
    grey = np.asarray(spine.array) + np.arange(spine.shape[2], dtype=np.float32) % 7
    nib.save(nib.Nifti1Image(grey, spine.affine), tmp_path / "spine.nii.gz")
    nib.save(nib.Nifti1Image(vertebrae, spine.affine), tmp_path / "vertebrae.nii.gz")
    return tmp_path
