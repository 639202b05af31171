"""Read and write tables: slice ranges in, results out."""

from __future__ import annotations

import csv
import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lpm_segmentator.core.errors import TableError
from lpm_segmentator.io.files import atomic_path

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SliceEnd", "SliceRange", "lookup", "read_slice_table", "read_table", "write_table"]

SliceEnd = Literal["inclusive", "exclusive"]

_COLUMNS = ("pid", "slice_start", "slice_stop")


@dataclass(frozen=True)
class SliceRange:
    """The slices [start, stop) of a case along its slice axis."""

    case: str
    start: int
    stop: int


def read_slice_table(path: str | os.PathLike[str], *, end: SliceEnd) -> list[SliceRange]:
    """Read which slices to keep of each case.

    Parameters
    ----------
    path : path-like
        A CSV (comma or semicolon) with the columns ``pid``, ``slice_start`` and ``slice_stop``;
        others are ignored.
    end : {'inclusive', 'exclusive'}
        Whether ``slice_stop`` is the last slice to keep or the first to leave out. Tables do not
        say which, and both are in use.

    Returns
    -------
    list of SliceRange
        Half-open whatever `end` is; ids exactly as written.

    Raises
    ------
    TableError
        If the file cannot be read, lacks columns or rows, holds values that are not whole
        numbers, an empty range, or a case twice.
    """
    if end not in ("inclusive", "exclusive"):
        raise ValueError(f"end must be 'inclusive' or 'exclusive', got {end!r}")
    ranges: dict[str, SliceRange] = {}
    for line, row in _rows(Path(path)):
        case = row["pid"]
        where = f"{path}, line {line}"
        start = _whole(row["slice_start"], "slice_start", where)
        stop = _whole(row["slice_stop"], "slice_stop", where) + (end == "inclusive")
        if not case:
            raise TableError("the pid is empty", where=where)
        if case in ranges:
            raise TableError(f"the case {case!r} is listed twice", where=where)
        if not 0 <= start < stop:
            raise TableError(
                f"the range {row['slice_start']} to {row['slice_stop']} ({end} end) holds no slice",
                where=where,
                hint="Slices count from 0 and the start must lie below the stop",
            )
        ranges[case] = SliceRange(case, start, stop)
    return list(ranges.values())


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Return line number and fields of each row, checked for the columns."""
    text = _text(path)
    reader = csv.DictReader(text.splitlines(), delimiter=_delimiter(text))
    found = list(reader.fieldnames or ())
    missing = [name for name in _COLUMNS if name not in found]
    if missing:
        raise TableError(
            f"columns {missing} are missing; found are {found}",
            where=path,
            hint="A slice table needs the columns pid, slice_start and slice_stop",
        )
    rows = [(reader.line_num, row) for row in reader]
    if not rows:
        raise TableError("the table has no rows", where=path)
    return rows


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise TableError(f"cannot be read ({error.strerror})", where=path) from error
    except UnicodeDecodeError as error:
        hint = "Save the table as CSV in UTF-8"
        raise TableError("this is not a text file in UTF-8", where=path, hint=hint) from error


def _delimiter(text: str) -> str:
    """Return what separates columns: spreadsheets of half of Europe save semicolons."""
    return ";" if ";" in text.partition("\n")[0] else ","


def _whole(text: str | None, column: str, where: str) -> int:
    try:
        value = float(text or "")
        if value == int(value):
            return int(value)
    except (ValueError, OverflowError):
        pass
    raise TableError(f"{column} must be a whole number, got {text!r}", where=where)


def lookup(table: Sequence[SliceRange], case: str) -> SliceRange:
    """Return the range of a case; ids must be equal, not alike.

    Raises
    ------
    TableError
        If the case is not in the table; the message lists ids that look alike.
    """
    for entry in table:
        if entry.case == case:
            return entry
    ids = [entry.case for entry in table]
    near = difflib.get_close_matches(case, ids, n=3, cutoff=0.5)
    hint = "The pid column must hold the file name without .nii.gz"
    if near:
        hint = f"Near to it are {', '.join(map(repr, near))}. {hint}"
    raise TableError(f"the slice table has no row for the case {case!r}", hint=hint)


def read_table(path: str | os.PathLike[str], *, required: Sequence[str] = ()) -> pd.DataFrame:
    """Read a CSV of results; the columns ``case`` and ``pid`` are kept as text.

    Parameters
    ----------
    path : path-like
    required : sequence of str
        Columns that must be there.

    Raises
    ------
    TableError
        If the file cannot be read, is empty or lacks columns.
    """
    import io

    import pandas as pd

    text = _text(Path(path))
    if not text.strip():
        raise TableError("the table is empty", where=path)
    try:
        table = pd.read_csv(
            io.StringIO(text), dtype={"case": str, "pid": str}, sep=_delimiter(text)
        )
    except ValueError as error:
        raise TableError(f"cannot be read as CSV ({error})", where=path) from error
    missing = [name for name in required if name not in table.columns]
    if missing:
        found = [str(name) for name in table.columns]
        raise TableError(f"columns {missing} are missing; found are {found}", where=path)
    if table.empty:
        raise TableError("the table has no rows", where=path)
    return table


def write_table(
    table: pd.DataFrame | Iterable[Mapping[str, Any]], path: str | os.PathLike[str]
) -> None:
    """Write a CSV, whole or not at all; undefined values are written as ``nan``.

    Parameters
    ----------
    table : DataFrame or iterable of mappings
        A mapping per row; columns come in the order in which they first appear. The index of a
        DataFrame is not written.
    path : path-like

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    import pandas as pd

    frame = table if isinstance(table, pd.DataFrame) else pd.DataFrame(list(table))
    with atomic_path(path) as temporary:
        frame.to_csv(temporary, index=False, na_rep="nan", lineterminator="\n")
