"""Extract zip files from untrusted sources."""

from __future__ import annotations

import lzma
import stat
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from lpm_segmentator.core import ModelError

__all__ = ["extract_zip"]

_MAX_ENTRIES = 20_000
_MAX_BYTES = 20 * 2**30
# Network weights hardly compress. Small archives may still expand a lot (JSON, zeros).
_MAX_RATIO = 50
_ALWAYS_ALLOWED_BYTES = 100 * 2**20
_CHUNK = 2**20
_ENCRYPTED = 0x1
_DAMAGED = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    EOFError,
    NotImplementedError,
    lzma.LZMAError,
    zlib.error,
)


def extract_zip(
    archive: Path, target: Path, *, wanted: Callable[[PurePosixPath], bool] | None = None
) -> list[Path]:
    """Extract a zip file into an empty folder.

    All entries are checked before the first is written; an archive with one unsafe entry is refused
    as a whole.

    Parameters
    ----------
    archive : Path
        The zip file.
    target : Path
        An existing folder. The caller removes it when this function raises.
    wanted : callable, optional
        Given an entry's path, whether to write it (all are checked); by default all are written.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    ModelError
        If the file is not a zip, damaged or encrypted, has entries outside its folder, links or
        other special files, or would expand out of proportion.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            _check_size(entries, archive)
            paths = [_checked_path(entry, archive) for entry in entries]
            return [
                _write(opened, entry, target / path)
                for entry, path in zip(entries, paths, strict=True)
                if not entry.is_dir() and (wanted is None or wanted(path))
            ]
    except _DAMAGED as error:
        raise ModelError(
            f"is damaged or not a zip file ({error})",
            where=archive,
            hint="The download may be incomplete: try it again",
        ) from error
    except FileExistsError as error:
        raise ModelError(
            f"refused: two entries have the same name ({error.filename})", where=archive
        ) from error
    except (RuntimeError, ValueError) as error:  # raised by zipfile for unusual entries
        raise ModelError(f"cannot be extracted ({error})", where=archive) from error


def _check_size(entries: Sequence[zipfile.ZipInfo], archive: Path) -> None:
    total = sum(entry.file_size for entry in entries)
    limit = min(_MAX_BYTES, max(_ALWAYS_ALLOWED_BYTES, _MAX_RATIO * archive.stat().st_size))
    if len(entries) > _MAX_ENTRIES or total > limit:
        raise ModelError(
            f"refused: {len(entries)} entries that expand to {total / 2**20:.0f} MB; the limits "
            f"for a file of this size are {_MAX_ENTRIES} entries and {limit / 2**20:.0f} MB",
            where=archive,
            hint="If you trust the file, extract it and install the folder",
        )


def _checked_path(entry: zipfile.ZipInfo, archive: Path) -> PurePosixPath:
    """Return the path of an entry relative to the target.

    Raises
    ------
    ModelError
        If the entry is unsafe.
    """
    name = entry.filename.replace("\\", "/")
    path = PurePosixPath(name)
    mode = entry.external_attr >> 16
    kind = stat.S_IFMT(mode)
    problem = None
    if path.is_absolute() or PureWindowsPath(name).drive or ":" in name:
        problem = "an absolute path"
    elif ".." in path.parts:
        problem = "a path outside its folder"
    elif not path.parts or any(ord(c) < 32 for c in name):
        problem = "an unusable name"
    elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        problem = "a link or special file"
    elif entry.flag_bits & _ENCRYPTED:
        problem = "an encrypted entry"
    if problem:
        raise ModelError(
            f"refused: the archive holds {problem}: {entry.filename!r}",
            where=archive,
            hint="Nothing was extracted. Ask the sender for a plain zip of the model's folder",
        )
    return path


def _write(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, destination: Path) -> Path:
    destination.parent.mkdir(parents=True, exist_ok=True)
    # "x": two entries of one name would overwrite each other.
    with opened.open(entry) as source, destination.open("xb") as sink:
        written = 0
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > entry.file_size:
                raise zipfile.BadZipFile(f"{entry.filename} is larger than declared")
            sink.write(chunk)
    return destination
