from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from lpm_segmentator import api
from lpm_segmentator.api.cases import CaseFiles, load_case, match_labels
from lpm_segmentator.core import (
    FileFormatError,
    GeometryError,
    InputError,
    LabelError,
    PairingError,
    TableError,
    Volume,
)
from lpm_segmentator.io import SliceRange, write_image, write_label_map
from phantoms import labels_of, pair_of, phantom, write_pair, write_reference


@pytest.fixture
def folder(tmp_path):
    """A Dixon pair, a single image and label maps of both."""
    write_pair(tmp_path, "A")
    write_image(pair_of(phantom()).water, tmp_path / "B.nii.gz")
    for case in "AB":
        write_reference(tmp_path, case)
    return tmp_path


# -- which files are a case


def test_a_folder_gives_pairs_and_single_images_without_label_maps(folder):
    pair, single = api.find_cases([folder])
    assert (pair.case, pair.image) == ("A", None)
    assert (pair.water, pair.fat) == (folder / "A_water.nii.gz", folder / "A_fat.nii.gz")
    assert (single.case, single.image, single.water) == ("B", folder / "B.nii.gz", None)
    assert pair.ids == ("A", "A_water", "A_fat")


def test_files_and_folders_may_be_mixed(folder, tmp_path):
    other = tmp_path / "other"
    write_pair(other, "C", 1)
    names = [files.case for files in api.find_cases([folder / "B.nii.gz", other])]
    assert names == ["B", "C"]


def test_a_pair_may_be_named(folder):
    write_image(pair_of(phantom()).fat, folder / "in.nii.gz")
    write_image(pair_of(phantom()).fat, folder / "opp.nii.gz")
    (files,) = api.find_cases([], water=folder / "in.nii.gz", fat=folder / "opp.nii.gz")
    assert (files.case, files.water, files.fat) == (
        "in",
        folder / "in.nii.gz",
        folder / "opp.nii.gz",
    )


def test_the_case_of_a_named_pair_is_its_name_without_the_contrast(folder):
    (files,) = api.find_cases([], water=folder / "A_water.nii.gz", fat=folder / "A_fat.nii.gz")
    assert files.case == "A"


def test_half_a_pair_is_refused(folder):
    with pytest.raises(PairingError, match="go together"):
        api.find_cases([], water=folder / "A_water.nii.gz")
    (folder / "A_fat.nii.gz").unlink()
    with pytest.raises(PairingError, match="no fat image"):
        api.find_cases([folder / "A_water.nii.gz"])


def test_in_a_cohort_half_a_pair_is_a_case_with_a_problem(folder):
    (folder / "A_fat.nii.gz").unlink()
    pair, single = api.find_cases([folder])
    assert "no fat image" in pair.problem
    assert not single.problem


def test_one_file_is_no_pair(folder):
    with pytest.raises(PairingError, match="same file"):
        api.find_cases([], water=folder / "B.nii.gz", fat=folder / "B.nii.gz")


def test_flags_and_inputs_exclude_each_other(folder):
    with pytest.raises(InputError, match="leave out the other inputs"):
        api.find_cases([folder], water=folder / "A_water.nii.gz", fat=folder / "A_fat.nii.gz")


def test_no_input_is_refused():
    with pytest.raises(InputError, match="no input"):
        api.find_cases([])


def test_two_cases_of_one_name_are_refused(folder):
    write_image(pair_of(phantom()).water, folder / "A.nii.gz")
    with pytest.raises(InputError, match="case id 'A'"):
        api.find_cases([folder])


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["X.nii.gz", "x.nii.gz"], "two images have the case id 'x' but for upper and lower case"),
        (["X_fat.nii.gz", "x_water.nii.gz"], "'X' and 'x' differ only in upper and lower case"),
        (["x_fat.nii.gz", "x_water.nii.gz", "X.nii.gz"], "differ only in upper and lower case"),
    ],
)
def test_case_ids_that_some_systems_mix_up_are_refused(tmp_path, names, says):
    for name in names:
        write_image(pair_of(phantom()).water, tmp_path / name)
    if len(list(tmp_path.iterdir())) < len(names):
        pytest.skip("this system is one of them")
    with pytest.raises(InputError, match=says):
        api.find_cases([tmp_path])


@pytest.mark.parametrize("name", [".nii.gz", "...nii.gz", " .nii"])
def test_a_name_that_names_no_case_is_refused(tmp_path, name):
    write_image(pair_of(phantom()).water, tmp_path / "x.nii.gz")
    (tmp_path / "x.nii.gz").rename(tmp_path / name)
    with pytest.raises(InputError, match="no case id"):
        api.find_cases([tmp_path / name])


