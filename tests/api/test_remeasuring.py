"""What is known of a case stays known when its mask was edited."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from lpm_segmentator import api
from lpm_segmentator.core import LabelError
from lpm_segmentator.io import write_image
from lpm_segmentator.study.layout import CaseFolder, StudyFolder
from lpm_segmentator.study.record import CaseRecord
from phantoms import pair_of, phantom, write_pair, write_reference


@pytest.fixture
def options(tiny_path: Path) -> api.RunOptions:
    return api.RunOptions(model=str(tiny_path), mode="fast", keep_low_confidence=True)


def run(
    path: Path, options: api.RunOptions, masks: Path | None = None
) -> tuple[CaseRecord, CaseFolder]:
    (files,) = api.find_cases([path / "in"], masks=masks)
    record = api.process_case(files, path / "out", options)
    return record, StudyFolder(path / "out").case(files.case)


def edit(path: Path, value: int = 0, index: int = 2) -> None:
    """Give one slice of a mask another value, as an editor would."""
    image = nib.load(path)
    array = np.asarray(image.dataobj).copy()
    array[..., index][array[..., index] > 0] = value
    nib.Nifti1Image(array, image.affine, image.header).to_filename(path)


def remeasure(path: Path) -> CaseRecord:
    (record,) = api.remeasure(path / "out")
    return record


def test_the_quality_of_the_models_mask_counts_again_when_an_edit_is_undone(tmp_path, options):
    write_pair(tmp_path / "in", "A")
    before, folder = run(tmp_path, options)
    content = folder.mask.read_bytes()
    for index in (2, 3):  # the second edit is of a mask that was edited
        edit(folder.mask, index=index)
        edited = remeasure(tmp_path)
        assert (edited.mask.kind, edited.quality) == ("edited", None)
    folder.mask.write_bytes(content)
    undone = remeasure(tmp_path)
    assert undone.mask.kind == "automatic"
    assert (undone.quality, undone.prediction) == (before.quality, before.prediction)
    assert undone.volumes == before.volumes


def test_an_imported_mask_stays_an_input_and_one_when_its_edit_is_undone(tmp_path, options):
    write_pair(tmp_path / "in", "A")
    mask = write_reference(tmp_path / "masks", "A")
    before, folder = run(tmp_path, options, mask.parent)
    content = folder.mask.read_bytes()
    edit(folder.mask)
    record = remeasure(tmp_path)
    assert (record.mask.kind, record.inputs) == ("edited", before.inputs)
    assert record.inputs["mask"] == str(mask)
    folder.mask.write_bytes(content)
    undone = remeasure(tmp_path)
    assert (undone.mask.kind, undone.inputs) == ("imported", before.inputs)


def test_voxels_to_leave_out_may_stay_in_an_edited_mask(tmp_path, options):
    write_pair(tmp_path / "in", "A")
    mask = write_reference(tmp_path / "masks", "A")
    edit(mask, 200)
    before, folder = run(tmp_path, dataclasses.replace(options, ignore=(200,)), mask.parent)
    folder.edited_mask.write_bytes(folder.mask.read_bytes())
    edit(folder.edited_mask, 255, index=3)
    record = remeasure(tmp_path)
    assert record.mask.changed_voxels
    assert record.volumes["volume1_ai"] < before.volumes["volume1_ai"]


def test_values_that_nobody_left_out_are_refused(tmp_path, options):
    write_pair(tmp_path / "in", "A")
    _, folder = run(tmp_path, options)
    edit(folder.mask, 255)
    with pytest.raises(LabelError, match="255"):
        api.remeasure(tmp_path / "out")


def test_contrast_and_notes_of_the_files_stay(tmp_path, options):
    write_image(pair_of(phantom()).water, tmp_path / "in" / "x" / "P1_F.nii.gz")
    write_image(pair_of(phantom()).water, tmp_path / "in" / "t2" / "P2.nii.gz")
    for files in api.find_cases(tmp_path / "in"):
        before = api.process_case(files, tmp_path / "out", options)
        folder = StudyFolder(tmp_path / "out").case(files.case)
        edit(folder.mask)
        record = remeasure(tmp_path)
        assert record.image == before.image
        assert set(files.notes) <= set(record.notes)
    assert before.image.contrast == "T2w"
