"""Which inputs are read as NIfTI and which as DICOM."""

from __future__ import annotations

from pathlib import Path

import pytest

from dicom_damage import no_preamble, zip_files
from dicom_files import plane, ramp, write_series
from lpm_segmentator.study.inputs import Inputs, split_inputs
from phantoms import write_pair

SHAPE = (6, 4, 2)


def write(folder: Path) -> list[Path]:
    return write_series(folder, ramp(SHAPE), plane(shape=SHAPE))


def only(path: Path) -> str:
    given = split_inputs([path])
    assert not given.unused
    assert (given.nifti or given.dicom) == (path,)
    return "DICOM" if given.dicom else "NIfTI"


def test_files_are_known_by_what_they_begin_with_or_by_their_names(tmp_path: Path):
    path = write(tmp_path)[0].rename(tmp_path / "IM0001")
    assert only(path) == "DICOM"
    assert only(no_preamble(path)) == "DICOM"
    for name in ("export.ZIP", "dicomdir"):
        (tmp_path / name).touch()
        assert only(tmp_path / name) == "DICOM"
    for name in ("a.nii.gz", "letter.pdf", "missing"):
        (tmp_path / name).touch()
        assert only(tmp_path / name) == "NIfTI"
    assert only(tmp_path / "nothing") == "NIfTI"  # whose listing names what is wrong


def test_folders_are_searched_at_any_depth(tmp_path: Path):
    write(tmp_path / "a" / "b" / "c")
    for n in range(250):
        (tmp_path / "a" / f"{n}.html").touch()
    assert only(tmp_path / "a") == "DICOM"
    (tmp_path / "z").mkdir()
    (tmp_path / "z" / "export.zip").touch()
    assert only(tmp_path / "z") == "DICOM"
    write_pair(tmp_path / "n" / "m", "A")
    assert only(tmp_path / "n") == "NIfTI"
    (tmp_path / "empty").mkdir()
    assert only(tmp_path / "empty") == "NIfTI"


def test_hidden_files_and_folders_do_not_count(tmp_path: Path):
    write(tmp_path / "a")
    write_pair(tmp_path / "a" / ".trash", "A")
    (tmp_path / "a" / "._B.nii.gz").touch()
    assert only(tmp_path / "a") == "DICOM"


def test_a_folder_of_both_is_one_of_nifti_and_its_dicom_is_named(tmp_path: Path):
    write(tmp_path / "dicom")
    write_pair(tmp_path / "nifti", "A")
    given = split_inputs([tmp_path])
    assert (given.nifti, given.dicom) == ((tmp_path,), ())
    (entry,) = given.unused
    assert entry.path == tmp_path
    assert "its DICOM files are left out since it holds NIfTI images" in entry.reason
    assert split_inputs([tmp_path / "dicom", tmp_path / "nifti"]) == Inputs(
        (tmp_path / "nifti",), (tmp_path / "dicom",)
    )


def test_an_archive_beside_nifti_is_named_if_it_holds_dicom(tmp_path: Path):
    (path, _) = write(tmp_path / "dicom")
    folder = tmp_path / "nifti"
    write_pair(folder, "A")
    zip_files(folder / "masks.zip", {"masks/": b"", "masks/A_dseg.nii.gz": b"text"})
    (folder / "broken.zip").write_bytes(b"PK\3\4")
    assert only(folder) == "NIfTI"
    zip_files(folder / "export.zip", {"notes.txt": b"text", "IM1": path})
    given = split_inputs([folder])
    assert given.nifti == (folder,)
    assert [entry.path for entry in given.unused] == [folder]


@pytest.mark.parametrize("out", ["", "out"])
def test_results_of_earlier_runs_in_the_folder_do_not_count(tmp_path: Path, out: str):
    write(tmp_path / "1")
    write_pair(tmp_path / out / "cases" / "A" / "images", "A")
    (tmp_path / out / "run.json").write_text("{}")
    assert only(tmp_path) == "DICOM"
    # of a folder of results that is named, the images that were imported are meant
    assert only(tmp_path / out / "cases" / "A" / "images") == "NIfTI"
