"""The shipped model on real volumes; it was trained on them, so this shows that it works at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lpm_segmentator.core import Disc, Volume, crop_slices, reorient
from lpm_segmentator.io import read_image
from lpm_segmentator.levels import embedded_level_model, find_levels
from lpm_segmentator.levels.vertebrae import NUMBERINGS, disc_planes


def read(folder: Path, name: str) -> tuple[Volume, dict[str, np.ndarray]]:
    image = read_image(folder / "sagittal" / f"{name}_image.nii.gz").volume
    labels = read_image(folder / "sagittal" / f"{name}_levels.nii.gz").volume
    array = np.rint(labels.array).astype(np.uint8)[tuple(slice(n) for n in image.shape)]
    planes = disc_planes(array, image.geometry, NUMBERINGS["levels"])
    return image, {disc: plane.centre_mm for disc, plane in planes.items()}


@pytest.mark.parametrize("name", ["myosegmentum-02_water", "vb2-02_spinecho"])
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
    assert any("--anchor" in warning for warning in levels.warnings)
    assert all(found.confidence <= 0.5 for found in levels.discs)
