"""Finding DICOM files: folders, archives, discs, and what is left out."""

from __future__ import annotations

import os
import shutil
import sys
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from dicom_damage import mark_encrypted, rewrite, truncate, zip_bomb, zip_files, zip_slip
from dicom_files import STUDY, plane, ramp, write_series
from dicom_studies import write_dicomdir, write_study
from lpm_segmentator.core.errors import FileFormatError, MissingExtraError
from lpm_segmentator.io.dicom import Scan, read_stack, scan, source_hash, stacks_of

SHAPE = (6, 4, 5)


@pytest.fixture
def series(tmp_path: Path) -> list[Path]:
    return write_series(tmp_path / "in", ramp(SHAPE), plane(shape=SHAPE))


def reasons(found: Scan) -> dict[str, int]:
    return {skipped.reason: skipped.count for skipped in found.skipped}


def only_reason(found: Scan) -> str:
    (skipped,) = found.skipped
    return skipped.reason


def test_an_export_is_found_at_any_depth_with_what_is_no_image(tmp_path: Path):
    found = scan([write_study(tmp_path / "export")])
    modalities = Counter(frame.tags.modality for frame in found.frames)
    assert modalities == {"MR": 58, "OT": 1, "SR": 1, "DOC": 1, "PR": 1}
    assert found.n_files == 62
    assert not found.skipped
    assert len({frame.tags.patient for frame in found.frames}) == 1
    screenshot = next(frame for frame in found.frames if frame.tags.modality == "OT")
    assert (screenshot.tags.burned_in, screenshot.tags.samples) == (True, 3)


def test_files_need_no_suffix_and_others_are_counted(series: list[Path]):
    folder = series[0].parent
    for n, path in enumerate(series):
        path.rename(folder / f"IM{n}")
    for n in range(7):
        (folder / f"readme{n}.txt").write_text("text")
    (folder / "empty").touch()
    (folder / ".DS_Store").write_text("hidden")
    found = scan([folder])
    assert len(found.frames) == 5
    (skipped,) = found.skipped
    assert (skipped.reason, skipped.count, len(skipped.paths)) == ("this is no DICOM file", 8, 5)
    assert not skipped.is_dicom


def test_damaged_files_are_of_no_other_format_whatever_their_names(series: list[Path]):
    truncate(series[0], 400)
    packed = zip_files(series[0].with_name("in.zip"), {"no DICOM/IM1": series[1].read_bytes()})
    content = packed.read_bytes()
    packed.write_bytes(content[:60] + bytes(40) + content[100:])
    found = scan([series[0].parent])
    assert len(found.skipped) == 2
    assert all(skipped.is_dicom for skipped in found.skipped)
    assert [skipped.paths for skipped in found.skipped] == [
        (f"{packed}/no DICOM/IM1",),
        (str(series[0]),),
    ]


def test_a_missing_input_is_an_error(tmp_path: Path):
    with pytest.raises(FileFormatError, match="no such file or folder"):
        scan([tmp_path / "nothing"])


def test_without_pydicom_its_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(MissingExtraError, match=r"lpm-segmentator\[dicom\]"):
        scan([tmp_path])


def test_progress_is_reported_in_archives_as_well(tmp_path: Path, series: list[Path]):
    zip_files(tmp_path / "in.zip", series)
    calls: list[int] = []
    found = scan([tmp_path], progress=calls.append)
    # five files, the archive, and its five members
    assert calls == list(range(1, 12))
    assert found.n_files == 11


def test_truncated_headers_are_named_and_the_rest_goes_on(series: list[Path]):
    truncate(series[2], 400)
    found = scan([series[0].parent])
    assert len(found.frames) == 4
    assert only_reason(found) == "the file is truncated: it ends within the header"
    assert found.skipped[0].paths == (str(series[2]),)


def test_copies_are_left_out(series: list[Path]):
    shutil.copy(series[0], series[0].with_name("copy.dcm"))
    found = scan([series[0].parent])
    assert len(found.frames) == 5
    assert "copy of another file" in only_reason(found)


def test_slices_whose_identifier_was_lost_are_no_copies(series: list[Path]):
    for path in series:
        rewrite(path, lambda data: setattr(data, "SOPInstanceUID", "1.2.3"))
    found = scan([series[0].parent])
    assert len(found.frames) == 5
    assert not found.skipped


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_pipes_are_left_out(series: list[Path]):
    os.mkfifo(series[0].with_name("pipe"))
    found = scan([series[0].parent])
    assert only_reason(found) == "is no regular file"


def test_files_that_cannot_be_opened_are_named(series: list[Path]):
    series[0].with_name("link").symlink_to("nowhere")
    found = scan([series[0].parent])
    assert only_reason(found).startswith("cannot be read")
    assert len(found.frames) == 5


def test_folders_that_cannot_be_listed_are_named(
    series: list[Path], monkeypatch: pytest.MonkeyPatch
):
    closed = series[0].parent / "closed"
    closed.mkdir()
    listed = os.scandir

    def refused(path: str) -> object:
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", refused)
    found = scan([series[0].parent])
    assert len(found.frames) == 5
    assert only_reason(found) == "cannot be read (Permission denied)"
    assert found.skipped[0].paths == (str(closed),)


