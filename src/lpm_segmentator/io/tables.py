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
from lpm_segmentator.dataframes import require_pandas
from lpm_segmentator.io.row_spool import RowSpool

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "DiscTable",
    "SliceEnd",
    "SliceRange",
    "lookup",
    "no_row",
    "read_disc_table",
    "read_slice_table",
    "read_table",
    "write_table",
]

SliceEnd = Literal["inclusive", "exclusive"]
DiscTable = Mapping[str, Mapping[str, int]]
"""Slices by disc, by case."""

_COLUMNS = ("pid", "slice_start", "slice_stop")
_ID_COLUMNS = ("case", "pid", "subject")
#: digits that a number would not keep
_LEADING_ZERO = r"[+-]?0\d"


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
        A CSV (comma, semicolon or tab) with the columns ``pid``, ``slice_start`` and
        ``slice_stop``; others are ignored, and so are empty rows.
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
        case = (row["pid"] or "").strip()
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


def _rows(path: Path, required: Sequence[str] = _COLUMNS) -> list[tuple[int, dict[str, str]]]:
    """Return line number and fields of each row, checked for the columns."""
    text = _text(path)
    delimiter, skipped = _layout(text)
    reader = csv.DictReader(text.splitlines()[skipped:], delimiter=delimiter)
    try:
        columns = [(name or "").strip() for name in reader.fieldnames or ()]
        reader.fieldnames = columns
        _check_columns(columns, required, path)
        rows = [
            (reader.line_num + skipped, row)
            for row in reader
            if any(isinstance(value, str) and value.strip() for value in row.values())
        ]
    except csv.Error as error:
        raise TableError(f"cannot be read as CSV ({error})", where=path) from error
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


def _layout(text: str) -> tuple[str, int]:
    """Return what separates the columns, and how many lines precede the names.

    Spreadsheets separate by comma, semicolon (where the comma is a decimal sign) or tab, and may
    announce it in a first line such as ``sep=;``.
    """
    first, _, rest = text.partition("\n")
    if first.strip().lower().startswith("sep="):
        return first.strip()[len("sep=") :][:1] or _layout(rest)[0], 1
    return max(",;\t", key=first.count), 0


def _check_columns(columns: Sequence[str], required: Sequence[str], where: object) -> None:
    missing = [name for name in required if name not in columns]
    if missing:
        raise TableError(
            f"the columns {', '.join(missing)} are missing; the table has {', '.join(columns)}",
            where=where,
            hint=f"The table needs the columns {', '.join(required)}",
        )


def read_disc_table(path: str | os.PathLike[str], discs: Sequence[str]) -> DiscTable | None:
    """Read which slice of each case shows which disc.

    Parameters
    ----------
    path : path-like
        A table with the column ``pid`` and one column a disc, such as ``L4-L5``; empty cells are
        discs that are not known.
    discs : sequence of str
        Names of the discs.

    Returns
    -------
    mapping of str to mapping of str to int, or None
        Slices by disc, by case; None if the table has no column of a disc.

    Raises
    ------
    TableError
        If the file cannot be read, lacks the ``pid``, has a case twice, or holds a slice that is no
        whole number of at least 0.
    """
    text = _text(Path(path))
    delimiter, skipped = _layout(text)
    header = next(csv.reader(text.splitlines()[skipped:], delimiter=delimiter), [])
    columns = [name for name in map(str.strip, header) if name in discs]
    if not columns:
        return None
    table: dict[str, dict[str, int]] = {}
    for line, row in _rows(Path(path), required=("pid",)):
        where = f"{path}, line {line}"
        case = (row["pid"] or "").strip()
        if not case or case in table:
            what = f"the case {case!r} is listed twice" if case else "the pid is empty"
            raise TableError(what, where=where)
        table[case] = {
            name: _whole(row[name], name, where) for name in columns if (row[name] or "").strip()
        }
        if min(table[case].values(), default=0) < 0:
            raise TableError("slices count from 0", where=where)
    return table


def _whole(text: str | None, column: str, where: str) -> int:
    try:
        value = float(text or "")
        if value == int(value):
            return int(value)
    except (ValueError, OverflowError):
        pass
    raise TableError(f"{column} must be a whole number, got {text!r}", where=where)


def lookup(table: Sequence[SliceRange], case: str) -> SliceRange:
    """Return the range of a case; ids must be equal, not similar.

    Raises
    ------
    TableError
        If the case is not in the table; the message lists similar ids.
    """
    for entry in table:
        if entry.case == case:
            return entry
    raise no_row(case, [entry.case for entry in table])


def no_row(case: str, ids: Sequence[str], *, table: str = "slice table") -> TableError:
    """Return the error about a case that is not in a table, with the ids that are similar."""
    similar = difflib.get_close_matches(case, ids, n=3, cutoff=0.5)
    hint = "The pid column must hold the file name without .nii.gz"
    if similar:
        hint = f"Similar are {', '.join(map(repr, similar))}. {hint}"
    return TableError(f"the {table} has no row for the case {case!r}", hint=hint)


def read_table(path: str | os.PathLike[str], *, required: Sequence[str] = ()) -> pd.DataFrame:
    """Read a CSV of results; identifiers stay text.

    The columns ``case``, ``pid`` and ``subject`` are text, and so is any other whose values would
    not survive as numbers, such as ``012``. Columns are separated by comma, semicolon or tab; empty
    rows are left out.

    Parameters
    ----------
    path : path-like
    required : sequence of str
        Columns that must be there.

    Raises
    ------
    TableError
        If the file cannot be read, is empty or lacks columns.
    MissingExtraError
        If pandas is not installed.
    """
    import io

    require_pandas("reading tables of values")
    import pandas as pd

    text = _text(Path(path))
    if not text.strip():
        raise TableError("the table is empty", where=path)
    delimiter, skipped = _layout(text)
    try:
        table = pd.read_csv(io.StringIO(text), dtype=str, sep=delimiter, skiprows=skipped)
    except ValueError as error:
        raise TableError(f"cannot be read as CSV ({error})", where=path) from error
    table.columns = [str(name).strip() for name in table.columns]
    is_text = table.apply(lambda column: column.str.strip().fillna("") != "")
    table = table.loc[is_text.any(axis=1)].reset_index(drop=True)
    _check_columns(list(table.columns), required, path)
    if table.empty:
        raise TableError("the table has no rows", where=path)
    typed: pd.DataFrame = table.apply(_typed, decimal="," if delimiter == ";" else ".")
    return typed


def _typed(column: pd.Series[Any], *, decimal: str) -> pd.Series[Any]:
    """Return a column as numbers if it is one of numbers, not of identifiers."""
    import pandas as pd

    if column.name in _ID_COLUMNS or column.str.strip().str.match(_LEADING_ZERO).any():
        return column
    try:
        return pd.to_numeric(column.str.replace(decimal, ".", regex=False))
    except ValueError:
        return column


def write_table(
    rows: Iterable[Mapping[str, Any]], path: str | os.PathLike[str], *, digits: int | None = 6
) -> None:
    """Write a CSV, whole or not at all; undefined values are written as ``nan``.

    Parameters
    ----------
    rows : iterable of mappings
        Columns come in the order in which they first appear.
    path : path-like
    digits : int, optional
        Significant digits of numbers; None writes all.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    with RowSpool(Path(path), digits) as spool:
        spool.add(rows)
        spool.write()
