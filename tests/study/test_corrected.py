"""Which masks count as corrected, and which images they belong to."""

from __future__ import annotations

import pytest

from lpm_segmentator import api, cohort
from lpm_segmentator.core import InputError, LpmError
from lpm_segmentator.io import write_label_map
from lpm_segmentator.study.corrected import corrected_cases
from lpm_segmentator.study.layout import StudyFolder
from lpm_segmentator.study.options import ReadOptions
from phantoms import Truthful, labels_of, phantom, write_pair, write_reference
from stacked import PARTS, mask_of, write_stacks

READ = ReadOptions()


def test_masks_are_matched_by_name_and_the_rest_is_noted(tmp_path):
    images, masks = tmp_path / "images", tmp_path / "masks"
    images.mkdir()
    masks.mkdir()
    write_pair(images, "A")
    write_pair(images, "B")
    path = write_reference(masks, "A")
    write_reference(masks, "Z")
    found = corrected_cases(images, masks, READ)
    assert [(files.case, files.mask) for files in found.cases] == [("A", path)]
    assert found.notes == (
        "left out, since they have no corrected mask: B",
        "left out, since no image belongs to them: Z_dseg.nii.gz",
    )


def test_no_match_and_no_folder_are_errors(tmp_path):
    images, masks = tmp_path / "images", tmp_path / "masks"
    images.mkdir()
    masks.mkdir()
    write_pair(images, "A")
    write_reference(masks, "Z")
    with pytest.raises(InputError, match="belongs to any"):
        corrected_cases(images, masks, READ)
    with pytest.raises(LpmError, match="no such file or folder"):
        corrected_cases(images, tmp_path / "none", READ)


def _run(images, out, options):
    cohort.run_cohort(api.find_cases([images]), out, options)


@pytest.mark.parametrize("in_place", [True, False])
@pytest.mark.parametrize("measured", [True, False])
def test_of_a_run_only_corrected_masks_count(tmp_path, tiny_path, in_place, measured):
    images, out = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    for seed, case in enumerate(("A", "B")):
        write_pair(images, case, seed)
    _run(images, out, api.RunOptions(model=str(tiny_path), mode="fast", keep_low_confidence=True))
    with pytest.raises(InputError, match="none of its masks was corrected"):
        corrected_cases(images, out, READ)
    folder = StudyFolder(out).case("A")
    corrected = folder.mask if in_place else folder.edited_mask
    corrected.write_bytes(write_reference(tmp_path, "A").read_bytes())
    if measured:
        api.remeasure(out)
    found = corrected_cases(images, out, READ)
    assert [(files.case, files.mask) for files in found.cases] == [("A", corrected)]


def test_an_edit_that_was_removed_leaves_no_corrected_mask(tmp_path, tiny_path):
    images, out = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    write_pair(images, "A")
    _run(images, out, api.RunOptions(model=str(tiny_path), mode="fast", keep_low_confidence=True))
    edited = StudyFolder(out).case("A").edited_mask
    edited.write_bytes(write_reference(tmp_path, "A").read_bytes())
    api.remeasure(out)
    edited.unlink()
    with pytest.raises(InputError, match="none of its masks was corrected"):
        corrected_cases(images, out, READ)


@pytest.mark.parametrize("measured", [True, False])
@pytest.mark.parametrize("moved", [True, False])
def test_of_stacks_each_corrected_mask_counts_for_its_image(tmp_path, tiny_path, measured, moved):
    images, out = tmp_path / "images", tmp_path / "out"
    write_stacks(images, PARTS[::-1])  # numbered from head to foot; their masks from foot to head
    (files,) = api.find_cases([images])
    options = api.RunOptions(
        model=str(tiny_path), mode="fast", keep_low_confidence=True, intensity_fat=False
    )
    api.process_case(files, out, options, predictor=Truthful(labels_of(phantom())))
    folder = StudyFolder(out).case("P1_T2_tra")
    beside, in_place = folder.of_stack(1).edited_mask, folder.of_stack(2).mask
    for path, part in ((beside, PARTS[0]), (in_place, PARTS[1])):
        mask = mask_of(*part)
        array = mask.array.copy()
        array[:, :, 1] = 0
        write_label_map(mask.with_array(array), path)
    if measured:
        api.remeasure(out)
    if moved:
        images = images.rename(tmp_path / "elsewhere")
    found = corrected_cases(images, out, READ)
    assert [(files.case, files.mask) for files in found.cases] == [
        ("P1_T2_tra_stack2", in_place),
        ("P1_T2_tra_stack3", beside),
    ]
    assert found.notes == ("left out, since they have no corrected mask: P1_T2_tra_stack1",)
    (images / "P1_T2_tra_stack2.nii.gz").unlink()
    assert (
        f"no image belongs to them: {in_place.name}" in corrected_cases(images, out, READ).notes[1]
    )
