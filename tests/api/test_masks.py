"""Masks in the folder of a case: read, and described for its record."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from lpm_segmentator.api.masks import automatic_labels, mask_record, read_mask
from lpm_segmentator.core import LabelError, LabelMap
from lpm_segmentator.io import file_sha256, write_json, write_label_map
from lpm_segmentator.study.layout import CaseFolder
from lpm_segmentator.study.options import ReadOptions
from lpm_segmentator.study.record import MaskRecord

LABELS = LabelMap(np.arange(24, dtype=np.uint8).reshape(4, 3, 2) % 5, np.diag([2.0, 2.0, 4.0, 1]))


def folder(path: Path) -> CaseFolder:
    here = CaseFolder(path, "A")
    write_label_map(LABELS, here.mask)
    return here


def edit(here: CaseFolder, voxels: int = 3) -> LabelMap:
    """Write a corrected mask in which some voxels differ."""
    array = LABELS.array.copy()
    array[0, 0, 0], array[1, 1, 1], array[2, 2, 0] = 4, 0, 0
    edited = LabelMap(array, LABELS.affine)
    assert np.count_nonzero(array != LABELS.array) == voxels
    write_label_map(edited, here.edited_mask)
    return edited


def test_an_edited_mask_is_described_with_what_changed(tmp_path: Path):
    here = folder(tmp_path)
    known = MaskRecord("automatic", here.mask.name, file_sha256(here.mask))
    edited = edit(here)
    write_json({"Editor": "ITK-SNAP"}, tmp_path / "A_desc-edited_dseg.json")
    record = mask_record(known, here.edited_mask, edited, LABELS)
    assert (record.kind, record.file) == ("edited", here.edited_mask.name)
    assert (record.changed_voxels, record.editor) == (3, "ITK-SNAP")
    assert record.automatic_sha256 == known.sha256
    assert record.edited.endswith("+00:00")
    # a second edit still refers to the mask of the model
    again = mask_record(record, here.edited_mask, edited, None)
    assert (again.automatic_sha256, again.changed_voxels) == (known.sha256, None)


def test_an_edit_that_was_undone_is_none(tmp_path: Path):
    here = folder(tmp_path)
    known = MaskRecord("automatic", here.mask.name, file_sha256(here.mask))
    edited = mask_record(known, here.edited_mask, edit(here), LABELS)
    assert mask_record(edited, here.mask, LABELS, None) == known
    imported = mask_record(edited, here.mask, LABELS, None, imported=True)
    assert imported.kind == "imported"


def test_the_automatic_mask_is_the_one_beside_the_edited_one(tmp_path: Path):
    here, read = folder(tmp_path), ReadOptions()
    grid = LABELS.geometry
    assert automatic_labels(here, here.mask, grid, read) is None
    edit(here)
    found = automatic_labels(here, here.edited_mask, grid, read)
    assert found is not None
    np.testing.assert_array_equal(found.array, LABELS.array)
    here.mask.write_bytes(b"damaged")
    assert automatic_labels(here, here.edited_mask, grid, read) is None
    here.mask.unlink()
    assert automatic_labels(here, here.edited_mask, grid, read) is None


def test_voxels_to_leave_out_are_read_as_such(tmp_path: Path):
    here = folder(tmp_path)
    array = LABELS.array.copy()
    array[0, 0, 0] = 255
    nib.Nifti1Image(array, LABELS.affine).to_filename(here.mask)
    labels = read_mask(here.mask, LABELS.geometry, ReadOptions(ignore=(9,)))
    assert labels.geometry.describe_difference(LABELS.geometry) is None
    with pytest.raises(LabelError, match="255"):
        read_mask(here.mask, LABELS.geometry, ReadOptions())
