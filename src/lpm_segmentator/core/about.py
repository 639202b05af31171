"""What an error is about, said by those who know it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lpm_segmentator.core.errors import LpmError

__all__ = ["about"]


@contextmanager
def about(where: object) -> Iterator[None]:
    """Name what the errors within are about, where they do not say so themselves.

    Parameters
    ----------
    where : object
        The file or the case, as a message shows it.
    """
    try:
        yield
    except LpmError as error:
        error.where = error.where or str(where)
        raise
