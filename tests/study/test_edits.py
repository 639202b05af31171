"""What a user edited in the folder of a case is noticed, and kept when a run writes there again."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from lpm_segmentator import api
from lpm_segmentator.core import InputError
from lpm_segmentator.study import edits
from lpm_segmentator.study.edits import earlier_record, edited_mask_of, edits_in_force
from lpm_segmentator.study.layout import CaseFolder, StudyFolder
from lpm_segmentator.study.record import CaseRecord, read_case_record
from phantoms import write_pair
from stacked import write_stacks


@pytest.fixture
def options(tiny_path: Path) -> api.RunOptions:
    return api.RunOptions(
        model=str(tiny_path), mode="fast", keep_low_confidence=True, levels=api.LevelOptions()
    )


@pytest.fixture
def folder(tmp_path: Path, options: api.RunOptions) -> CaseFolder:
    """A case that was run; no disc is found in it."""
    write_pair(tmp_path / "in", "A")
    run(tmp_path, options)
    return StudyFolder(tmp_path / "out").case("A")


def run(path: Path, options: api.RunOptions) -> CaseRecord:
    (files,) = api.find_cases([path / "in"])
    return api.process_case(files, path / "out", options)


def edit(path: Path, slice_index: int) -> bytes:
    """Erase a slice of a mask, as an editor would."""
    image = nib.load(path)
    array = np.asarray(image.dataobj).copy()
    assert array[..., slice_index].any()
    array[..., slice_index] = 0
    nib.Nifti1Image(array, image.affine, image.header).to_filename(path)
    return path.read_bytes()


def correct(folder: CaseFolder) -> bytes:
    """State discs, as a user would where none was found."""
    values = json.loads(folder.levels.read_text())
    values["discs"] = [{"name": "L1-L2", "slice": 4}, {"name": "L5-S1", "slice": 1}]
    folder.levels.write_text(json.dumps(values))
    return folder.levels.read_bytes()


def codes(record: CaseRecord) -> set[str]:
    return {finding.code for finding in record.findings if finding.severity != "note"}


def test_levels_that_a_user_stated_where_no_disc_was_found_are_kept(tmp_path, folder, options):
    content = correct(folder)
    record = run(tmp_path, options)
    assert "levels-kept" in codes(record)
    assert folder.saved_levels(1).read_bytes() == content
    assert record.levels is not None
    assert "levels-kept" not in codes(run(tmp_path, options))  # nothing was corrected since


@pytest.mark.parametrize("damage", ["{", None])
def test_what_may_have_been_edited_is_kept(tmp_path, folder, options, damage):
    levels, mask = correct(folder), edit(folder.mask, 2)
    folder.record.unlink()
    if damage is not None:
        folder.record.write_text(damage)
    assert {"levels-kept", "mask-kept"} <= codes(run(tmp_path, options))
    assert folder.saved_levels(1).read_bytes() == levels
    assert folder.earlier_mask(1).read_bytes() == mask
    assert not folder.edited_mask.exists()  # it is not known whether it was edited


def test_without_a_record_what_is_written_again_needs_no_copy(tmp_path, folder, options):
    before = {path.name for path in folder.path.iterdir()}
    folder.record.unlink()
    assert not {"levels-kept", "mask-kept"} & codes(run(tmp_path, options))
    assert {path.name for path in folder.path.iterdir()} == before


def test_levels_that_were_corrected_in_place_and_requested_stay_as_they_are(
    tmp_path, folder, options
):
    content = correct(folder)
    levels = api.LevelOptions(written=folder.levels)
    record = run(tmp_path, dataclasses.replace(options, levels=levels))
    assert record.slices == (1, 5)
    assert record.levels is not None
    assert record.levels.corrected
    assert folder.levels.read_bytes() == content
    assert not folder.saved_levels(1).exists()


def test_of_two_edited_masks_the_one_beside_the_automatic_one_counts(tmp_path, folder, options):
    folder.edited_mask.write_bytes(folder.mask.read_bytes())
    edit(folder.edited_mask, 2)
    content = edit(folder.mask, 3)
    (record,) = api.remeasure(tmp_path / "out")
    assert record.mask.file == folder.edited_mask.name
    assert api.remeasure(tmp_path / "out") == []
    again = run(tmp_path, options)
    assert again.mask.file == folder.edited_mask.name
    assert folder.saved_mask(2).read_bytes() == content
    assert "mask-kept" in codes(again)


def test_a_removed_edit_makes_the_automatic_mask_count_again(tmp_path, folder):
    folder.edited_mask.write_bytes(folder.mask.read_bytes())
    edit(folder.edited_mask, 2)
    api.remeasure(tmp_path / "out")
    folder.edited_mask.unlink()
    assert edited_mask_of(folder, read_case_record(folder.record)) == folder.mask
    (record,) = api.remeasure(tmp_path / "out")
    assert (record.mask.kind, record.mask.file) == ("automatic", folder.mask.name)
    assert edited_mask_of(folder, record) is None


@pytest.mark.parametrize("is_stacked", [False, True])
@pytest.mark.parametrize("was_measured", [True, False])
def test_an_edit_is_in_force_if_the_numbers_are_about_it(
    tmp_path, options, is_stacked, was_measured
):
    options = dataclasses.replace(options, levels=None, intensity_fat=False)
    if is_stacked:
        write_stacks(tmp_path / "in")
    else:
        write_pair(tmp_path / "in", "A")
    folder = StudyFolder(tmp_path / "out").case(run(tmp_path, options).case)
    place = folder.of_stack(2) if is_stacked else folder
    edit(place.mask, 1)
    if was_measured:
        api.remeasure(tmp_path / "out")
    assert edits_in_force(folder, earlier_record(folder)) == ((place,) if was_measured else ())
    record = run(tmp_path, options)
    kinds = [stack.mask.kind for stack in record.stacks] or [record.mask.kind]
    assert ("edited" in kinds) is was_measured
    assert place.edited_mask.exists()
    # an edit that is not in force is one that tables and report warn about
    assert edited_mask_of(folder, record) == (None if was_measured else place.edited_mask)


def test_a_run_reads_the_earlier_record_once(tmp_path, folder, options, monkeypatch):
    read = []
    monkeypatch.setattr(
        edits, "read_case_record", lambda path: read.append(path) or read_case_record(path)
    )
    edit(folder.mask, 1)
    correct(folder)
    run(tmp_path, options)
    assert read == [folder.record]


def state_series(tmp_path: Path, uid: str) -> None:
    (tmp_path / "in" / "A_water.json").write_text(json.dumps({"SeriesInstanceUID": uid}))


@pytest.mark.parametrize("is_beside", [True, False])
@pytest.mark.parametrize("was_measured", [True, False])
def test_an_edited_mask_of_another_series_is_set_aside(tmp_path, options, is_beside, was_measured):
    write_pair(tmp_path / "in", "A")
    state_series(tmp_path, "1.2.3")
    assert run(tmp_path, options).image.series_uid == "1.2.3"
    folder = StudyFolder(tmp_path / "out").case("A")
    path = folder.edited_mask if is_beside else folder.mask
    path.write_bytes(folder.mask.read_bytes())
    content = edit(path, 2)
    if was_measured:
        api.remeasure(tmp_path / "out")
    state_series(tmp_path, "1.2.4")
    record = run(tmp_path, options)
    assert record.mask.kind == "automatic"
    (said,) = (f.message for f in record.findings if f.code == "mask-kept")
    assert "another DICOM series" in said
    assert said.endswith(f"it was kept in {folder.earlier_mask(1).name}")
    assert folder.earlier_mask(1).read_bytes() == content
    assert not folder.edited_mask.exists()
    assert api.remeasure(tmp_path / "out") == []


def test_an_edited_mask_is_not_measured_on_the_image_of_another_series(tmp_path, options):
    write_pair(tmp_path / "in", "A")
    state_series(tmp_path, "1.2.3")
    run(tmp_path, options)
    folder = StudyFolder(tmp_path / "out").case("A")
    edit(folder.mask, 2)
    before = folder.record.read_bytes()
    state_series(tmp_path, "1.2.4")
    with pytest.raises(InputError, match=r"A_water.*another DICOM series"):
        api.remeasure(tmp_path / "out")
    assert folder.record.read_bytes() == before


@pytest.mark.parametrize("uid", ["1.2.3", ""])
def test_an_edited_mask_of_the_same_series_or_an_unknown_one_is_measured(tmp_path, options, uid):
    write_pair(tmp_path / "in", "A")
    state_series(tmp_path, "1.2.3")
    run(tmp_path, options)
    folder = StudyFolder(tmp_path / "out").case("A")
    edit(folder.mask, 2)
    api.remeasure(tmp_path / "out")
    state_series(tmp_path, uid)
    record = run(tmp_path, options)
    assert (record.mask.kind, record.mask.file) == ("edited", folder.edited_mask.name)


@pytest.mark.parametrize("is_beside", [True, False])
def test_an_edited_mask_that_no_longer_fits_does_not_fail_the_case(
    tmp_path, folder, options, is_beside
):
    """Otherwise the case has failed, and its record is that of a finished one."""
    path = folder.edited_mask if is_beside else folder.mask
    path.write_bytes(folder.mask.read_bytes())
    edit(path, 2)
    api.remeasure(tmp_path / "out")
    image = nib.load(path)
    affine = image.affine @ np.diag([1.5, 1.0, 1.0, 1.0])
    nib.Nifti1Image(np.asarray(image.dataobj), affine, image.header).to_filename(path)
    content = path.read_bytes()
    record = run(tmp_path, options)
    assert record.mask.kind == "automatic"
    (said,) = (f for f in record.findings if f.code == "edited-mask-unusable")
    assert said.severity == "check"
    assert f"{folder.edited_mask.name} cannot be used (" in said.message
    assert said.message.endswith("; it was left as it is and not measured")
    assert folder.edited_mask.read_bytes() == content
    assert read_case_record(folder.record) == record
