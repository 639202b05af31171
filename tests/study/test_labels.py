"""Which label map belongs to which case."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from lpm_segmentator.core import FileFormatError, InputError, LabelError, PairingError, Remedy
from lpm_segmentator.io import write_image
from lpm_segmentator.study.cases import CaseFiles
from lpm_segmentator.study.discovery import find_cases
from lpm_segmentator.study.labels import label_map_of
from lpm_segmentator.study.loading import load_case
from lpm_segmentator.study.options import ReadOptions
from phantoms import pair_of, phantom, write_pair, write_reference


@pytest.fixture
def folder(tmp_path):
    """A Dixon pair, a single image and label maps of both."""
    write_pair(tmp_path, "A")
    write_image(pair_of(phantom()).water, tmp_path / "B.nii.gz")
    for case in "AB":
        write_reference(tmp_path, case)
    return tmp_path


def test_references_are_matched_by_whole_names(tmp_path):
    for case in ("1", "10", "110"):
        write_pair(tmp_path, case)
    write_reference(tmp_path, "10")
    matched = {f.case: f.reference for f in find_cases([tmp_path], reference=tmp_path)}
    assert matched == {"1": None, "10": tmp_path / "10_dseg.nii.gz", "110": None}


def test_matching_knows_no_substrings():
    names = [Path("P1_dseg.nii.gz"), Path("P10_dseg.nii.gz"), Path("XP1.nii.gz")]
    assert label_map_of(CaseFiles("P1"), names) == names[0]
    assert label_map_of(CaseFiles("P"), names) is None


@pytest.mark.parametrize(
    ("image", "label", "belongs"),
    [
        ("sub-01_T2w", "sub-01_desc-manual_dseg", True),
        ("sub-01_ses-2_acq-ax_T2w", "sub-01_ses-2_acq-ax_desc-manual_dseg", True),
        ("sub-01_T2w", "sub-01_space-T2w_desc-manual_dseg", True),
        ("sub-01_T2w", "sub-01_space-T1w_dseg", False),
        ("sub-01_T2w", "sub-01_ses-2_dseg", False),
        ("sub-01_T2w", "sub-010_dseg", False),
        ("sub-01_T2w", "sub-01_T2w_label-manual_dseg", True),
    ],
)
def test_derivatives_match_by_the_entities_of_their_source(image, label, belongs):
    files = CaseFiles(image, image=Path(f"{image}.nii.gz"))
    path = Path(f"{label}.nii.gz")
    assert label_map_of(files, [path]) == (path if belongs else None)


def test_a_bids_root_gives_the_references_of_its_images(tmp_path):
    image = pair_of(phantom()).water
    write_image(image, tmp_path / "sub-1" / "anat" / "sub-1_T2w.nii.gz")
    derivative = tmp_path / "derivatives" / "manual" / "sub-1" / "anat"
    made = write_reference(derivative, "sub-1_desc-manual")
    (tmp_path / "dataset_description.json").write_text("{}")
    (files,) = find_cases(tmp_path, reference=tmp_path / "derivatives")
    assert (files.case, files.reference) == ("sub-1_T2w", made)


def test_the_published_names_match(shared_data):
    folder = shared_data / "myosegmentum"
    for files in find_cases([folder], reference=folder):
        assert files.reference is not None
        subject = files.case[:5]
        assert files.reference.name == f"{subject}_fat_manual_label_segmentation_L2-L5.nii.gz"


def test_a_lone_case_takes_the_file_that_is_named(folder):
    path = write_reference(folder / "any", "whatever")
    (files,) = find_cases([folder / "B.nii.gz"], reference=path)
    assert files.reference == path


def test_one_reference_for_two_cases_is_refused(folder):
    with pytest.raises(InputError, match="one reference was given for 2 cases"):
        find_cases([folder], reference=folder / "A_dseg.nii.gz")


def test_a_folder_without_any_fitting_label_map_is_refused(folder, tmp_path):
    other = tmp_path / "other"
    write_reference(other, "Z")
    with pytest.raises(InputError, match="no label map in the folder belongs"):
        find_cases([folder], reference=other)
    with pytest.raises(FileFormatError, match="no such file or folder"):
        find_cases([folder], masks=folder / "nowhere")


def two_references(folder, *, equal):
    write_reference(folder / "ref", "A_water")
    write_reference(folder / "ref", "A_fat", 0 if equal else 1)
    return folder / "ref"


def pair_of_files(folder, reference):
    images = [folder / "A_water.nii.gz", folder / "A_fat.nii.gz"]
    return find_cases(images, reference=reference)


def test_equal_label_maps_of_both_contrasts_are_one(folder):
    (files,) = pair_of_files(folder, two_references(folder, equal=True))
    assert files.reference is not None


def test_voxels_to_leave_out_may_be_marked_in_the_masks_of_both_contrasts(folder):
    reference = two_references(folder, equal=True)
    for name in ("A_water", "A_fat"):
        labels = np.array(phantom().labels)
        labels[0, 0, 0] = 255
        nib.Nifti1Image(labels, phantom().affine).to_filename(reference / f"{name}_dseg.nii.gz")
    (files,) = pair_of_files(folder, reference)
    with pytest.raises(LabelError) as caught:
        load_case(files)
    assert Remedy.IGNORE_LABEL in caught.value.remedies
    loaded = load_case(files, ReadOptions(ignore=(255,)))
    assert loaded.case.reference is not None
    assert loaded.case.reference.ignored.sum() == 1


def test_label_maps_that_differ_are_ambiguous(folder):
    reference = two_references(folder, equal=False)
    with pytest.raises(PairingError, match="several label maps fit the case 'A'"):
        pair_of_files(folder, reference)


def test_in_a_cohort_an_ambiguous_reference_concerns_its_case_alone(folder):
    reference = two_references(folder, equal=False)
    write_reference(reference, "B")
    pair, single = find_cases([folder], reference=reference)
    assert "several label maps fit" in pair.problem
    assert single.reference == reference / "B_dseg.nii.gz"


def test_an_earlier_problem_is_kept():
    files = replace(CaseFiles("A"), problem="first")
    assert files.problem == "first"