# --- discs ---


def test_a_dicomdir_stands_for_its_folder(tmp_path: Path):
    disc = write_dicomdir(write_study(tmp_path / "export"))
    found = scan([disc])
    assert len(found.frames) == 62
    assert not found.skipped
    assert scan([disc.parent]) == found


def test_files_that_a_dicomdir_names_and_that_are_missing_are_named(series: list[Path]):
    disc = write_dicomdir(series[0].parent)
    gone = min(path for path in disc.parent.rglob("*") if path.is_file() and path != disc)
    gone.unlink()
    found = scan([disc])
    assert len(found.frames) == 4
    assert found.skipped[0].reason == "is named in the DICOMDIR and missing"
    assert found.skipped[0].paths == (str(gone),)


@pytest.mark.parametrize("content", [b"", b"text", bytes(400)])
def test_a_damaged_dicomdir_is_named_and_the_files_are_read(series: list[Path], content: bytes):
    path = series[0].with_name("DICOMDIR")
    path.write_bytes(content)
    found = scan([path])
    assert len(found.frames) == 5
    (entry,) = found.skipped
    assert entry.reason.startswith("the directory cannot be read (")
    assert entry.reason.endswith("); the files were searched")
    assert entry.paths == (str(path),)


def test_a_dicomdir_without_its_list_of_files_is_damaged(series: list[Path]):
    disc = write_dicomdir(series[0].parent)
    rewrite(disc, lambda data: data.pop("DirectoryRecordSequence"))
    found = scan([disc])
    assert len(found.frames) == 5
    assert "its list of files is missing" in found.skipped[0].reason


# --- archives ---


def test_archives_are_read_where_they_are(tmp_path: Path, series: list[Path]):
    archive = zip_files(tmp_path / "in.zip", {f"a/{path.name}": path for path in series})
    shutil.rmtree(tmp_path / "in")
    found = scan([archive])
    (stack,) = stacks_of(found.frames)
    assert {frame.path for frame in stack.frames} == {str(archive)}
    assert np.array_equal(read_stack(stack).array[:, ::-1], ramp(SHAPE))
    assert sorted(tmp_path.iterdir()) == [archive]


def test_archives_within_folders_are_read(tmp_path: Path, series: list[Path]):
    zip_files(tmp_path / "in" / "more.zip", {"IM1": series[0], "notes.txt": b"text"})
    found = scan([tmp_path])
    assert len(found.frames) == 5
    assert set(reasons(found).values()) == {1}
    assert any("copy" in reason for reason in reasons(found))


def test_members_that_lead_out_of_an_archive_are_refused(tmp_path: Path, series: list[Path]):
    found = scan([zip_slip(tmp_path / "slip.zip", series[0])])
    assert not found.frames
    assert reasons(found) == {"leads out of the archive, which a PACS export does not": 4}


def test_zip_bombs_are_not_unpacked(tmp_path: Path):
    found = scan([zip_bomb(tmp_path / "bomb.zip", size=2**27 + 2**22)])
    assert only_reason(found) == "would grow to 138 MB, which no image does"


def test_encrypted_archives_are_named(tmp_path: Path, series: list[Path]):
    found = scan([mark_encrypted(zip_files(tmp_path / "in.zip", series))])
    assert reasons(found) == {"is encrypted: unpack the archive with its password first": 5}


def test_archives_within_archives_are_named(tmp_path: Path, series: list[Path]):
    inner = zip_files(tmp_path / "inner.zip", series)
    found = scan([zip_files(tmp_path / "outer.zip", [inner, series[0]])])
    assert len(found.frames) == 1
    assert only_reason(found) == "is an archive within an archive: unpack it first"


@pytest.mark.parametrize("name", ["", ".", "/", "a\\b", "ä"])
def test_odd_names_in_archives_are_no_error(tmp_path: Path, series: list[Path], name: str):
    archive = tmp_path / "in.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr(zipfile.ZipInfo(name), series[0].read_bytes())
    scan([archive])


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_damaged_archives_are_named(tmp_path: Path, series: list[Path], method: int):
    archive = tmp_path / "in.zip"
    with zipfile.ZipFile(archive, "w", method) as packed:
        packed.write(series[0], "one.dcm")
        packed.write(series[1], "two.dcm")
    content = archive.read_bytes()
    for at in range(0, len(content), 7):
        flipped = bytearray(content)
        flipped[at] ^= 0xFF
        for damaged in (content[:at], bytes(flipped)):
            archive.write_bytes(damaged)
            found = scan([archive])
            for stack in stacks_of(found.frames):
                try:
                    read_stack(stack)
                except FileFormatError as error:
                    shown = str(error)
                    assert "series 5" in shown
                    assert not [part for part in STUDY.identity if part in shown]


# --- hash ---


def test_the_hash_of_a_source_changes_with_its_files(series: list[Path]):
    frames = scan([series[0].parent]).frames
    before = source_hash(frames)
    assert source_hash(frames) == before
    assert source_hash(frames[1:]) != before
    os.utime(series[0], (1, 1))
    assert source_hash(frames) != before
