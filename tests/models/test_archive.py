from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from lpm_segmentator.core import ModelError
from lpm_segmentator.models.archive import extract_zip


def _zip(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return path


@pytest.fixture
def target(tmp_path) -> Path:
    folder = tmp_path / "inner" / "target"
    folder.mkdir(parents=True)
    return folder


def test_wanted_entries_are_written(tmp_path, target):
    archive = _zip(tmp_path / "a.zip", {"m/plans.json": b"{}", "m/notes.txt": b"x", "m/sub/": b""})
    written = extract_zip(archive, target, wanted=lambda p: p.suffix == ".json")
    assert written == [target / "m" / "plans.json"]
    assert [p.name for p in target.rglob("*")] == ["m", "plans.json"]


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "a/../../evil",
        "/tmp/evil",
        "C:/evil",
        "C:\\evil",
        "..\\..\\evil",
        "\\\\server\\share\\evil",
        "a/b\x1f",
        "plans.json:stream",
    ],
)
def test_entries_that_lead_out_are_refused_before_anything_is_written(tmp_path, target, name):
    archive = _zip(tmp_path / "a.zip", {"plans.json": b"{}", name: b"x"})
    with pytest.raises(ModelError, match="refused"):
        extract_zip(archive, target)
    assert not any(target.iterdir())
    assert not (tmp_path / "evil").exists()
    assert not (tmp_path / "inner" / "evil").exists()


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_special_files_are_refused(tmp_path, target, kind):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        entry = zipfile.ZipInfo("fold_0")
        entry.create_system = 3
        entry.external_attr = (kind | 0o777) << 16
        archive.writestr(entry, "/etc")
    with pytest.raises(ModelError, match="link or special file"):
        extract_zip(path, target)
    assert not any(target.iterdir())


def test_a_bomb_is_refused(tmp_path, target):
    archive = _zip(tmp_path / "a.zip", {"plans.json": bytes(150 * 2**20)})
    assert archive.stat().st_size < 2**20
    with pytest.raises(ModelError, match="expand to 150 MB"):
        extract_zip(archive, target)
    assert not any(target.iterdir())


def test_too_many_entries_are_refused(tmp_path, target, monkeypatch):
    monkeypatch.setattr("lpm_segmentator.models.archive._MAX_ENTRIES", 3)
    archive = _zip(tmp_path / "a.zip", {f"{i}": b"" for i in range(4)})
    with pytest.raises(ModelError, match="4 entries"):
        extract_zip(archive, target)


def test_an_entry_larger_than_it_says_is_refused(tmp_path, target):
    archive = _zip(tmp_path / "a.zip", {"plans.json": b"a" * 5000})
    data = archive.read_bytes()
    # The announced size stands in the local header and in the directory.
    archive.write_bytes(data.replace((5000).to_bytes(4, "little"), (50).to_bytes(4, "little")))
    with pytest.raises(ModelError):
        extract_zip(archive, target)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_of_one_name_are_refused(tmp_path, target):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("plans.json", "{}")
        archive.writestr("plans.json", "[]")
    with pytest.raises(ModelError, match="same name"):
        extract_zip(path, target)


@pytest.mark.parametrize("keep", [0, 30, 0.5, 0.98])
def test_a_truncated_zip_is_named_as_such(tmp_path, target, keep):
    archive = _zip(tmp_path / "a.zip", {"plans.json": bytes(range(256)) * 50})
    data = archive.read_bytes()
    archive.write_bytes(data[: keep if isinstance(keep, int) else int(len(data) * keep)])
    with pytest.raises(ModelError, match="damaged or not a zip"):
        extract_zip(archive, target)


def test_a_damaged_stream_is_named_as_such(tmp_path, target):
    archive = _zip(tmp_path / "a.zip", {"plans.json": bytes(range(256)) * 50})
    data = bytearray(archive.read_bytes())
    data[45:60] = b"\xff" * 15
    archive.write_bytes(data)
    with pytest.raises(ModelError, match="damaged or not a zip"):
        extract_zip(archive, target)
