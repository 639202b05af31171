from __future__ import annotations

from pathlib import Path

import pytest

from lpm_segmentator.core import OutputError
from lpm_segmentator.study.listing import ImageFile
from lpm_segmentator.study.outputs import output_paths


def test_one_image_may_become_one_named_file():
    (path,) = output_paths([ImageFile("A", Path("A.nii"))], Path("x.nii.gz")).values()
    assert path == Path("x.nii.gz")


def test_several_images_go_into_a_folder():
    items = [ImageFile(case, Path(f"{case}.nii")) for case in "AB"]
    found = output_paths(items, Path("out"), suffix="_dseg")
    assert found == {"A": Path("out/A_dseg.nii.gz"), "B": Path("out/B_dseg.nii.gz")}
    with pytest.raises(OutputError, match="2 images cannot go into one file"):
        output_paths(items, Path("x.nii"))


def test_an_input_is_never_replaced(tmp_path):
    with pytest.raises(OutputError, match="replace an input"):
        output_paths([ImageFile("A_dseg", tmp_path / "A_dseg.nii.gz")], tmp_path)


def test_no_input_is_replaced_by_anothers_result(tmp_path):
    items = [ImageFile("A", tmp_path / "A.nii"), ImageFile("B", tmp_path / "A_dseg.nii.gz")]
    with pytest.raises(OutputError, match="replace"):
        output_paths(items, tmp_path, suffix="_dseg")
