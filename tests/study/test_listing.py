"""Images and label maps among files and folders of any depth."""

from __future__ import annotations

import os

import pytest

from lpm_segmentator.core import FileFormatError, InputError
from lpm_segmentator.study.listing import list_images, list_label_maps, list_volumes


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).touch()


def cases(files):
    return [file.case for file in files]


def test_folders_give_images_at_any_depth_without_labels_and_hidden_files(tmp_path):
    touch(
        tmp_path,
        *("10.nii.gz", "1.nii", "1_dseg.nii.gz", "._1.nii.gz", "a.csv", "deep/er/2.nii"),
        *("masks/3.nii", "labelsTr/4.nii", ".cache/5.nii", "6.hdr", "6.img"),
    )
    assert cases(list_images([tmp_path])) == ["1", "10", "2", "6"]


def test_a_named_file_is_taken_as_it_is_and_once(tmp_path, caplog):
    touch(tmp_path, "1_seg.nii.gz", "1.nii")
    label = tmp_path / "1_seg.nii.gz"
    assert cases(list_images([label, label, tmp_path, tmp_path / "1.nii"])) == ["1", "1_seg"]
    assert caplog.text == ""


def test_two_links_to_one_file_are_one_image_with_a_warning(tmp_path, caplog):
    touch(tmp_path, "store/1.nii")
    for name in ("P1", "P2"):
        (tmp_path / "study" / name).mkdir(parents=True)
        (tmp_path / "study" / name / "t2.nii").symlink_to(tmp_path / "store/1.nii")
    assert len(list_images([tmp_path / "study"])) == 1
    assert "P2/t2.nii: left out, since it links to the same file as" in caplog.text


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path):
    touch(tmp_path, "P1/t2.nii.gz", "P2/t2.nii.gz", "P2/more/t2.nii.gz", "P3/other.nii")
    expected = ["P1_t2", "P2_more_t2", "P2_t2", "other"]
    assert cases(list_images([tmp_path])) == expected
    given = [tmp_path / "P1/t2.nii.gz", tmp_path / "P2/t2.nii.gz"]
    assert cases(list_images(given)) == ["P1_t2", "P2_t2"]


@pytest.mark.parametrize("names", [("1.nii", "1.nii.gz"), ("a/1.nii", "a/1.nii.gz", "b/1.nii")])
def test_one_case_id_for_two_files_of_a_folder_is_an_error(tmp_path, names):
    touch(tmp_path, *names)
    with pytest.raises(InputError, match="two images have the case id '1'"):
        list_images([tmp_path])


@pytest.mark.parametrize(
    ("name", "words"),
    [("none.nii", "no such file"), ("a.csv", "not a NIfTI"), ("empty", "holds no images")],
)
def test_inputs_that_give_no_image(tmp_path, name, words):
    touch(tmp_path, "a.csv", "empty/1_dseg.nii")
    with pytest.raises(FileFormatError, match=words):
        list_images([tmp_path / name])


def test_results_of_earlier_runs_are_no_inputs(tmp_path):
    touch(tmp_path, "A.nii.gz", "out/run.json", "out/cases/A/A_fatmap-dixon.nii.gz")
    assert cases(list_images([tmp_path])) == ["A"]


def test_results_beside_the_inputs_are_no_inputs(tmp_path):
    touch(tmp_path, "A.nii.gz", "run.json", "cases/A/A_fatmap-dixon.nii.gz", "figures/B.nii")
    assert cases(list_images([tmp_path])) == ["A"]
    touch(tmp_path, "cases/A/A_dseg.nii.gz")
    assert cases(list_label_maps([tmp_path])) == ["A_dseg"]
    (tmp_path / "run.json").unlink()
    assert cases(list_images([tmp_path])) == ["A", "A_fatmap-dixon", "B"]  # folders of a user


def test_bids_roots_give_raw_images_and_their_derivatives_label_maps(tmp_path):
    touch(
        tmp_path,
        "dataset_description.json",
        "sub-01/anat/sub-01_T2w.nii.gz",
        "sub-01/anat/sub-01_T1w.nii.gz",
        "derivatives/manual/sub-01/anat/sub-01_desc-manual_dseg.nii.gz",
        "derivatives/prep/sub-01/anat/sub-01_desc-preproc_T2w.nii.gz",
        "sourcedata/sub-01_T2w.nii.gz",
    )
    assert cases(list_images([tmp_path])) == ["sub-01_T1w", "sub-01_T2w"]
    assert cases(list_label_maps([tmp_path])) == ["sub-01_desc-manual_dseg"]
    prepared = tmp_path / "derivatives" / "prep"
    assert cases(list_images([prepared])) == ["sub-01_desc-preproc_T2w"]


def test_label_maps_are_those_named_so_or_all_of_the_folder(tmp_path):
    touch(tmp_path / "a", "1.nii", "1_dseg.nii", "more/2_label.nii")
    touch(tmp_path / "b", "1.nii", "more/2.nii")
    assert cases(list_label_maps([tmp_path / "a"])) == ["1_dseg", "2_label"]
    assert cases(list_label_maps([tmp_path / "b"])) == ["1"]
    assert cases(list_volumes([tmp_path / "a"])) == ["1", "1_dseg", "2_label"]


@pytest.mark.parametrize("name", [".nii.gz", "...nii.gz", " .nii"])
def test_a_name_that_names_no_case_is_refused(tmp_path, name):
    touch(tmp_path, name)
    with pytest.raises(InputError, match="no case id"):
        list_images([tmp_path / name])


def test_a_name_that_is_no_utf8_is_left_out_of_a_folder(tmp_path, caplog):
    touch(tmp_path, "A.nii.gz")
    try:
        (tmp_path / os.fsdecode(b"M\xfcller.nii.gz")).touch()
    except OSError:
        pytest.skip("this system has no such names")
    assert cases(list_images([tmp_path])) == ["A"]
    assert "left out" in caplog.text


def test_dicom_says_what_to_do(tmp_path):
    dicom = tmp_path / "deep" / "IM0001"
    dicom.parent.mkdir()
    dicom.write_bytes(bytes(128) + b"DICM" + bytes(100))
    for given in (tmp_path, dicom):
        with pytest.raises(FileFormatError, match=r"DICOM.*lpm run"):
            list_images([given])
