"""One run at a time in an output folder."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lpm_segmentator.core import OutputError, Remedy
from lpm_segmentator.study.layout import StudyFolder

__all__ = ["run_lock"]

logger = logging.getLogger(__name__)


@contextmanager
def run_lock(out: Path) -> Iterator[None]:
    """Hold an output folder for one run; the system releases it when the process ends.

    Where the file system has no locks, a warning says that other runs are not noticed.

    Raises
    ------
    OutputError
        If another run holds it.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(StudyFolder(out).lock, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise OutputError(
            "another run is writing to this folder",
            where=out,
            hint="Wait until it has ended, or choose another folder",
            remedy=Remedy.OUTPUT,
        ) from error
    except (OSError, NotImplementedError) as error:
        logger.warning(
            "%s: the folder cannot be locked (%s). Make sure that no other run writes to it",
            out,
            error,
        )
    try:
        yield
    finally:
        lock.release()  # does nothing if it was not acquired
