"""The shipped model on real volumes; it was trained on them, so this shows that it works at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lpm_segmentator.core import Disc, Geometry, Remedy, Volume, crop_slices, reorient
from lpm_segmentator.io import read_image
from lpm_segmentator.levels import (
    embedded_level_model,
    find_levels,
    levels_from_vertebrae,
    to_slices,
)
from lpm_segmentator.levels.vertebrae import NUMBERINGS, disc_planes


def read(folder: Path, name: str) -> tuple[Volume, dict[str, np.ndarray]]:
    image = read_image(folder / "sagittal" / f"{name}_image.nii.gz").volume
    labels = read_image(folder / "sagittal" / f"{name}_levels.nii.gz").volume
    array = np.rint(labels.array).astype(np.uint8)[tuple(slice(n) for n in image.shape)]
    planes = disc_planes(array, image.geometry, NUMBERINGS["levels"])
    return image, {disc: plane.centre_mm for disc, plane in planes.items()}


@pytest.mark.parametrize("name", ["myosegmentum-05_water", "vb2-02_spinecho"])
def test_names_the_discs_of_real_volumes(shared_data: Path, name: str) -> None:
    image, truth = read(shared_data, name)
    levels = find_levels(image, embedded_level_model(threads=1))
    assert levels.warnings == ()
    for disc in Disc:
        found = levels.find(disc)
        assert found is not None
        assert abs(found.centre_mm[2] - truth[str(disc)][2]) < 6.0


def test_warns_where_the_sacrum_is_cut_off(shared_data: Path) -> None:
    image, truth = read(shared_data, "myosegmentum-02_water")
    turned = reorient(image, "LAS")
    start = round(float(turned.geometry.world_to_voxel(truth["L4-L5"])[2])) - 15
    cut = crop_slices(turned, start, turned.shape[2])[0]
    levels = find_levels(cut, embedded_level_model(threads=1))
    assert any(str(Remedy.ANCHOR) in warning for warning in levels.warnings)
    assert all(found.confidence <= 0.5 for found in levels.discs)


def _tilted_stack(centre_mm: np.ndarray, normal: np.ndarray) -> Geometry:
    """Five slices of 4 mm parallel to a disc, which lies in slice 2, before the image's middle."""
    right = np.array([1.0, 0.0, 0.0]) - normal * normal[0]
    right /= np.linalg.norm(right)
    affine = np.eye(4)
    affine[:3, :3] = np.column_stack([right, np.cross(normal, right), 4.0 * normal])
    affine[:3, 3] = centre_mm - affine[:3, :3] @ (80.0, 130.0, 2.0)
    return Geometry((160, 160, 5), affine)


@pytest.mark.parametrize("name", ["myosegmentum-05_water", "vb2-02_spinecho"])
def test_each_disc_falls_into_its_own_tilted_stack(shared_data: Path, name: str) -> None:
    """Tilted by up to 19 and 29 degrees: by height alone L5-S1 falls into another slice."""
    image, labels = (
        read_image(shared_data / "sagittal" / f"{name}_{kind}.nii.gz").volume
        for kind in ("image", "levels")
    )
    truth = levels_from_vertebrae(np.rint(labels.array).astype(int), labels.geometry, "levels")
    levels = find_levels(image, embedded_level_model(threads=1))
    tilts = []
    for disc in truth.discs:
        normal = np.array(disc.normal)
        stack = _tilted_stack(np.array(disc.centre_mm), normal)
        inside = to_slices(levels, stack)
        assert list(inside) == [disc.disc]
        assert abs(inside[disc.disc] - 2) <= 1
        tilts.append(np.degrees(np.arccos(normal[2])))
    assert max(tilts) > 15.0
