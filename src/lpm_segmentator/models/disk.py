"""Errors of the disk, as messages for the user."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lpm_segmentator.core import LpmError, OutputError

__all__ = ["disk_errors"]


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn an operating system error into an `OutputError`.

    Parameters
    ----------
    folder : Path
        Where files are written.

    Raises
    ------
    OutputError
        If a file cannot be read or written, or the disk is full.
    """
    try:
        yield
    except LpmError:
        raise
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        problem = f"cannot be read or written ({error.strerror or error})"
        raise OutputError(
            "the disk is full" if full else problem,
            where=folder if full else error.filename,
            hint="Nothing was changed. Set LPM_HOME to a writable folder with enough space",
        ) from error
