"""Rows of a table that are kept on disk until the table is whole."""

from __future__ import annotations

import csv
import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from lpm_segmentator.io.files import atomic_path, output_error, remove_file

__all__ = ["RowSpool"]

_UNDEFINED = "nan"


class RowSpool:
    """The rows of a CSV, added bit by bit; memory does not grow with them.

    Undefined numbers are written as ``nan``.

    A context manager: its temporary file, beside the table, exists as long as the block.

    Parameters
    ----------
    path : Path
        The table.
    digits : int, optional
        Significant digits of numbers; None writes all.
    """

    def __init__(self, path: Path, digits: int | None = 6) -> None:
        self.path = path
        self._digits = digits
        self._columns: dict[str, None] = {}
        self._stack = ExitStack()
        self._file: IO[str] | None = None
        self._has_grown = False

    def __enter__(self) -> RowSpool:
        """Return the spool."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Remove the temporary file."""
        self._stack.close()

    @property
    def is_empty(self) -> bool:
        """Whether there is no row."""
        return self._file is None

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows; columns come in the order in which they first appear.

        Raises
        ------
        OutputError
            If the disk refuses.
        """
        try:
            for row in rows:
                if self._file is None:
                    self._file = self._stack.enter_context(_temporary(self.path.parent))
                if row.keys() - self._columns.keys():
                    self._has_grown = bool(self._columns)
                    self._columns |= dict.fromkeys(row)
                values = (_text(row.get(name), self._digits) for name in self._columns)
                _writer(self._file).writerow(values)
        except OSError as error:
            raise output_error(self.path, error) from error

    def write(self) -> None:
        """Write the table, whole or not at all; without rows, remove an older one.

        Raises
        ------
        OutputError
            If it cannot be written or removed.
        """
        if self._file is None:
            remove_file(self.path)
            return
        with (
            atomic_path(self.path) as temporary,
            temporary.open("w", encoding="utf-8", newline="") as table,
        ):
            self._file.seek(0)
            _writer(table).writerow(self._columns)
            if self._has_grown:
                _writer(table).writerows(self._padded(self._file))
            else:
                for line in self._file:
                    table.write(line)

    def _padded(self, file: IO[str]) -> Iterator[list[str]]:
        """Yield the rows, those that lack the columns of later ones with undefined values."""
        for row in csv.reader(file):
            yield row + [_UNDEFINED] * (len(self._columns) - len(row))


def _temporary(folder: Path) -> AbstractContextManager[IO[str]]:
    folder.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryFile("w+", encoding="utf-8", newline="", dir=folder)


def _writer(file: IO[str]) -> Any:
    return csv.writer(file, lineterminator="\n")


def _text(value: Any, digits: int | None) -> Any:
    if value is None:
        return _UNDEFINED
    if not isinstance(value, float):  # numpy's float64 is one
        return value
    if math.isnan(value):
        return _UNDEFINED
    if digits is None:
        return float(value)
    # All digits before the point are kept.
    text = f"{value:.{max(digits, len(f'{abs(value):.0f}'))}g}"
    return text if math.isinf(value) or any(c in text for c in ".e") else f"{text}.0"
