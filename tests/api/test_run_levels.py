"""Levels within a run, as a user or another tool states them; the model has tests of its own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from lpm_segmentator import api
from lpm_segmentator.api import LevelOptions
from lpm_segmentator.core import Disc, GeometryError, InputError, Remedy
from lpm_segmentator.report.views import case_view, verdicts_of
from lpm_segmentator.study.record import CaseRecord
from lpm_segmentator.study.resume import done_record
from lpm_segmentator.study.series import with_sagittal
from phantoms import SHAPE, write_pair


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_pair(tmp_path, "A")
    return tmp_path


ENDS = ((Disc.L1_L2, 5), (Disc.L5_S1, 0))


def run_options(tiny_path: Path, levels: LevelOptions | None, **more: Any) -> api.RunOptions:
    return api.RunOptions(
        model=str(tiny_path), mode="fast", keep_low_confidence=True, levels=levels, **more
    )


def process(
    folder: Path, tiny_path: Path, levels: LevelOptions | None, out: str = "out", **more: Any
) -> CaseRecord:
    (files,) = with_sagittal(api.find_cases([folder])).cases
    return api.process_case(files, folder / out, run_options(tiny_path, levels, **more))


def write_levels(folder: Path, discs: list[dict[str, Any]], **more: Any) -> Path:
    path = folder / "A_levels.json"
    values = {"case": "A", "image": "A_water.nii.gz", "discs": discs, "warnings": [], **more}
    path.write_text(json.dumps(values))
    return path


def test_several_anchors_name_and_choose_the_slices(folder: Path, tiny_path: Path) -> None:
    anchors = ((Disc.L1_L2, 4), (Disc.L5_S1, 1))
    record = process(folder, tiny_path, LevelOptions(anchors=anchors))
    assert record.slices == (1, 5)
    kinds = {row["level"] for row in record.measures}
    assert {"L1-L2", "L5-S1", "L1-L2..L5-S1"} <= kinds
    assert {row["slice"] for row in record.profile if row["csa_mm2"]} == {1, 2, 3, 4}
    case = folder / "out" / "cases" / "A"
    labels = np.asarray(nib.load(case / "A_dseg.nii.gz").dataobj)
    assert not labels[..., [0, 5]].any()
    assert labels[..., 1:5].any()
    written = json.loads((case / "A_levels.json").read_text())
    assert [d["slice"] for d in written["discs"]] == [4, 1]
    assert {d["source"] for d in written["discs"]} == {"user"}
    assert (case / "A_levels.png").stat().st_size > 0
    report = api.write_results(folder / "out")
    assert report is not None
    assert "L1-L2" in report.read_text(encoding="utf-8")


def test_slices_that_the_user_picks_crop_and_name_nothing(folder: Path, tiny_path: Path) -> None:
    record = process(folder, tiny_path, None, slices=(1, 4))
    assert record.slices == (1, 5)
    assert record.levels is None
    assert {row["level"] for row in record.measures} == {"all"}
    assert not (folder / "out" / "cases" / "A" / "A_levels.json").exists()


def test_one_anchor_where_no_disc_is_seen_names_its_own_slice(
    folder: Path, tiny_path: Path
) -> None:
    record = process(folder, tiny_path, LevelOptions(anchors=((Disc.L5_S1, 2),)))
    assert record.slices is None
    assert {row["level"] for row in record.profile} == {"", "L5-S1"}
    assert any("to distinguish discs" in note for note in record.notes)


def test_what_a_run_wrote_can_be_corrected_and_run_again(folder: Path, tiny_path: Path) -> None:
    process(folder, tiny_path, LevelOptions(anchors=ENDS))
    path = folder / "out" / "cases" / "A" / "A_levels.json"
    values = json.loads(path.read_text())
    values["discs"][0]["slice"] = 3
    values["discs"].append({"name": "L4-L5", "slice": 1})
    path.write_text(json.dumps(values))
    record = process(folder, tiny_path, LevelOptions(written=folder / "out" / "cases"), "again")
    assert record.slices == (0, 4)
    levels = {row["slice"]: row["level"] for row in record.profile}
    assert levels[3] == "L1-L2"
    assert levels[1] == "L4-L5"
    assert levels[0] == "L5-S1"


def test_a_corrected_file_makes_a_case_run_again(folder: Path, tiny_path: Path) -> None:
    path = write_levels(folder, [{"name": "L1-L2", "slice": 5}, {"name": "L5-S1", "slice": 0}])
    (files,) = api.find_cases([folder])
    options = run_options(tiny_path, LevelOptions(written=path))
    out = folder / "out"
    api.process_case(files, out, options)
    model = api.load_predictor(str(tiny_path), mode="fast").info
    assert done_record(files, out, options, model)
    write_levels(folder, [{"name": "L1-L2", "slice": 4}, {"name": "L5-S1", "slice": 0}])
    assert not done_record(files, out, options, model)


def test_corrected_levels_that_a_run_does_not_go_by_are_kept(folder: Path, tiny_path: Path) -> None:
    stated = LevelOptions(anchors=ENDS)
    case = folder / "out" / "cases" / "A"
    path = case / "A_levels.json"

    def again(levels: LevelOptions) -> tuple[list[str], list[str]]:
        record = process(folder, tiny_path, levels)
        messages = [warning for warning in record.warnings if "corrected levels" in warning]
        return messages, sorted(path.name for path in case.glob("*corrected*"))

    def correct(**more: Any) -> bytes:
        values = json.loads(path.read_text())
        values["discs"][0] |= more
        path.write_text(json.dumps(values))
        return path.read_bytes()

    again(stated)
    path.touch()
    assert again(stated) == ([], [])  # nobody has changed it
    correct(slice=3)
    assert again(LevelOptions(written=path)) == ([], [])  # the run went by it
    messages, kept = again(stated)  # and this one does not
    assert (len(messages), kept) == (1, ["A_levels-corrected.json"])
    assert json.loads((case / kept[0]).read_text())["discs"][0]["slice"] == 3
    first = (case / kept[0]).read_bytes()
    other = correct(note="Rückfrage")
    other = other.replace(b"\\u00fc", b"\xfc")  # as an editor with another encoding leaves it
    path.write_bytes(other)
    elsewhere = folder / "A_levels.json"
    elsewhere.write_bytes(first)
    messages, kept = again(LevelOptions(written=elsewhere))
    assert kept == ["A_levels-corrected-2.json", "A_levels-corrected.json"]
    assert kept[0] in messages[0]
    assert (case / kept[0]).read_bytes() == other
    assert (case / kept[1]).read_bytes() == first


def test_discs_in_the_wrong_order_are_refused(folder: Path, tiny_path: Path) -> None:
    path = write_levels(folder, [{"name": "L1-L2", "slice": 1}, {"name": "L5-S1", "slice": 1}])
    with pytest.raises(GeometryError, match="anatomical order"):
        process(folder, tiny_path, LevelOptions(written=path))
    assert not (folder / "out" / "cases").exists()


def test_levels_of_part_of_the_discs_name_slices_but_choose_none(
    folder: Path, tiny_path: Path
) -> None:
    path = write_levels(folder, [{"name": "L3-L4", "slice": 3}])
    record = process(folder, tiny_path, LevelOptions(written=path))
    assert record.slices is None
    assert any("not both known" in warning for warning in record.warnings)
    assert {row["level"] for row in record.profile} == {"", "L3-L4"}


def test_a_stack_beyond_the_levels_is_told_so(folder: Path, tiny_path: Path) -> None:
    options = LevelOptions(vertebrae=_vertebrae(folder, up=400.0), accept_frame_mismatch=True)
    record = process(folder, tiny_path, options)
    assert record.slices is None
    assert any("lies outside L1-L2 to L5-S1" in warning for warning in record.warnings)


def test_a_file_of_levels_that_lie_elsewhere_is_refused(folder: Path, tiny_path: Path) -> None:
    discs = [
        {"name": name, "center_mm": [0, 0, height], "normal": [0, 0, 1], "confidence": 1}
        for name, height in (("L1-L2", 5200), ("L5-S1", 5000))
    ]
    path = write_levels(folder, discs, image="sagittal.nii.gz")
    with pytest.raises(InputError, match="none of its discs lies in the image"):
        process(folder, tiny_path, LevelOptions(written=path))


def test_a_folder_without_the_case_is_refused(folder: Path, tiny_path: Path) -> None:
    with pytest.raises(InputError, match="no files of levels belong to the case 'A'"):
        process(folder, tiny_path, LevelOptions(written=folder))


def test_where_no_spine_is_seen_all_slices_are_kept_and_it_is_said(
    folder: Path, tiny_path: Path
) -> None:
    record = process(folder, tiny_path, LevelOptions())
    assert record.slices is None
    assert (record.levels.discs, record.levels.named) == ((), False)
    (verdict,) = [v for v in verdicts_of(record.to_dict()) if v.area == "levels"]
    assert verdict.word == "missing"
    assert "no disc was found" in case_view(record.to_dict())["facts"][2]
    assert any("no levels are known" in note for note in record.notes)
    written = json.loads((folder / "out" / "cases" / "A" / "A_levels.json").read_text())
    assert written["discs"] == []
    assert written["warnings"]


def _vertebrae(folder: Path, *, shift: float = 0.0, up: float = 0.0) -> Path:
    """Five boxes, stacked so that the discs between them lie within the phantom's slices."""
    image = nib.load(folder / "A_water.nii.gz")
    affine = image.affine.copy()
    affine[:3, 2] /= 4  # thinner slices over the same height
    array = np.zeros((*SHAPE[:2], SHAPE[2] * 4), np.uint8)
    for number in range(1, 6):
        top = array.shape[2] - (number - 1) * 4
        array[40:60, 30:50, top - 3 : top] = number
    affine[0, 3] += shift
    affine[2, 3] += up
    path = folder / "vertebrae_dseg.nii.gz"
    nib.save(nib.Nifti1Image(array, affine), path)
    return path


