from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from lpm_segmentator.api import LevelOptions, find_levels
from lpm_segmentator.cli.main import main
from lpm_segmentator.core import Disc, FileFormatError, GeometryError, InputError
from lpm_segmentator.study.levels_files import read_levels, write_levels


def test_vertebrae_of_another_tool_become_a_file(files: Path) -> None:
    options = LevelOptions(vertebrae=files / "vertebrae.nii.gz")
    found = find_levels(files / "spine.nii.gz", options)
    write_levels(found, files / "out.json")
    written = json.loads((files / "out.json").read_text())
    assert [disc["name"] for disc in written["discs"]] == [str(disc) for disc in Disc]
    assert written["case"] == "spine"
    assert written["grid"]["shape"] == list(nib.load(files / "spine.nii.gz").shape)
    assert set(written["discs"][0]) == {
        *("name", "center_mm", "normal", "slice", "confidence", "source")
    }
    assert len(read_levels(files / "out.json").discs) == 5


def test_csv_has_the_columns_of_the_slice_table(files: Path) -> None:
    found = find_levels(
        files / "spine.nii.gz", LevelOptions(anchors=((Disc.L1_L2, 90), (Disc.L5_S1, 20)))
    )
    write_levels(found, files / "out.csv")
    assert (files / "out.csv").read_text() == "pid,slice_start,slice_stop\nspine,20,90\n"


def test_a_byte_order_mark_is_no_part_of_a_file(files: Path) -> None:
    found = find_levels(
        files / "spine.nii.gz", LevelOptions(anchors=((Disc.L1_L2, 90), (Disc.L5_S1, 20)))
    )
    path = files / "out.json"
    write_levels(found, path)
    plain = read_levels(path)
    path.write_text(path.read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert read_levels(path) == plain


def test_csv_needs_both_ends(files: Path) -> None:
    found = {"case": "a", "image": "a.nii.gz", "discs": [], "warnings": []}
    with pytest.raises(InputError, match="both L1-L2 and L5-S1"):
        write_levels(found, files / "out.csv")


def test_a_series_that_lies_elsewhere_is_refused(files: Path) -> None:

    image = nib.load(files / "vertebrae.nii.gz")
    affine = image.affine.copy()
    affine[0, 3] += 500
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), affine), files / "far.nii.gz")
    with pytest.raises(GeometryError, match="another examination"):
        find_levels(files / "spine.nii.gz", LevelOptions(vertebrae=files / "far.nii.gz"))


@pytest.mark.parametrize(("row", "way"), [(1, "front to back"), (0, "right to left")])
def test_a_map_whose_vertebrae_follow_across_the_body_is_refused(
    files: Path, row: int, way: str
) -> None:
    image = nib.load(files / "vertebrae.nii.gz")
    affine = image.affine.copy()
    affine[[row, 2]] = affine[[2, row]]
    path = files / "lying.nii.gz"
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), affine), path)
    options = LevelOptions(vertebrae=path, accept_frame_mismatch=True)
    with pytest.raises(GeometryError, match=f"lying.nii.gz.*{way}.*export it again"):
        find_levels(files / "spine.nii.gz", options)


def test_what_is_no_json_is_refused(files: Path) -> None:
    (files / "broken.json").write_text("{")
    with pytest.raises(FileFormatError, match="JSON"):
        read_levels(files / "broken.json")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--from-slice", "3"],
        ["--anchor", "L9-L10=3"],
        ["--anchor", "L5-S1"],
        ["--vertebrae", "spine.nii.gz"],
        ["--from-slice", "3", "--to-slice", "20"],
        ["--anchor", "L1-L2=9999", "--anchor", "L5-S1=3"],
        ["--anchor", "L1-L2=20", "--anchor", "L1-L2=3"],
        ["--anchor", "L1-L2=20", "--anchor", "L5-S1=3", "-o", "out.txt"],
    ],
)
def test_bad_input_ends_with_a_message(
    arguments: list[str],
    files: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(files)
    with pytest.raises(SystemExit) as stopped:
        main(["levels", "spine.nii.gz", "-o", "out.json", *arguments])
    assert stopped.value.code == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not list(files.glob("out.*"))
