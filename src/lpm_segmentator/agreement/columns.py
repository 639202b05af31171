"""Checks and conversions of single columns, on the way from a table to pairs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lpm_segmentator.agreement.estimate import FloatArray
from lpm_segmentator.agreement.units import list_names
from lpm_segmentator.core.errors import AgreementError, Remedy, TableError

if TYPE_CHECKING:
    import pandas as pd

_LARGEST = 1e60
_MISSING = {"", "na", "n/a", "nan", "none", "null", "-", "--"}


def clean(table: pd.DataFrame) -> pd.DataFrame:
    """Copy a table and trim its column names.

    Parameters
    ----------
    table : DataFrame

    Returns
    -------
    DataFrame
        With an index from 0.

    Raises
    ------
    AgreementError
        If the table has no rows, or two columns of one name.
    """
    frame = table.copy()
    frame.columns = [str(c).strip().lstrip("\ufeff") for c in frame.columns]
    if frame.empty:
        raise AgreementError("the table has no rows", hint="Give one row per case")
    repeated = sorted({str(c) for c in frame.columns[frame.columns.duplicated()]})
    if repeated:
        raise AgreementError(
            f"the table has the columns {list_names(repeated)} more than once",
            hint="Rename or remove one of them",
        )
    return frame.reset_index(drop=True)


def require_columns(table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse a table that lacks a column.

    Parameters
    ----------
    table : DataFrame
    columns : sequence of str
        The columns that it must have.

    Raises
    ------
    TableError
        If one is missing; the message lists the columns that the table has.
    """
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise TableError(
            f"the table has no column {list_names(missing)}",
            hint=f"Its columns are {', '.join(map(str, table.columns))}",
        )


def find_column(frame: pd.DataFrame, given: str | None, usual: Sequence[str]) -> str | None:
    """Return the given column, or else the first of the usual ones that the table has.

    Parameters
    ----------
    frame : DataFrame
    given : str or None
        The user's choice.
    usual : sequence of str
        Names to look for otherwise, in lower case.

    Returns
    -------
    str or None
        None if the table has none of them.
    """
    if given is not None:
        return given
    by_lower = {str(c).lower(): str(c) for c in frame.columns}
    return next((by_lower[name] for name in usual if name in by_lower), None)


def as_text(values: pd.Series[str]) -> pd.Series[str]:
    """Return names as text: ids are never numbers.

    Text stays as it is, leading zeros included. Numbers lost their leading zeros before they came
    here; whole ones are written without a decimal point (a gap in a column of whole numbers turns
    them into floating-point numbers).

    Parameters
    ----------
    values : Series

    Returns
    -------
    Series of str
        Trimmed; missing values are "".
    """
    from pandas.api.types import is_float_dtype

    text = values.astype("float64").map(_without_point) if is_float_dtype(values) else values
    return text.astype(str).str.strip().mask(values.isna(), "")


