"""Subjects of the level model: their files, heat maps and folds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from box_spine import box_geometry, box_vertebrae, write_box_subject
from lpm_segmentator.core import Disc, FileFormatError
from lpm_segmentator.levels.model import CHANNELS
from lpm_segmentator.levels.vertebrae import NUMBERINGS, disc_planes
from lpm_segmentator.train.levels.subjects import (
    ANY_DISC,
    BODY,
    assign_folds,
    read_level_subject,
    read_level_subjects,
)


def test_the_heat_map_of_a_disc_is_highest_at_its_middle(tmp_path: Path) -> None:
    write_box_subject(tmp_path, "a_water")
    (subject,) = read_level_subjects({"a_water": "b_water"}, tmp_path)
    assert (subject.name, subject.group) == ("a_water", "b_water")
    geometry = box_geometry()
    planes = disc_planes(box_vertebrae(geometry), geometry, NUMBERINGS["levels"])
    for channel, disc in enumerate(Disc):
        heat = subject.targets[:, channel].numpy()
        highest = subject.geometry.voxel_to_world(np.unravel_index(heat.argmax(), heat.shape))
        assert np.abs(highest - planes[str(disc)].centre_mm).max() < 2.1  # half a voxel
        assert (heat <= subject.targets[:, ANY_DISC].numpy()).all()
    bodies = subject.targets[:, BODY].numpy()
    bright = subject.planes.numpy() > 0.5
    assert bright[bodies > 0.9].all()
    assert (bodies[bright] > 0.5).mean() == pytest.approx(6 / 7, abs=0.03)  # S1 is no body
    known = subject.targets[:, CHANNELS].numpy()
    assert set(np.unique(known)) == {0.0, 1.0}  # nothing is labelled above T12


def test_a_label_map_may_have_one_slice_more(tmp_path: Path) -> None:
    import nibabel as nib

    write_box_subject(tmp_path, "a_water")
    geometry = box_geometry()
    longer = np.pad(box_vertebrae(geometry), ((0, 1), (0, 0), (0, 0)))
    nib.save(nib.Nifti1Image(longer, geometry.affine), tmp_path / "a_water_levels.nii.gz")
    assert set(map(str, Disc)) <= read_level_subject("a_water", "a", tmp_path).discs.keys()
    (tmp_path / "a_water_levels.nii.gz").unlink()
    with pytest.raises(FileFormatError, match="a_water_levels"):
        read_level_subject("a_water", "a", tmp_path)


def test_scans_of_one_person_share_a_fold() -> None:
    folds = assign_folds(["a_water", "a_water", "b_water", "c_water", "d_spinecho"], 3)
    assert sorted(folds.values()) == [0, 0, 1, 2]
