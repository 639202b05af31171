"""Files of a recipe: found, placed on one grid, and refused where they do not fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from lpm_segmentator.core import (
    AXIAL_FRAME,
    FileFormatError,
    InputError,
    LabelMap,
    Remedy,
    Volume,
    reorient,
)
from lpm_segmentator.io import write_image, write_label_map
from lpm_segmentator.samples.phantom import Phantom, make_phantom
from lpm_segmentator.train.compact.data import read_shapes, read_subject, read_unlabelled
from lpm_segmentator.train.compact.recipe import ShapeFile, SubjectFiles, UnlabelledFiles

FILES = SubjectFiles("A", "A_water.nii.gz", "A_fat.nii.gz", "A_dseg.nii.gz")


def _phantom(slices: int) -> Phantom:
    return make_phantom(seed=0, shape=(110, 80, slices), spacing_mm=(3.0, 3.0, 20.0))


def _write(folder: Path, *, fat_slices: int = 4) -> None:
    phantom, other = _phantom(4), _phantom(fat_slices)
    lost = phantom.affine.copy()
    lost[:3, 3] = 0
    write_image(Volume(phantom.water, phantom.affine), folder / FILES.water)
    write_image(Volume(other.fat, lost), folder / FILES.fat)
    write_label_map(LabelMap(phantom.labels, lost), folder / FILES.labels)


def test_a_subject_is_read_on_the_grid_of_its_water_image(tmp_path: Path) -> None:
    _write(tmp_path)
    subject = read_subject(FILES, [tmp_path / "empty", tmp_path])
    assert subject.water.geometry == subject.fat.geometry == subject.labels.geometry
    training = subject.to_training()
    assert training.spacing_mm == pytest.approx(3.0)
    assert len(training.labels) == 4


def test_files_of_one_subject_must_have_one_shape(tmp_path: Path) -> None:
    _write(tmp_path, fat_slices=3)
    with pytest.raises(InputError, match="differ in shape"):
        read_subject(FILES, [tmp_path])


def test_a_label_map_is_read_by_the_values_of_the_recipe(tmp_path: Path) -> None:
    phantom = make_phantom(seed=1, shape=(110, 80, 4), spacing_mm=(3.0, 3.0, 10.0))
    other_values = np.array([0, 13, 11, 12, 14], dtype=np.int16)[phantom.labels]
    write_image(Volume(other_values.astype(np.float32), phantom.affine), tmp_path / "m.nii.gz")
    empty = tmp_path / "empty"
    file = ShapeFile("m.nii.gz", {13: 1, 11: 2, 12: 3, 14: 4})
    shapes = read_shapes(file, [empty, tmp_path])
    assert set(shapes.unique().tolist()) == {0, 1, 2, 3, 4}
    right, left = ((shapes == v).nonzero()[:, 2].float().mean() for v in (1, 4))
    assert right < left
    with pytest.raises(InputError, match="no slice holds all four muscles"):
        read_shapes(ShapeFile("m.nii.gz", {13: 1}), [tmp_path])
    with pytest.raises(FileFormatError):
        read_shapes(file, [empty])


def test_single_slices_of_an_archive_are_shapes(tmp_path: Path) -> None:
    phantom = make_phantom(seed=1, shape=(110, 80, 4), spacing_mm=(3.0, 3.0, 10.0))
    planes = reorient(LabelMap(phantom.labels, phantom.affine), AXIAL_FRAME).array.T
    np.savez(tmp_path / "m.npz", labels=planes)
    values = {1: 1, 2: 2, 3: 3, 4: 4}
    stacked = read_shapes(_stack_file(phantom, tmp_path), [tmp_path])
    file = ShapeFile("m.npz", values, spacing_mm=3.0)
    assert torch.equal(read_shapes(file, [tmp_path]), stacked)
    assert torch.equal(read_shapes(replace(file, every=2), [tmp_path]), stacked[::2])
    with pytest.raises(InputError, match="does not state the in-plane spacing"):
        read_shapes(ShapeFile("m.npz", values), [tmp_path])
    np.savez(tmp_path / "m.npz", other=planes)
    with pytest.raises(FileFormatError, match="is not an archive of label maps"):
        read_shapes(file, [tmp_path])
    np.savez(tmp_path / "m.npz", labels=planes[0])
    with pytest.raises(FileFormatError, match="'labels' has 2 dimensions"):
        read_shapes(file, [tmp_path])


def _stack_file(phantom: Phantom, folder: Path) -> ShapeFile:
    write_label_map(LabelMap(phantom.labels, phantom.affine), folder / "m.nii.gz")
    return ShapeFile("m.nii.gz", {1: 1, 2: 2, 3: 3, 4: 4})


def test_unlabelled_images_match_a_pattern(tmp_path: Path) -> None:
    for name in ("A", "B"):
        write_image(Volume(_phantom(4).water, _phantom(4).affine), tmp_path / f"{name}_w.nii.gz")
    assert list(read_unlabelled(UnlabelledFiles("*_w.nii.gz", ("A",)), [tmp_path])) == [
        "B_w.nii.gz"
    ]
    with pytest.raises(InputError, match=r"no unlabelled image matches none\*") as caught:
        read_unlabelled(UnlabelledFiles("none*"), [tmp_path])
    assert caught.value.remedies == (Remedy.DATA,)


def test_unlabelled_images_are_read_from_the_first_folder_that_holds_them(tmp_path: Path) -> None:
    phantom = _phantom(4)
    for folder, array in (("first", phantom.water), ("second", phantom.fat)):
        write_image(Volume(array, phantom.affine), tmp_path / folder / "A_w.nii.gz")
    folders = [tmp_path / "first", tmp_path / "second"]
    (image,) = read_unlabelled(UnlabelledFiles("*_w.nii.gz"), folders).values()
    np.testing.assert_array_equal(image.array, phantom.water)
