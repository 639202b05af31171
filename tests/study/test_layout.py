from __future__ import annotations

from lpm_segmentator.study.layout import StudyFolder


def test_a_case_has_the_promised_names(tmp_path):
    case = StudyFolder(tmp_path).case("A [1]")
    assert case.mask == tmp_path / "cases" / "A [1]" / "A [1]_dseg.nii.gz"
    assert case.edited_mask.name == "A [1]_desc-edited_dseg.nii.gz"
    assert case.record.name == "case.json"
    assert case.saved_mask(1) == case.edited_mask
    assert case.saved_mask(2).name == "A [1]_desc-edited2_dseg.nii.gz"
    assert case.earlier_mask(1).name == "A [1]_desc-earlier_dseg.nii.gz"
    assert [case.saved_levels(n).name for n in (1, 2)] == [
        "A [1]_levels-corrected.json",
        "A [1]_levels-corrected-2.json",
    ]


def test_maps_are_found_whatever_the_case_is_called(tmp_path):
    case = StudyFolder(tmp_path).case("A [1]")
    case.path.mkdir(parents=True)
    maps = [case.of_stack(120).fat_map("gmm2"), case.fat_map("dixon"), case.fat_map("gmm3-soft")]
    for path in (*maps, case.mask, case.of_stack(1).mask):
        path.touch()
    assert case.fat_maps() == maps


def test_masks_lie_in_one_place_or_in_that_of_each_stack(tmp_path):
    case = StudyFolder(tmp_path).case("A")
    assert [place.mask.name for place in case.parts(0)] == ["A_dseg.nii.gz"]
    assert [place.mask.name for place in case.parts(2)] == [
        "A_chunk-1_dseg.nii.gz",
        "A_chunk-2_dseg.nii.gz",
    ]


def test_a_folder_is_known_by_what_a_run_left(tmp_path):
    study = StudyFolder(tmp_path)
    assert not study.is_study()
    study.case("A").path.mkdir(parents=True)
    assert not study.is_study()
    study.case("A").record.touch()
    assert study.is_study()
    assert [case.case for case in study.done()] == ["A"]
    (tmp_path / "other").mkdir()
    StudyFolder(tmp_path / "other").run.touch()
    assert StudyFolder(tmp_path / "other").is_study()


def test_a_run_that_was_interrupted_has_begun_a_study(tmp_path):
    """Its imported images are no input of another run."""
    study = StudyFolder(tmp_path)
    assert not study.is_study()
    study.salt.write_text("secret", encoding="utf-8")
    assert study.is_study()
