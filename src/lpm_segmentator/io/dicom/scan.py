"""Find the DICOM images among files, folders and zip archives; only headers are read."""

from __future__ import annotations

import hashlib
import os
import stat
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from lpm_segmentator.core.errors import FileFormatError, MissingExtraError
from lpm_segmentator.io.dicom.cache import ScanCache
from lpm_segmentator.io.dicom.content import ARCHIVE_ERRORS
from lpm_segmentator.io.dicom.dataset import load, reading
from lpm_segmentator.io.dicom.elements import (
    HARMLESS_BYTES,
    MOST_GROWTH,
    NotDicomError,
    OtherFormatError,
)
from lpm_segmentator.io.dicom.header import Frame, HeaderReader

__all__ = ["DICOMDIR", "Scan", "Skipped", "require_pydicom", "scan", "source_hash"]

#: name of the list of files on a disc, in any case
DICOMDIR = "DICOMDIR"
_ZIP = b"PK\x03\x04"
_LARGEST_MEMBER = 2**32
#: files of another format are counted; so many of them are named
_NAMED = 5

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Skipped:
    """Files that were left out for one reason.

    Attributes
    ----------
    reason : str
    paths : tuple of str
        All of them, or for files of another format the first few.
    count : int
    is_dicom : bool
        Whether they are DICOM files, or may be; not so for files of another format.
    """

    reason: str
    paths: tuple[str, ...]
    count: int
    is_dicom: bool = True


@dataclass(frozen=True)
class Scan:
    """The DICOM images among some inputs.

    Attributes
    ----------
    frames : tuple of Frame
        Slices, in the order of their files. DICOM files that hold no image (reports, presentation
        states) give one each, with 0 rows.
    skipped : tuple of Skipped
        What was left out, and why.
    n_files : int
        Files that were looked at.
    """

    frames: tuple[Frame, ...]
    skipped: tuple[Skipped, ...]
    n_files: int


@dataclass
class _Findings:
    """What was found so far."""

    reader: HeaderReader = field(default_factory=HeaderReader)
    frames: list[Frame] = field(default_factory=list)
    skipped: dict[tuple[str, bool], list[str]] = field(default_factory=dict)
    counts: Counter[tuple[str, bool]] = field(default_factory=Counter)
    seen: set[tuple[object, ...]] = field(default_factory=set)
    n_files: int = 0
    progress: Progress | None = None

    def look(self) -> None:
        """Count a file."""
        self.n_files += 1
        if self.progress is not None:
            self.progress(self.n_files)

    def skip(self, reason: str, path: str, *, is_dicom: bool = True) -> None:
        key = reason, is_dicom
        self.counts[key] += 1
        named = self.skipped.setdefault(key, [])
        if is_dicom or len(named) < _NAMED:
            named.append(path)

    def skip_unreadable(self, error: NotDicomError, path: str) -> None:
        self.skip(str(error), path, is_dicom=not isinstance(error, OtherFormatError))


