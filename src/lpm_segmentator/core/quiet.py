"""Keep other packages' messages from the terminal where what matters is checked here."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet", "quiet_log"]


@contextmanager
def quiet_log(logger: str, level: int = logging.CRITICAL) -> Iterator[None]:
    """Let a logger say only what is of a level; its own level is restored afterwards.

    Parameters
    ----------
    logger : str
        Its name.
    level : int
        As in `logging`.
    """
    named = logging.getLogger(logger)
    before = named.level
    named.setLevel(level)
    try:
        yield
    finally:
        named.setLevel(before)


@contextmanager
def quiet(logger: str, level: int = logging.CRITICAL) -> Iterator[None]:
    """Do as `quiet_log`, and leave out warnings.

    Parameters
    ----------
    logger, level
        As of `quiet_log`.
    """
    with quiet_log(logger, level), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