# -- which reference belongs to it


def test_references_are_matched_by_whole_names(tmp_path):
    for case in ("1", "10", "110"):
        write_pair(tmp_path, case)
    write_reference(tmp_path, "10")
    found = {f.case: f.reference for f in api.find_cases([tmp_path], reference=tmp_path)}
    assert found == {"1": None, "10": tmp_path / "10_dseg.nii.gz", "110": None}


def test_the_published_names_match(shared_data):
    folder = shared_data / "myosegmentum"
    for files in api.find_cases([folder], reference=folder):
        assert files.reference is not None
        subject = files.case[:5]
        assert files.reference.name == f"{subject}_fat_manual_label_segmentation_L2-L5.nii.gz"


def test_a_lone_case_takes_the_file_that_is_named(folder):
    path = write_reference(folder / "any", "whatever")
    (files,) = api.find_cases([folder / "B.nii.gz"], reference=path)
    assert files.reference == path


def test_one_reference_for_two_cases_is_refused(folder):
    with pytest.raises(InputError, match="one reference was given for 2 cases"):
        api.find_cases([folder], reference=folder / "A_dseg.nii.gz")


def test_a_folder_without_any_fitting_reference_is_refused(folder, tmp_path):
    other = tmp_path / "other"
    write_reference(other, "Z")
    with pytest.raises(InputError, match="no label map in the folder belongs"):
        api.find_cases([folder], reference=other)


def test_a_missing_reference_folder_is_refused(folder):
    with pytest.raises(FileFormatError, match="no such file or folder"):
        api.find_cases([folder], reference=folder / "nowhere")


def two_references(folder, *, equal):
    write_reference(folder / "ref", "A_water")
    write_reference(folder / "ref", "A_fat", 0 if equal else 1)
    return folder / "ref"


def test_equal_label_maps_of_both_contrasts_are_one(folder):
    (files,) = api.find_cases(
        [folder / "A_water.nii.gz", folder / "A_fat.nii.gz"],
        reference=two_references(folder, equal=True),
    )
    assert files.reference is not None


def test_voxels_to_leave_out_may_be_marked_in_the_masks_of_both_contrasts(folder):
    reference = two_references(folder, equal=True)
    for name in ("A_water", "A_fat"):
        labels = np.array(phantom().labels)
        labels[0, 0, 0] = 255
        nib.Nifti1Image(labels, phantom().affine).to_filename(reference / f"{name}_dseg.nii.gz")
    images = [folder / "A_water.nii.gz", folder / "A_fat.nii.gz"]
    (files,) = api.find_cases(images, reference=reference)
    with pytest.raises(LabelError, match="--ignore-label"):
        load_case(files)
    loaded = load_case(files, ignore=[255])
    assert loaded.case.reference is not None
    assert loaded.case.reference.ignored.sum() == 1


def test_label_maps_that_differ_are_ambiguous(folder):
    reference = two_references(folder, equal=False)
    with pytest.raises(PairingError, match="several label maps fit the case 'A'"):
        api.find_cases([folder / "A_water.nii.gz", folder / "A_fat.nii.gz"], reference=reference)


def test_in_a_cohort_an_ambiguous_reference_concerns_its_case_alone(folder):
    reference = two_references(folder, equal=False)
    write_reference(reference, "B")
    pair, single = api.find_cases([folder], reference=reference)
    assert "several label maps fit" in pair.problem
    assert single.reference == reference / "B_dseg.nii.gz"


def test_matching_knows_no_substrings():
    from pathlib import Path

    names = [Path("P1_dseg.nii.gz"), Path("P10_dseg.nii.gz"), Path("XP1.nii.gz")]
    assert match_labels(CaseFiles("P1"), names) == names[0]
    assert match_labels(CaseFiles("P"), names) is None


# -- what is in them


def lost_origin(folder, name="A_water"):
    """Write the image again with its origin at zero."""
    volume = getattr(pair_of(phantom()), name.split("_")[1])
    affine = volume.affine.copy()
    affine[:3, 3] = 0
    write_image(Volume(volume.array, affine), folder / f"{name}.nii.gz")


def pair_files(folder, **more):
    return CaseFiles("A", water=folder / "A_water.nii.gz", fat=folder / "A_fat.nii.gz", **more)


def test_a_pair_is_read_with_its_header(folder):
    loaded = load_case(pair_files(folder, reference=folder / "A_dseg.nii.gz"))
    assert np.array_equal(loaded.case.image.array, phantom().water)
    assert loaded.case.pair is not None
    assert np.array_equal(loaded.case.pair.fat.array, phantom().fat)
    assert loaded.case.reference is not None
    assert loaded.case.notes == ()


