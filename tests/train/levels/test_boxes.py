"""Slices with boxes: read, placed and inclined as their boxes state, or refused."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from boxed_slices import SPACING_MM, box_lines, write_slices
from lpm_segmentator.core import Disc, FileFormatError, InputError
from lpm_segmentator.train.levels.boxes import read_boxed_subjects
from lpm_segmentator.train.levels.patches import draw_patches, labelled_places
from lpm_segmentator.train.levels.samples import draw_batch
from lpm_segmentator.train.levels.subjects import ANY_DISC, BODY, assign_folds


def test_discs_lie_at_the_middles_of_their_boxes(tmp_path: Path) -> None:
    write_slices(tmp_path, box_lines())
    (subject,) = read_boxed_subjects(tmp_path, SPACING_MM)
    assert (subject.name, subject.group, subject.kind) == ("p1_T1w_0_boxed", "p1_boxed", "boxed")
    assert set(map(str, Disc)) < subject.discs.keys()
    assert subject.volume.geometry.axis_codes == ("R", "I", "P")
    at = subject.volume.geometry.world_to_voxel(subject.discs["L3-L4"].centre_mm)
    assert np.allclose(at, (0, 160, 110))
    heat = subject.targets[0, list(Disc).index(Disc.L3_L4)].numpy()
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    middle = subject.geometry.voxel_to_world((0, row, column))
    assert np.linalg.norm(middle - subject.discs["L3-L4"].centre_mm) < 2.0


def test_a_disc_is_inclined_as_the_line_through_its_neighbours(tmp_path: Path) -> None:
    write_slices(tmp_path, box_lines())
    (subject,) = read_boxed_subjects(tmp_path, SPACING_MM)
    # From L2-L3 to L4-L5 the line hardly bends; above, it leads backward to the head.
    assert subject.discs["L3-L4"].normal[1] == pytest.approx(0, abs=0.02)
    assert subject.discs["L1-L2"].normal[1] < -0.05
    # The box of L5-S1 is 36 mm high, its disc 8 mm: the front lies 28 mm lower over 36 mm.
    assert math.degrees(math.asin(subject.discs["L5-S1"].normal[1])) == pytest.approx(37.9, abs=0.5)


def test_vertebrae_and_angles_are_unknown(tmp_path: Path) -> None:
    write_slices(tmp_path, box_lines())
    (subject,) = read_boxed_subjects(tmp_path, SPACING_MM)
    assert not subject.has_bodies
    images, targets = draw_batch([subject], 6, seed=0, step=0)
    assert images.isfinite().all()
    assert targets[:, BODY].isnan().any()
    assert (targets[:, ANY_DISC].amax((1, 2)) > 0.5).any()
    drawn = draw_patches(subject, 2, seed=0)
    assert np.isnan(drawn.places[:, 3]).all()
    assert np.isfinite(drawn.places[drawn.classes == 3, :3]).all()
    highest = labelled_places(subject)[0]
    assert np.allclose([place.voxel[1] for place in highest], highest[0].voxel[1])


def test_patients_are_kept_in_one_fold(tmp_path: Path) -> None:
    write_slices(tmp_path, [*box_lines(), *box_lines("p1_T2w_0")])
    (tmp_path / "images" / "p1_T2w_0.png").write_bytes(
        (tmp_path / "images" / "p1_T1w_0.png").read_bytes()
    )
    subjects = read_boxed_subjects(tmp_path, SPACING_MM)
    assert assign_folds([s.group for s in subjects], 2) == {"p1_boxed": 0}


def test_slices_without_all_boxes_are_left_out(tmp_path: Path) -> None:
    write_slices(tmp_path, box_lines()[:-1])
    with pytest.raises(InputError, match="no slice has a box for each disc"):
        read_boxed_subjects(tmp_path, SPACING_MM)


def test_a_damaged_folder_is_an_error(tmp_path: Path) -> None:
    write_slices(tmp_path, box_lines())
    (tmp_path / "discs.csv").write_text("image,level\np1_T1w_0,L5-S1\n")
    with pytest.raises(FileFormatError, match="lacks columns: height, patient, width, x, y"):
        read_boxed_subjects(tmp_path, SPACING_MM)
    write_slices(tmp_path, box_lines())
    (tmp_path / "images" / "p1_T1w_0.png").write_bytes(b"no image")
    with pytest.raises(FileFormatError, match="not a readable image"):
        read_boxed_subjects(tmp_path, SPACING_MM)
