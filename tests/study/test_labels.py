"""Which label map belongs to which case."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from lpm_segmentator.core import FileFormatError, InputError, LabelError, PairingError, Remedy
from lpm_segmentator.io import write_image
from lpm_segmentator.study.cases import CaseFiles
from lpm_segmentator.study.discovery import find_cases
from lpm_segmentator.study.labels import LabelMatches, match_label_maps
from lpm_segmentator.study.listing import ImageFile
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


def matched(images: Sequence[str], label_maps: Sequence[str]) -> LabelMatches:
    """Match files by their names alone; the id of a case is its path with underscores."""
    cases = [CaseFiles(name.replace("/", "_"), image=Path(f"in/{name}.nii.gz")) for name in images]
    return match_label_maps(
        cases, [ImageFile(name, Path(f"ref/{name}.nii.gz")) for name in label_maps]
    )


def test_matching_knows_no_substrings():
    found = matched(["P1", "P"], ["P1_dseg", "P10_dseg", "XP1"])
    assert found.paths == {"P1": Path("ref/P1_dseg.nii.gz")}
    assert {path.name for path in found.unmatched} == {"P10_dseg.nii.gz", "XP1.nii.gz"}


@pytest.mark.parametrize(
    ("label_maps", "expected"),
    [
        (["P1/t2_dseg", "P2/t2_dseg"], {"P1_t2": "P1/t2_dseg", "P2_t2": "P2/t2_dseg"}),
        (["P1_t2_dseg", "P2_t2_dseg"], {"P1_t2": "P1_t2_dseg", "P2_t2": "P2_t2_dseg"}),
        (["P1/t2_dseg"], {"P1_t2": "P1/t2_dseg"}),
        (["P1/t2_dseg", "P3/t2_dseg"], {"P1_t2": "P1/t2_dseg"}),
        (["P1/t2_dseg", "t2_dseg"], {"P1_t2": "P1/t2_dseg"}),
    ],
)
def test_folders_tell_apart_files_of_one_name(label_maps, expected):
    found = matched(["P1/t2", "P2/t2"], label_maps)
    paths = {case: Path(f"ref/{name}.nii.gz") for case, name in expected.items()}
    assert (found.paths, found.errors) == (paths, {})
    assert len(found.unmatched) == len(label_maps) - len(expected)


def test_a_label_map_that_fits_cases_in_several_folders_alike_is_given_to_none():
    found = matched(["P1/t2", "P2/t2", "B"], ["t2_dseg", "B_dseg"])
    assert found.paths == {"B": Path("ref/B_dseg.nii.gz")}
    assert set(found.errors) == {"P1_t2", "P2_t2"}
    assert "t2_dseg.nii.gz fits several cases: P1_t2, P2_t2" in str(found.errors["P1_t2"])


def test_the_reference_of_each_folder_is_found(tmp_path):
    made = {}
    for seed, subject in enumerate(("P1", "P2")):
        write_image(pair_of(phantom(seed)).water, tmp_path / "in" / subject / "t2.nii.gz")
        made[f"{subject}_t2"] = write_reference(tmp_path / "ref" / subject, "t2", seed)
    cases = find_cases(tmp_path / "in", reference=tmp_path / "ref")
    assert {files.case: files.reference for files in cases} == made
    for folder in made.values():
        folder.rename(tmp_path / "t2_dseg.nii.gz")
    cases = find_cases(tmp_path / "in", reference=tmp_path)
    assert [files.reference for files in cases] == [None, None]
    assert all("fits several cases" in files.problem for files in cases)


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
    assert (image in matched([image], [label]).paths) == belongs


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
    cases = [CaseFiles("A", problem="first"), CaseFiles("B", problem="second"), CaseFiles("C")]
    found = LabelMatches({}, {case: PairingError("third.") for case in "AC"}, frozenset())
    problems = [files.problem for files in found.given_to(cases, "mask")]
    assert problems == ["first", "second", "third."]
