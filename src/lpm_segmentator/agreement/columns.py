"""Checks and conversions of single columns, on the way from a table to pairs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lpm_segmentator.agreement.errors import AgreementError
from lpm_segmentator.agreement.estimate import FloatArray
from lpm_segmentator.agreement.units import name_some

if TYPE_CHECKING:
    import pandas as pd

_MISSING = {"", "na", "n/a", "nan", "none", "null", "-", "--"}


def clean(table: pd.DataFrame) -> pd.DataFrame:
    """Copy a table with tidy column names; refuse an empty one or a column name used twice."""
    frame = table.copy()
    frame.columns = [str(c).strip().lstrip("\ufeff") for c in frame.columns]
    if frame.empty:
        raise AgreementError("the table has no rows", hint="Give one row a case")
    twice = sorted({str(c) for c in frame.columns[frame.columns.duplicated()]})
    if twice:
        raise AgreementError(
            f"the table has the columns {name_some(twice)} more than once",
            hint="Rename or drop one",
        )
    return frame.reset_index(drop=True)


def require_columns(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse a table that lacks one of the columns, naming those it has."""
    missing = [c for c in columns if c not in frame.columns]
    if missing:
        raise AgreementError(
            f"the table has no column {name_some(missing)}",
            hint=f"Its columns are {', '.join(map(str, frame.columns))}",
        )


def find_column(frame: pd.DataFrame, given: str | None, usual: Sequence[str]) -> str | None:
    """Give the column asked for, else the first usual one there is, else None."""
    if given is not None:
        return given
    by_lower = {str(c).lower(): str(c) for c in frame.columns}
    return next((by_lower[name] for name in usual if name in by_lower), None)


def case_names(frame: pd.DataFrame, column: str) -> pd.Series[str]:
    """Names as text; an empty one is an error that names the row."""
    values = frame[column]
    missing = values.isna() | (values.astype(str).str.strip() == "")
    if bool(missing.any()):
        rows = [str(i + 1) for i in np.flatnonzero(missing.to_numpy())]
        raise AgreementError(
            f"column {column} is empty in row {name_some(rows)}", hint="Name every case"
        )
    return values.astype(str).str.strip()


def refuse_duplicates(frame: pd.DataFrame, keys: list[str], what: str) -> None:
    """Refuse rows that cannot be told apart by their keys."""
    twice = frame.duplicated(keys, keep=False)
    if bool(twice.any()):
        names = sorted({" ".join(map(str, row)) for row in frame.loc[twice, keys].to_numpy()})
        raise AgreementError(
            f"{what}: {name_some(names)} occurs more than once",
            hint="Keep one row a case, or add a column (muscle, side, level) that tells them apart",
        )


def numbers(frame: pd.DataFrame, column: str, case: str) -> FloatArray:
    """Convert a column to float64, missing as nan; text in it is an error that names the row."""
    import pandas as pd

    series = frame[column]
    name = column.removesuffix(" [ref]").removesuffix(" [pred]")
    if series.dtype == bool:
        raise AgreementError(f"column {name} holds true/false", hint="Give numbers")
    if pd.api.types.is_numeric_dtype(series):
        return np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
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
    return values


def subjects_by_pattern(cases: pd.Series[str], pattern: str) -> np.ndarray:
    """Take each subject out of its case's name by a regular expression's first group."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise AgreementError(
            f"the subject pattern {pattern!r} is no regular expression: {error}",
            hint=r"Give one with a group, as ^(\d+)_",
        ) from None
    if compiled.groups < 1:
        raise AgreementError(
            f"the subject pattern {pattern!r} has no group", hint=r"Give one, as ^(\d+)_"
        )
    found = [compiled.search(name) for name in cases]
    unmatched = [name for name, m in zip(cases, found, strict=True) if m is None or m[1] is None]
    if unmatched:
        raise AgreementError(
            f"the subject pattern {pattern!r} does not fit {name_some(unmatched)}",
            hint="Give one whose first group is the subject in every case's name",
        )
    return np.array([m[1] for m in found if m is not None], dtype=str)


def possible_subjects(cases: pd.Series[str]) -> list[str]:
    """Give a note when names such as 0525_T1 and 0525_T2 suggest repeated subjects."""
    unique = list(dict.fromkeys(cases))
    stems = [re.sub(r"[_-][^_-]+$", "", name) for name in unique]
    counts: dict[str, list[str]] = {}
    for stem, name in zip(stems, unique, strict=True):
        if stem != name:
            counts.setdefault(stem, []).append(name)
    repeated = [names for names in counts.values() if len(names) > 1]
    # "case_1, case_2, …" share one stem too: many stems are needed to suspect subjects.
    if repeated and len(set(stems)) >= len(unique) / 3:
        return [
            f"{len(repeated)} names stand for several cases (as {name_some(repeated[0])}) and are "
            "taken as independent; if they are one person's, name the subject column (--subject) "
            "or a pattern (--subject-pattern)"
        ]
    return []
