"""Files as a whole: written completely or not at all, hashed, removed; JSON."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from lpm_segmentator.core.errors import FileFormatError, OutputError, Remedy

__all__ = [
    "atomic_path",
    "file_sha256",
    "file_stamp",
    "output_error",
    "read_json",
    "remove_file",
    "remove_leftovers",
    "set_paths",
    "to_json",
    "write_json",
    "write_text",
]


#: what `atomic_path` puts before a name while the file is not whole
_TEMPORARY = re.compile(r"\.[0-9a-f]{8}\..+")
_MOST_DIGITS = 20


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary name beside `path`, and rename it to `path` when the block ends well.

    Whoever looks sees the old file or the new one, never half of one. If the block fails the
    temporary file is removed and `path` is as it was. Missing parent folders are made.

    Parameters
    ----------
    path : path-like
        The file to write.

    Yields
    ------
    Path
        A name in the same folder with the same suffixes, for the block to write to.

    Raises
    ------
    OutputError
        If the system refuses: a read-only folder, a full disk, a folder of that name.
    """
    target = Path(path)
    # The token comes first so that suffixes, from which writers take the format, stay.
    temporary = target.with_name(f".{secrets.token_hex(4)}.{target.name}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(target)
    except OSError as error:
        raise output_error(target, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def output_error(path: Path, error: OSError) -> OutputError:
    """Return the error about a file that the system refuses to write."""
    return OutputError(
        f"cannot be written ({error.strerror or error})",
        where=path,
        hint="Choose another folder, or free disk space and check permissions",
        remedy=Remedy.OUTPUT,
    )


def remove_file(path: str | os.PathLike[str]) -> None:
    """Remove a file that an earlier run left, if it is there.

    Raises
    ------
    OutputError
        If the system refuses.
    """
    try:
        Path(path).unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"this file of an earlier run cannot be removed ({error.strerror or error})",
            where=path,
            hint="Choose another folder, or close the file and check permissions",
            remedy=Remedy.OUTPUT,
        ) from error


def remove_leftovers(folder: str | os.PathLike[str]) -> None:
    """Remove the temporary files that a killed process left in a folder, if it exists.

    Only for a folder that no other process writes to.
    """
    with suppress(OSError):
        for path in Path(folder).iterdir():
            if _TEMPORARY.fullmatch(path.name) and path.is_file():
                path.unlink(missing_ok=True)


def write_text(text: str, path: str | os.PathLike[str]) -> None:
    """Write text as UTF-8, whole or not at all.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read JSON, with or without a byte order mark.

    Raises
    ------
    FileFormatError
        If the file cannot be read or is not JSON.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        values = json.loads(text, parse_int=_whole_number)
        if "\\ud" in text.lower():
            _encodable(values)
        return values
    except OSError as error:
        raise FileFormatError(f"cannot be read ({error.strerror or error})", where=path) from error
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"cannot be read as JSON ({error})", where=path) from error


def set_paths(options: object, *names: str) -> None:
    """Make paths of texts in fields of a frozen dataclass, in its ``__post_init__``.

    Parameters
    ----------
    options : object
    *names : str
        Fields that hold a path, a text or None.
    """
    for name in names:
        value = getattr(options, name)
        if value is not None:
            object.__setattr__(options, name, Path(value))


def _whole_number(text: str) -> int:
    """Return an integer that fits into 64 bits: larger ones are no number of a record or image."""
    if len(text) > _MOST_DIGITS or not -(2**63) <= int(text) < 2**64:
        raise ValueError(f"the number {text[:_MOST_DIGITS]} is too large")
    return int(text)


def _encodable(values: Any) -> None:
    """Refuse halves of characters, which can be written as JSON but not as text."""
    json.dumps(values, ensure_ascii=False).encode()


def file_sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's content in hex.

    Raises
    ------
    FileFormatError
        If the file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with Path(path).open("rb") as file:
            while chunk := file.read(2**20):
                digest.update(chunk)
    except OSError as error:
        raise FileFormatError(f"cannot be read ({error.strerror or error})", where=path) from error
    return digest.hexdigest()


def file_stamp(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Return size and time of a file, which tell whether it has changed; -1 if it is not there."""
    try:
        stat = Path(path).stat()
    except OSError:
        return -1, -1
    return stat.st_size, stat.st_mtime_ns


def write_json(data: object, path: str | os.PathLike[str]) -> None:
    """Write JSON, whole or not at all.

    Dataclasses become objects, enums their values, arrays lists, paths strings; nan and infinity,
    which JSON does not know, become null.

    Raises
    ------
    OutputError
        If the file cannot be written.
    TypeError
        If `data` holds something else that JSON cannot.
    """
    write_text(to_json(data) + "\n", path)


def to_json(data: object) -> str:
    """Return the text that `write_json` writes.

    Raises
    ------
    TypeError
        If `data` holds something that JSON cannot.
    """
    return json.dumps(_plain(data), indent=2, ensure_ascii=False, allow_nan=False)


def _plain(value: object) -> Any:
    """Return the value in the types that JSON knows."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value, key=repr) if isinstance(value, (set, frozenset)) else value
        return [_plain(item) for item in items]
    return _plain_scalar(value)


def _plain_scalar(value: object) -> Any:
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
