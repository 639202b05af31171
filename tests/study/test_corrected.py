"""Which masks count as corrected, and which images they belong to."""

from __future__ import annotations

import pytest

from lpm_segmentator import api, cohort
from lpm_segmentator.core import InputError, LpmError
from lpm_segmentator.study.corrected import corrected_cases
from lpm_segmentator.study.layout import StudyFolder
from lpm_segmentator.study.options import ReadOptions
from phantoms import write_pair, write_reference

READ = ReadOptions()


def test_masks_are_matched_by_name_and_the_rest_is_noted(tmp_path):
    images, masks = tmp_path / "images", tmp_path / "masks"
    images.mkdir()
    masks.mkdir()
    write_pair(images, "A")
    write_pair(images, "B")
    path = write_reference(masks, "A")
    found = corrected_cases(images, masks, READ)
    assert [(files.case, files.mask) for files in found.cases] == [("A", path)]
    assert found.notes == ("left out, since they have no corrected mask: B",)


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