def test_a_lost_origin_is_refused_with_the_flag_that_accepts_it(folder):
    lost_origin(folder)
    with pytest.raises(PairingError, match=r"origins differ by .* mm") as caught:
        load_case(pair_files(folder))
    assert "--accept-origin-mismatch" in str(caught.value)
    assert "A_water.nii.gz" in str(caught.value)


def test_crops_without_origin_of_other_slices_are_not_laid_on_each_other(folder):
    lost_origin(folder)
    labels = labels_of(phantom())
    affine = labels.affine.copy()
    affine[:3, 3] = affine[:3, 2]  # a slice higher than the water image's
    write_label_map(labels.with_grid(labels.array, affine), folder / "A_dseg.nii.gz")
    files = pair_files(folder, reference=folder / "A_dseg.nii.gz")
    with pytest.raises(GeometryError, match="cropped differently"):
        load_case(files, accept_origin_mismatch=True)


def test_an_accepted_origin_is_noted(folder):
    lost_origin(folder)
    loaded = load_case(pair_files(folder), accept_origin_mismatch=True)
    assert loaded.case.image.affine == pytest.approx(phantom().affine)
    assert loaded.case.notes == (
        "the water image had lost its origin and was laid on the other one",
    )


def test_a_reference_with_a_lost_origin_is_laid_on_the_image_on_request(folder):
    labels = labels_of(phantom())
    affine = labels.affine.copy()
    affine[:3, 3] = 0
    write_label_map(labels.with_grid(labels.array, affine), folder / "A_dseg.nii.gz")
    files = pair_files(folder, reference=folder / "A_dseg.nii.gz")
    with pytest.raises(GeometryError, match="accept-origin-mismatch"):
        load_case(files)
    loaded = load_case(files, accept_origin_mismatch=True)
    assert loaded.case.reference is not None
    assert loaded.case.reference.affine == pytest.approx(phantom().affine)
    assert "had lost its origin" in loaded.case.notes[0]


def test_a_reference_of_another_crop_is_never_laid_on_the_image(folder):
    """Two crops of one scan have each an origin: their voxels are other places."""
    labels = labels_of(phantom())
    affine = labels.affine.copy()
    affine[:3, 3] += 2 * affine[:3, labels.slice_axis]
    write_label_map(labels.with_grid(labels.array, affine), folder / "A_dseg.nii.gz")
    with pytest.raises(GeometryError, match=r"origins differ by 16\.00 mm"):
        load_case(
            pair_files(folder, reference=folder / "A_dseg.nii.gz"), accept_origin_mismatch=True
        )


def test_a_reference_of_another_shape_is_never_accepted(folder):
    labels = labels_of(phantom())
    write_label_map(labels.with_grid(labels.array[1:], labels.affine), folder / "A_dseg.nii.gz")
    with pytest.raises(GeometryError):
        load_case(
            pair_files(folder, reference=folder / "A_dseg.nii.gz"), accept_origin_mismatch=True
        )


def test_an_unstated_orientation_is_noted(folder):
    path = folder / "B.nii.gz"
    image = nib.load(path)
    array = np.asarray(image.dataobj)
    header = nib.Nifti1Header()
    header.set_data_shape(array.shape)
    nib.Nifti1Image(array, None, header).to_filename(path)
    loaded = load_case(CaseFiles("B", image=path))
    assert "left and right are a guess" in loaded.case.notes[0]


# -- which slices


def slices_of(folder, *entries):
    table = [SliceRange(*entry) for entry in entries]
    return load_case(pair_files(folder), slices=table).case.slices


@pytest.mark.parametrize("name", ["A", "A_water", "A_fat"])
def test_the_table_may_name_the_pair_or_an_image_of_it(folder, name):
    assert slices_of(folder, (name, 1, 4), ("AA", 0, 1)) == (1, 4)


def test_both_images_may_be_listed_alike(folder):
    assert slices_of(folder, ("A_water", 1, 4), ("A_fat", 1, 4)) == (1, 4)


def test_both_images_listed_differently_are_ambiguous(folder):
    with pytest.raises(TableError, match="different ranges"):
        slices_of(folder, ("A_water", 1, 4), ("A_fat", 1, 5))


def test_a_case_that_is_not_in_the_table_is_told_what_is_near(folder):
    with pytest.raises(TableError, match="no row for the case 'A'"):
        slices_of(folder, ("AA", 1, 4))


def test_a_range_outside_the_image_is_refused(folder):
    with pytest.raises(GeometryError, match=r"slices 1 to 6, but the image has 6 \(0 to 5\)") as e:
        slices_of(folder, ("A", 1, 7))
    assert "--slice-end" in str(e.value)