def scan(
    inputs: Iterable[str | os.PathLike[str]],
    *,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Scan:
    """Read the headers of all DICOM files among the inputs.

    Parameters
    ----------
    inputs : iterable of path-like
        Files with or without suffix, folders of any depth, zip archives, a ``DICOMDIR`` (which
        stands for its folder). Archives are read where they are: nothing is unpacked to disk.
    cache : Path, optional
        Folder that keeps the headers of DICOM files in folders, without identities. Of these, files
        that are as they were are not read again; archives and files of other formats are.
    progress : callable, optional
        Called with the number of files so far.

    Raises
    ------
    FileFormatError
        If an input does not exist.
    MissingExtraError
        If pydicom is not installed.
    """
    require_pydicom()
    found = _Findings(progress=progress)
    for given in map(Path, inputs):
        if not given.exists():
            raise FileFormatError(
                "there is no such file or folder", where=given, hint="Check the path"
            )
        root = given.parent if given.name.upper() == DICOMDIR else given
        with ScanCache.at(cache, root) as known:
            for path in _files(root, found):
                found.look()
                _read_file(path, found, known)
    skipped = tuple(
        Skipped(reason, tuple(paths), found.counts[reason, is_dicom], is_dicom)
        for (reason, is_dicom), paths in found.skipped.items()
    )
    return Scan(tuple(found.frames), skipped, found.n_files)


def require_pydicom() -> None:
    """Check that pydicom is installed.

    Raises
    ------
    MissingExtraError
        If it is not.
    """
    try:
        import pydicom  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("reading DICOM", extra="dicom") from error


def _files(root: Path, found: _Findings) -> Iterator[Path]:
    if root.is_file():
        yield root
        return

    def report(error: OSError) -> None:
        found.skip(f"cannot be read ({error.strerror or error})", str(error.filename))

    for folder, subfolders, names in os.walk(root, onerror=report):
        subfolders[:] = sorted(name for name in subfolders if not _is_system_file(name))
        for name in sorted(names):
            if not _is_system_file(name):
                yield Path(folder) / name


def _is_system_file(name: str) -> bool:
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")


def _read_file(path: Path, found: _Findings, known: ScanCache) -> None:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # to open a pipe would wait for whoever writes to it
            found.skip("is no regular file", str(path))
            return
        stamp = (status.st_size, status.st_mtime_ns)
        frames = known.get(path, stamp)
        if frames is None:
            with path.open("rb") as stream:
                if path.name.upper() == DICOMDIR:
                    _check_directory(path, found)
                    return
                if stream.read(len(_ZIP)) == _ZIP:
                    _read_archive(path, found)
                    return
                stream.seek(0)
                frames = tuple(found.reader.frames(stream, str(path)))
            known.put(path, stamp, frames)
    except NotDicomError as error:
        found.skip_unreadable(error, str(path))
    except OSError as error:
        found.skip(f"cannot be read ({error.strerror or error})", str(path))
    else:
        _add(frames, str(path), found)


def _add(frames: Iterable[Frame], path: str, found: _Findings) -> None:
    """Add the frames of a file; a second copy of it is left out."""
    for frame in frames:
        # Some programs that remove identities give all slices one UID, hence place and number.
        key = (frame.sop, frame.index, frame.tags.series, frame.position_mm, frame.instance)
        if frame.sop and key in found.seen:
            found.skip("is a copy of another file (the SOP instance UID is equal)", path)
            return
        found.seen.add(key)
        found.frames.append(frame)


def _read_archive(path: Path, found: _Findings) -> None:
    """Read the headers of an archive's members."""
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                name = PurePosixPath(member.filename).name
                if (
                    member.filename.endswith("/")
                    or _is_system_file(name)
                    or name.upper() == DICOMDIR
                ):
                    continue
                found.look()
                shown = f"{path}/{member.filename}"
                if reason := _unsafe(member):
                    found.skip(reason, shown)
                else:
                    _read_member(archive, member, path, found)
    except ARCHIVE_ERRORS as error:
        found.skip(f"the archive cannot be read ({error}); download or copy it again", str(path))


def _unsafe(member: zipfile.ZipInfo) -> str:
    """Return why a member of an archive is not read; empty if it is."""
    name = PurePosixPath(member.filename.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts or ":" in "".join(name.parts[:1]):
        return "leads out of the archive, which a PACS export does not"
    if member.flag_bits & 1:
        return "is encrypted: unpack the archive with its password first"
    growth = member.file_size / max(1, member.compress_size)
    if member.file_size > _LARGEST_MEMBER or (
        member.file_size > HARMLESS_BYTES and growth > MOST_GROWTH
    ):
        return f"would grow to {member.file_size / 1e6:.0f} MB, which no image does"
    return ""


def _read_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, found: _Findings
) -> None:
    shown = f"{path}/{member.filename}"
    try:
        with archive.open(member) as stream:
            if stream.read(len(_ZIP)) == _ZIP:
                found.skip("is an archive within an archive: unpack it first", shown)
                return
            stream.seek(0)
            frames = tuple(found.reader.frames(stream, str(path), member.filename))
    except NotDicomError as error:
        found.skip_unreadable(error, shown)
    except ARCHIVE_ERRORS as error:
        found.skip(f"cannot be unpacked ({error})", shown)
    else:
        _add(frames, shown, found)


def _check_directory(path: Path, found: _Findings) -> None:
    """Report the files that a ``DICOMDIR`` names and that are not there."""
    try:
        with reading(), path.open("rb") as stream:
            records = load(stream, "", pixels=False).get("DirectoryRecordSequence")
            if records is None:
                raise NotDicomError("it is damaged: its list of files is missing")
            named = [record.get("ReferencedFileID") for record in records]
            paths = [n if isinstance(n, str) else "/".join(n) for n in named if n]
    except NotDicomError as error:
        found.skip(f"the directory cannot be read ({error}); the files were searched", str(path))
        return
    for name in paths:
        if not any((path.parent / spelling).exists() for spelling in (name, name.lower())):
            found.skip("is named in the DICOMDIR and missing", str(path.parent / name))


def source_hash(frames: Iterable[Frame]) -> str:
    """Return a hash of the files behind some frames: of their instances, sizes and times."""
    digest = hashlib.sha256()
    stamps: dict[str, str] = {}
    for frame in frames:
        if frame.path not in stamps:
            status = Path(frame.path).stat()
            stamps[frame.path] = f"{status.st_size} {status.st_mtime_ns}"
        digest.update(f"{frame.sop} {frame.index} {stamps[frame.path]}\n".encode())
    return digest.hexdigest()