def test_a_map_of_vertebrae_names_the_slices(folder: Path, tiny_path: Path) -> None:
    record = process(folder, tiny_path, LevelOptions(vertebrae=_vertebrae(folder)))
    found = {d["name"]: d["slice"] for d in record.levels.discs}
    assert list(found) == [str(disc) for disc in Disc]
    assert found["L1-L2"] == 5
    assert found["L1-L2"] > found["L3-L4"] > found["L5-S1"]


def test_another_examination_is_refused_unless_it_is_said(folder: Path, tiny_path: Path) -> None:
    far = LevelOptions(vertebrae=_vertebrae(folder, shift=1000))
    with pytest.raises(GeometryError, match="does not overlap") as caught:
        process(folder, tiny_path, far)
    assert Remedy.ACCEPT_FRAME_MISMATCH in caught.value.remedies
    taken = process(folder, tiny_path, replace(far, accept_frame_mismatch=True))
    assert taken.levels.discs  # slices go by height alone


@pytest.mark.parametrize("key", ["FrameOfReferenceUID", "StudyInstanceUID"])
def test_sidecars_tell_another_examination(folder: Path, tiny_path: Path, key: str) -> None:
    options = LevelOptions(vertebrae=_vertebrae(folder))
    (folder / "A_water.json").write_text(json.dumps({key: "1.2.3"}))
    process(folder, tiny_path, options)  # one sidecar alone says nothing
    (folder / "vertebrae_dseg.json").write_text(json.dumps({key: "1.2.4"}))
    with pytest.raises(GeometryError, match="identifiers of the"):
        process(folder, tiny_path, options)
    process(folder, tiny_path, replace(options, accept_frame_mismatch=True))
    (folder / "vertebrae_dseg.json").write_text("{")  # a damaged one neither
    process(folder, tiny_path, options)