def _without_point(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def warn_of_numeric_ids(frame: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """Return a note for each id column that was read as numbers.

    Parameters
    ----------
    frame : DataFrame
    columns : sequence of str
        Columns of ids.

    Returns
    -------
    list of str
    """
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    return [
        f"column {column} was read as numbers: ids that differ in leading zeros only, such as 12 "
        "and 012, are the same in it; read the column as text"
        for column in dict.fromkeys(columns)
        if is_numeric_dtype(frame[column]) and not is_bool_dtype(frame[column])
    ]


def case_names(frame: pd.DataFrame, column: str) -> pd.Series[str]:
    """Return the names of cases or subjects as text.

    Parameters
    ----------
    frame : DataFrame
    column : str

    Returns
    -------
    Series of str

    Raises
    ------
    AgreementError
        If one is missing; the message gives the row, counted from 1.
    """
    names = as_text(frame[column])
    missing = np.flatnonzero((names == "").to_numpy())
    if missing.size:
        raise AgreementError(
            f"column {column} is empty in row {list_names([str(i + 1) for i in missing])}",
            hint="Name every case",
        )
    return names


def refuse_duplicates(frame: pd.DataFrame, keys: list[str], what: str) -> None:
    """Refuse a table in which several rows have the same keys.

    Parameters
    ----------
    frame : DataFrame
    keys : list of str
        Columns that identify a row.
    what : str
        The measure or source that the rows belong to, for the message.

    Raises
    ------
    AgreementError
        If rows have the same keys.
    """
    repeated = frame.duplicated(keys, keep=False)
    if bool(repeated.any()):
        names = sorted({" ".join(map(str, row)) for row in frame.loc[repeated, keys].to_numpy()})
        raise AgreementError(
            f"{what}: there is more than one row of {list_names(names)}",
            hint="Keep one row per case, or add a column (muscle, side, level) that distinguishes "
            "the rows",
        )


def numbers(frame: pd.DataFrame, column: str, case: str) -> FloatArray:
    """Convert a column to numbers.

    Parameters
    ----------
    frame : DataFrame
    column, case : str
        The column to convert and the one that names the case.

    Returns
    -------
    ndarray of float64, shape (n,)
        Missing values are nan.

    Raises
    ------
    AgreementError
        If the column holds text or true/false; the message names the case.
    """
    import pandas as pd

    series = frame[column]
    name = column.removesuffix(" [ref]").removesuffix(" [pred]")
    if series.dtype == bool:
        raise AgreementError(f"column {name} holds true/false", hint="Give numbers")
    if pd.api.types.is_numeric_dtype(series):
        given = np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
        _check_magnitude(given, name, frame[case])
        return given
    text = series.astype(str).str.strip()
    missing = (series.isna() | text.str.lower().isin(_MISSING)).to_numpy()
    values = np.array(pd.to_numeric(text, errors="coerce"), dtype=np.float64)
    bad = np.flatnonzero(np.isnan(values) & ~missing)
    if bad.size:
        first = int(bad[0])
        comma = bool(re.fullmatch(r"-?\d+,\d+", text.iloc[first]))
        raise AgreementError(
            f"column {name} holds {text.iloc[first]!r} for {frame[case].iloc[first]}",
            hint="Write decimals with a point" if comma else "Give numbers only, without units",
        )
    values[missing] = np.nan
    _check_magnitude(values, name, frame[case])
    return values


def _check_magnitude(values: FloatArray, name: str, cases: pd.Series[str]) -> None:
    """Refuse numbers whose squares or ratios a computer cannot hold; nan and infinite ones pass."""
    size = np.abs(values)
    too_large = np.isfinite(size) & (size > _LARGEST)
    bad = np.flatnonzero(too_large | ((size > 0) & (size < 1 / _LARGEST)))
    if not bad.size:
        return
    first = int(bad[0])
    raise AgreementError(
        f"column {name} holds {values[first]:g} for {cases.iloc[first]}, which is no measurement",
        hint="Correct the value, or leave the cell empty",
    )


def subjects_by_pattern(cases: pd.Series[str], pattern: str) -> np.ndarray:
    r"""Read each case's subject from its name.

    Parameters
    ----------
    cases : Series of str
    pattern : str
        Regular expression whose first group is the subject, such as ``^(\d+)_``.

    Returns
    -------
    ndarray of str, shape (n,)

    Raises
    ------
    AgreementError
        If the pattern is no regular expression, has no group or does not match a name.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise AgreementError(
            f"the subject pattern {pattern!r} is not a regular expression: {error}",
            hint=r"Give one with a group, such as ^(\d+)_",
        ) from None
    if compiled.groups < 1:
        raise AgreementError(
            f"the subject pattern {pattern!r} has no group",
            hint=r"Put the subject in parentheses, such as ^(\d+)_",
        )
    matches = [compiled.search(name) for name in cases]
    unmatched = [name for name, m in zip(cases, matches, strict=True) if m is None or m[1] is None]
    if unmatched:
        raise AgreementError(
            f"the subject pattern {pattern!r} does not match {list_names(unmatched)}",
            hint="Give one whose first group is the subject in the name of every case",
        )
    return np.array([m[1] for m in matches if m is not None], dtype=str)


def possible_subjects(cases: pd.Series[str]) -> list[str]:
    """Return a note if names such as 0525_T1 and 0525_T2 suggest repeated subjects.

    Parameters
    ----------
    cases : Series of str

    Returns
    -------
    list of str
        With one note, or none.
    """
    unique = list(dict.fromkeys(cases))
    stems = [re.sub(r"[_-][^_-]+$", "", name) for name in unique]
    names_by_stem: dict[str, list[str]] = {}
    for stem, name in zip(stems, unique, strict=True):
        if stem != name:
            names_by_stem.setdefault(stem, []).append(name)
    repeated = [names for names in names_by_stem.values() if len(names) > 1]
    # "case_1, case_2, …" share one stem too: many stems are needed to suspect subjects.
    if repeated and len(set(stems)) >= len(unique) / 3:
        return [
            f"{len(repeated)} names begin several cases (such as {list_names(repeated[0])}), which "
            "are treated as independent; if they are of one subject each, name the subject column "
            f"({Remedy.SUBJECT}) or give a pattern ({Remedy.SUBJECT_PATTERN})"
        ]
    return []
