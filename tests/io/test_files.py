from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from lpm_segmentator.core import FileFormatError, Muscle, OutputError
from lpm_segmentator.io import (
    atomic_path,
    file_stamp,
    read_json,
    remove_leftovers,
    write_json,
    write_text,
)


def test_the_file_appears_whole_and_keeps_its_suffixes(tmp_path):
    target = tmp_path / "new" / "a.nii.gz"
    with atomic_path(target) as temporary:
        assert temporary.parent == target.parent
        assert temporary.name.endswith(".nii.gz")
        temporary.write_text("x")
        assert not target.exists()
    assert [p.name for p in target.parent.iterdir()] == ["a.nii.gz"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail():
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_an_output_error_with_its_reason(tmp_path):
    def fill():
        with atomic_path(tmp_path / "a.txt") as temporary:
            temporary.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match="No space left on device"):
        fill()
    assert not list(tmp_path.iterdir())


def test_a_folder_of_that_name_is_an_output_error(tmp_path):
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        write_text("x", tmp_path / "a.txt")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_file_in_place_of_the_folder_is_an_output_error(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_text("x", tmp_path / "out" / "a.txt")


def test_new_files_have_the_usual_permissions(tmp_path):
    write_text("x", tmp_path / "a.txt")
    (tmp_path / "b.txt").write_text("x")
    modes = {(tmp_path / name).stat().st_mode for name in ("a.txt", "b.txt")}
    assert len(modes) == 1


@dataclass(frozen=True)
class Result:
    muscle: Muscle
    volume_ml: float


def test_json_knows_the_projects_types_and_has_no_nan(tmp_path):
    path = tmp_path / "a.json"
    data = {
        "result": Result(Muscle.MULTIFIDUS, float("nan")),
        "array": np.array([1.5, np.inf], dtype=np.float32),
        "int": np.int64(3),
        "path": Path("a"),
        "set": {"y", "x"},
        Muscle.ERECTOR_SPINAE: (True, None),
    }
    write_json(data, path)
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "result": {"muscle": "MF", "volume_ml": None},
        "array": [1.5, None],
        "int": 3,
        "path": "a",
        "set": ["x", "y"],
        "ES": [True, None],
    }


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    left = tmp_path / ".0a1b2c3d.mask.nii.gz"
    kept = [tmp_path / name for name in (".hidden", ".0a1b.mask.nii.gz", "mask.nii.gz")]
    for path in (left, *kept):
        path.write_text("x")
    remove_leftovers(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(kept)
    remove_leftovers(tmp_path / "nowhere")


def test_the_names_to_remove_are_those_that_are_given(tmp_path):
    with atomic_path(tmp_path / "mask.nii.gz") as temporary:
        temporary.write_text("half")
        remove_leftovers(tmp_path)
        assert not temporary.exists()
        temporary.write_text("whole")


@pytest.mark.parametrize("text", [f'{{"a": 1{"0" * 400}}}', "[18446744073709551616]", r'"\ud800"'])
def test_json_that_no_record_can_hold_is_refused(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(FileFormatError, match="cannot be read as JSON"):
        read_json(path)


def test_characters_of_two_halves_are_read(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(r'"\ud83d\ude00"')
    assert read_json(path) == "\U0001f600"


def test_a_stamp_tells_whether_a_file_changed(tmp_path):
    path = tmp_path / "a.txt"
    assert file_stamp(path) == (-1, -1)
    path.write_text("x")
    before = file_stamp(path)
    assert before == file_stamp(path)
    assert before[0] == 1
    os.utime(path, ns=(0, 0))
    assert file_stamp(path) == (1, 0)
