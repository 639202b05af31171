"""Headers kept between runs: read once, without identities, and harmless where damaged."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from dicom_dialects import DIALECTS, Dialect
from dicom_files import STUDY, dixon_images, plane, ramp, write_dixon, write_series
from lpm_segmentator.io.dicom import scan
from lpm_segmentator.io.dicom.header import HeaderReader

SHAPE = (6, 4, 3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_series(tmp_path / "in", ramp(SHAPE), plane(shape=SHAPE))
    return tmp_path / "in"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Files whose headers are read."""
    paths: list[str] = []
    frames: Callable = HeaderReader.frames

    def counted(self: HeaderReader, stream, path: str, member: str = ""):
        paths.append(path)
        return frames(self, stream, path, member)

    monkeypatch.setattr(HeaderReader, "frames", counted)
    return paths


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_what_was_kept_equals_what_was_read(tmp_path: Path, dialect: Dialect):
    write_dixon(tmp_path / "in", dixon_images(SHAPE), plane(shape=SHAPE), dialect=dialect)
    plain = scan([tmp_path / "in"])
    for _ in range(2):
        # Some entries are nan, which is not equal to itself.
        assert repr(scan([tmp_path / "in"], cache=tmp_path / "cache")) == repr(plain)


def test_paths_are_not_kept(tmp_path: Path):
    """They may hold names."""
    folder = tmp_path / "Featherstonehaugh"
    write_series(folder, ramp(SHAPE), plane(shape=SHAPE))
    scan([folder], cache=tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    assert b"Featherstonehaugh" not in file.read_bytes()
    assert b"s005_T2w" not in file.read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_of_files_need_not_be_text(folder: Path, tmp_path: Path, reads: list[str]):
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xfc"))
    folder.rename(odd)
    first = next(odd.iterdir())
    first.rename(Path(os.fsdecode(os.fsencode(odd) + b"/\xff.dcm")))
    for expected in (3, 0):
        reads.clear()
        assert len(scan([odd], cache=tmp_path / "cache").frames) == 3
        assert len(reads) == expected


def test_files_are_read_again_only_if_they_changed(folder: Path, tmp_path: Path, reads: list[str]):
    for expected in (3, 0):
        reads.clear()
        assert len(scan([folder], cache=tmp_path / "cache").frames) == 3
        assert len(reads) == expected
    changed, gone, _ = sorted(folder.iterdir())
    os.utime(changed, (1, 1))
    gone.unlink()
    reads.clear()
    assert len(scan([folder], cache=tmp_path / "cache").frames) == 2
    assert reads == [str(changed)]


def test_files_are_known_however_their_folder_is_spelled(
    folder: Path, tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    spellings = [folder, Path("in"), tmp_path / "in" / ".." / "in", Path("link")]
    try:
        Path("link").symlink_to(folder, target_is_directory=True)
    except OSError:  # a right that not every user of Windows has
        spellings.pop()
    scan([folder], cache=tmp_path / "cache")
    reads.clear()
    for spelled in spellings:
        found = scan([spelled], cache=tmp_path / "cache")
        assert reads == []
        assert repr(found) == repr(scan([spelled]))
        reads.clear()
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_after_any_change_the_cache_gives_what_the_files_hold(tmp_path: Path, reads: list[str]):
    """Files are added, replaced, moved and removed; each is read once for each change of it."""
    rng = np.random.default_rng(7)
    folder, cache = tmp_path / "in", tmp_path / "cache"
    spare = [
        path
        for number in range(1, 9)
        for path in write_series(
            tmp_path / f"{number}", ramp(SHAPE), plane(shape=SHAPE), number=number
        )
    ]
    folder.mkdir()
    for step in range(40):
        there = sorted(path for path in folder.rglob("*") if path.is_file())
        action = "add" if len(there) < 3 else rng.choice(["add", "replace", "move", "remove", ""])
        chosen = there[rng.integers(len(there))] if there else folder / "none"
        expected = 0
        if action in ("add", "replace"):
            target = chosen if action == "replace" else folder / f"{step % 3}" / f"IM{step}"
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(spare[rng.integers(len(spare))].read_bytes())
            os.utime(target, (step + 1, step + 1))
            expected = 1
        elif action == "move":
            chosen.rename(folder / f"moved{step}")
            expected = 1
        elif action == "remove":
            chosen.unlink()
        reads.clear()
        found = scan([folder], cache=cache)
        assert len(reads) == expected, (step, action)
        assert repr(found) == repr(scan([folder])), (step, action)


def test_frames_of_the_cache_share_their_tags(folder: Path, tmp_path: Path):
    scan([folder], cache=tmp_path / "cache")
    frames = scan([folder], cache=tmp_path / "cache").frames
    assert len({id(frame.tags) for frame in frames}) == 1


def test_no_identity_is_kept_and_nobody_else_reads_it(folder: Path, tmp_path: Path):
    scan([folder], cache=tmp_path / "cache")
    (path,) = (tmp_path / "cache").iterdir()
    content = path.read_bytes().replace(str(tmp_path).encode(), b"")
    assert not [part for part in STUDY.identity if part.encode() in content]
    if os.name == "posix":
        assert path.stat().st_mode & 0o077 == 0


def damaged(content: bytes) -> list[bytes]:
    version, tags, files = msgspec.msgpack.decode(content)
    name, (stamp, rows) = next(iter(files.items()))
    others = [
        None,
        [],
        [version + 1, tags, files],
        [version, tags[:0], files],
        [version, tags, {name: (stamp, [[-1, *rows[0][1:]]])}],
        [version, tags, {name: (stamp, [[0]])}],
        [version, tags, {name: ([], rows)}],
        [version, [{"patient": "x"}], files],
    ]
    return [b"", content[:-7], b"text", *map(msgspec.msgpack.encode, others)]


def test_a_damaged_cache_counts_as_empty(folder: Path, tmp_path: Path, reads: list[str]):
    scan([folder], cache=tmp_path / "cache")
    (path,) = (tmp_path / "cache").iterdir()
    content = path.read_bytes()
    for other in damaged(content):
        path.write_bytes(other)
        reads.clear()
        assert len(scan([folder], cache=tmp_path / "cache").frames) == 3
        assert len(reads) == 3
        assert path.read_bytes() == content


def test_a_cache_that_cannot_be_written_is_no_error(folder: Path, tmp_path: Path):
    (tmp_path / "file").touch()
    assert len(scan([folder], cache=tmp_path / "file" / "cache").frames) == 3


def test_numbers_that_do_not_fit_are_no_error(folder: Path, tmp_path: Path):
    for path in folder.iterdir():
        # the series number, IS of two bytes: five becomes a number of 20 digits
        old, new = b"IS\2\x005 ", b"IS\x14\0" + b"9" * 20
        content = path.read_bytes()
        assert content.count(old) == 1
        path.write_bytes(content.replace(old, new))
    for _ in range(2):
        frames = scan([folder], cache=tmp_path / "cache").frames
        assert [frame.tags.number for frame in frames] == [None] * 3
