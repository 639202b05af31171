"""Headers of DICOM files in folders, kept between runs: what did not change is not read again."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import msgspec

from lpm_segmentator.core.errors import OutputError
from lpm_segmentator.io.dicom.header import Frame, SeriesTags, Vector
from lpm_segmentator.io.files import atomic_path

if TYPE_CHECKING:  # in typing only from Python 3.11 on
    from typing_extensions import Self

__all__ = ["ScanCache"]

#: raised when the content of `SeriesTags`, `Frame` or the file changes its meaning
_VERSION = 3
Stamp = tuple[int, int]
#: a frame without its path: number of its tags, then index to time
_Row = tuple[int, int, str, int | None, Vector | None, float, float, float]
_Content = tuple[int, list[SeriesTags], dict[str, tuple[Stamp, list[_Row]]]]


class ScanCache:
    """The headers below one folder, as they were read before.

    The file holds hashes in place of patients' identifiers and of paths, which are taken from the
    folder on: however the folder is spelled, its files are known. A cache that cannot be
    read or written counts as empty: it only saves time.

    Parameters
    ----------
    path : Path or None
        The file; None keeps nothing.
    root : Path
        The folder.
    """

    def __init__(self, path: Path | None, root: Path) -> None:
        self._path = path
        self._root = root
        self._known: dict[str, tuple[Stamp, list[_Row]]] = {}
        self._tags: list[SeriesTags] = []
        self._kept: dict[str, tuple[Stamp, tuple[Frame, ...]]] = {}
        self._changed = False

    @classmethod
    def at(cls, folder: Path | None, root: Path) -> Self:
        """Return the cache of an input, filled where there is one on disk."""
        if folder is None or not root.is_dir():
            return cls(None, root)
        cache = cls(folder / f"{_hash(root.resolve())}.msgpack", root)
        cache._load()
        return cache

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._path is None or kind is not None:
            return
        if self._changed or len(self._kept) != len(self._known):
            self._save(self._path)

    def get(self, path: Path, stamp: Stamp) -> tuple[Frame, ...] | None:
        """Return the frames of a file with this size and time; None if they are not known."""
        if self._path is None:
            return None
        key = self._key(path)
        known = self._known.get(key)
        if known is None or known[0] != stamp:
            return None
        frames = tuple(Frame(self._tags[row[0]], str(path), "", *row[1:]) for row in known[1])
        self._kept[key] = stamp, frames
        return frames

    def put(self, path: Path, stamp: Stamp, frames: tuple[Frame, ...]) -> None:
        """Keep the frames of a file."""
        if self._path is not None:
            self._kept[self._key(path)] = stamp, frames
            self._changed = True

    def _key(self, path: Path) -> str:
        return _hash(path.relative_to(self._root))

    def _load(self) -> None:
        if self._path is None or not self._path.is_file():
            return
        try:
            version, tags, known = msgspec.msgpack.decode(self._path.read_bytes(), type=_Content)
        except (OSError, ValueError, msgspec.MsgspecError):
            return
        if version == _VERSION and all(
            0 <= row[0] < len(tags) for _, rows in known.values() for row in rows
        ):
            self._tags, self._known = tags, known

    def _save(self, path: Path) -> None:
        shared: dict[int, tuple[int, SeriesTags]] = {}
        files = {
            file: (stamp, [_row(frame, shared) for frame in frames])
            for file, (stamp, frames) in self._kept.items()
        }
        content = msgspec.msgpack.encode((_VERSION, [tags for _, tags in shared.values()], files))
        try:
            with atomic_path(path) as temporary:
                temporary.touch(mode=0o600)
                temporary.write_bytes(content)
        except OutputError:
            return


def _hash(path: Path) -> str:
    """Return a hash of a path, which may hold a patient's name, and characters that are no text."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:32]


def _row(frame: Frame, shared: dict[int, tuple[int, SeriesTags]]) -> _Row:
    # By identity: hashing 40 fields for each of 100,000 frames would take seconds.
    number, _ = shared.setdefault(id(frame.tags), (len(shared), frame.tags))
    return (number, frame.index, frame.sop, frame.instance, frame.position_mm, frame.slope,
            frame.intercept, frame.time_s)  # fmt: skip
