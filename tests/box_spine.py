"""A spine of boxes with known discs."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

from lpm_segmentator.core import Disc, Geometry

STEP_MM = 36.0
TOP_MM = 100.0


def body_centre(index: int) -> np.ndarray:
    """Middle of body `index`: 0 T12, 1 L1 … 5 L5, 6 S1."""
    return np.array([2.0, 10.0 + 3.0 * np.sin(index), TOP_MM - STEP_MM * index])


def disc_centre(disc: Disc) -> np.ndarray:
    """Middle between the bodies above and below a disc."""
    index = list(Disc).index(disc) + 1
    return (body_centre(index) + body_centre(index + 1)) / 2


def box_geometry() -> Geometry:
    """Sagittal slices of 4 mm, 2 mm in plane, axes to the right, feet and back."""
    affine = np.array([[4.0, 0, 0, -22.0], [0, 0, -2.0, 50.0], [0, -2.0, 0, 140.0], [0, 0, 0, 1.0]])
    return Geometry((13, 160, 40), affine)


def box_vertebrae(geometry: Geometry) -> np.ndarray:
    """Label map in the numbering of the training labels; S1 included."""
    world = geometry.voxel_to_world(np.moveaxis(np.indices(geometry.shape), 0, -1))
    labels = np.zeros(geometry.shape, np.uint8)
    for index, value in enumerate((12, 1, 2, 3, 4, 5, 6)):
        off = np.abs(world - body_centre(index))
        labels[(off[..., 0] < 22) & (off[..., 1] < 16) & (off[..., 2] < 13.5)] = value
    return labels


def write_box_subject(folder: Path, name: str) -> None:
    """Write ``NAME_image.nii.gz``, bright bodies and noise, and ``NAME_levels.nii.gz``."""
    geometry = box_geometry()
    vertebrae = box_vertebrae(geometry)
    noise = np.random.default_rng(0).random(vertebrae.shape)
    image = ((vertebrae > 0) + 0.1 * noise).astype(np.float32)
    folder.mkdir(exist_ok=True)
    nib.save(nib.Nifti1Image(image, geometry.affine), folder / f"{name}_image.nii.gz")
    nib.save(nib.Nifti1Image(vertebrae, geometry.affine), folder / f"{name}_levels.nii.gz")
