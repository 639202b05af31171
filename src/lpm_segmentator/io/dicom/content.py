"""The bytes of a DICOM file, in a folder or an archive."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from lpm_segmentator.io.dicom.elements import NotDicomError
from lpm_segmentator.io.dicom.header import Frame
from lpm_segmentator.io.nifti.container import DICOM_START, is_dicom_start

__all__ = ["ARCHIVE_ERRORS", "archive_holds_dicom", "content_of", "file_name", "open_archives"]

#: what a damaged archive, or one of an unknown kind, raises
ARCHIVE_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, OSError,
                  EOFError, ValueError, RuntimeError)  # fmt: skip
_MOST_MEMBERS_READ = 200


@contextmanager
def open_archives() -> Iterator[dict[str, zipfile.ZipFile]]:
    """Keep the archives that `content_of` opens, by path, and close them at the end."""
    archives: dict[str, zipfile.ZipFile] = {}
    try:
        yield archives
    finally:
        for archive in archives.values():
            archive.close()


def content_of(frame: Frame, archives: dict[str, zipfile.ZipFile]) -> bytes:
    """Return the bytes of the file of a slice.

    Parameters
    ----------
    frame : Frame
    archives : dict of str to ZipFile
        Archives that are open, by path; one that is not is opened and added.

    Raises
    ------
    NotDicomError
        If the file cannot be read any more. The reason names no folder and no member of an
        archive: these are often named after the patient.
    """
    try:
        if not frame.member:
            return Path(frame.path).read_bytes()
        if frame.path not in archives:
            archives[frame.path] = zipfile.ZipFile(frame.path)
        return archives[frame.path].read(frame.member)
    except (KeyError, *ARCHIVE_ERRORS) as error:
        why = getattr(error, "strerror", None) or "it is damaged, or not in the archive any more"
        raise NotDicomError(why) from error


def archive_holds_dicom(path: Path) -> bool:
    """Return whether one of the first files in a zip archive begins like one of DICOM."""
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist()[:_MOST_MEMBERS_READ]:
                with archive.open(member) as stream:
                    if is_dicom_start(stream.read(DICOM_START)):
                        return True
    except ARCHIVE_ERRORS:
        return False
    return False


def file_name(frame: Frame) -> str:
    """Return the name of the file of a slice without its folders."""
    return PurePosixPath(frame.member).name or Path(frame.path).name
