"""From a table to paired columns.

Three layouts are read. *Wide*, as the published tables: one row a case, columns
``volume1_gd, volume1_ai, …``. *Tidy wide*: one row a case × muscle × side × level, columns
``volume_ml_reference, volume_ml_prediction, …``. *Long*: as tidy, with a column ``source`` (or
``rater``) that says which rows are the reference's. Rows are never matched by position: a case
is matched by its name, exactly.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lpm_segmentator.agreement.columns import (
    case_names,
    clean,
    find_column,
    numbers,
    possible_subjects,
    refuse_duplicates,
    require_columns,
    subjects_by_pattern,
)
from lpm_segmentator.agreement.errors import AgreementError, NoPairsError
from lpm_segmentator.agreement.estimate import FloatArray
from lpm_segmentator.agreement.long import source_column, spread, spread_pairs, strata_columns
from lpm_segmentator.agreement.options import (
    CASE_COLUMNS,
    ROLE_PAIRS,
    SUBJECT_COLUMNS,
    TableOptions,
)
from lpm_segmentator.agreement.units import check_one_unit, name_some, unit_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class PairedColumn:
    """One measure of one stratum: reference and prediction, case by case.

    Attributes
    ----------
    name, measure, unit : str
        Full name ("volume_ml ES right L4"), the measure alone, and its unit.
    strata : tuple of (str, str)
        Column and value of each stratum, as ("muscle", "ES").
    cases : ndarray of str, shape (n,)
    subjects : ndarray of str, shape (n,), or None
    reference, prediction : ndarray, shape (n,)
    subgroups : dict of str to ndarray of str
        For each ``by`` column its value a case, "" where missing.
    dropped : tuple of str
        Cases left out because a value was missing or not finite.
    """

    name: str
    measure: str
    unit: str
    strata: tuple[tuple[str, str], ...]
    cases: np.ndarray
    subjects: np.ndarray | None
    reference: FloatArray
    prediction: FloatArray
    subgroups: dict[str, np.ndarray]
    dropped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PairedTable:
    """All pairs of a table, and what a reader should know about how it was read."""

    pairs: tuple[PairedColumn, ...]
    notes: tuple[str, ...]


def read_pairs(table: pd.DataFrame, options: TableOptions | None = None) -> PairedTable:
    """Find and check the paired columns of a table.

    Parameters
    ----------
    table : DataFrame
        In one of the three layouts.
    options : TableOptions, optional

    Returns
    -------
    PairedTable

    Raises
    ------
    AgreementError
        If the table is empty, a column is missing, unpaired or not numeric, a case occurs
        twice, units seem mixed, or no case has both values.
    """
    options = options or TableOptions()
    notes: list[str] = []
    frame = clean(table)
    require_columns(frame, [c for c in (options.case, options.subject, options.source) if c])
    require_columns(frame, list(options.by))
    case = find_column(frame, options.case, CASE_COLUMNS)
    subject = find_column(frame, options.subject, SUBJECT_COLUMNS)
    if case is None:
        frame, case = _name_cases(frame, subject, options, notes)
    frame[case] = case_names(frame, case)
    source = source_column(frame, options)
    if source is not None:
        frame = spread(frame, case, subject, source, options)
        columns = spread_pairs(frame, options)
    else:
        columns = _column_pairs(frame, options)
    subjects = _subjects(frame, case, subject, options)
    if subjects is None:
        notes += possible_subjects(frame[case])
    pairs = []
    for name, (left, right) in columns.items():
        reference, prediction = numbers(frame, left, case), numbers(frame, right, case)
        pairs += _by_stratum(frame, name, (reference, prediction), (case, subjects), options)
    if not any(len(pair.cases) for pair in pairs):
        raise NoPairsError(
            "no case has both a reference and a prediction",
            hint="Look for empty columns or case names that differ between the two",
        )
    return PairedTable(tuple(pairs), tuple(notes))


def _name_cases(
    frame: pd.DataFrame, subject: str | None, options: TableOptions, notes: list[str]
) -> tuple[pd.DataFrame, str]:
    """Without a case column a subject column names the cases, else the row does."""
    if subject is not None and options.subject is None:
        return frame, subject
    if source_column(frame, options) is not None:
        raise AgreementError(
            "a long table needs a column that names the case", hint="Name it case, or give its name"
        )
    notes.append("the table has no case column: cases are named by their row, counted from 1")
    frame["case"] = [f"row {i + 1}" for i in range(len(frame))]
    return frame, "case"


def _split_role(column: str, role: str) -> str | None:
    """Return what is left of a column's name without its role, or None if it has not this role."""
    match = re.fullmatch(rf"(.+?)[_.\-\s]{re.escape(role)}", column, re.IGNORECASE) or (
        re.fullmatch(rf"{re.escape(role)}[_.\-\s](.+)", column, re.IGNORECASE)
    )
    return match[1] if match else None


def _column_pairs(frame: pd.DataFrame, options: TableOptions) -> dict[str, tuple[str, str]]:
    if options.pairs is not None:
        for left, right in options.pairs.values():
            require_columns(frame, [left, right])
        return dict(options.pairs)
    columns = [str(c) for c in frame.columns]
    pairs: dict[str, tuple[str, str]] = {}
    halves: dict[str, str] = {}
    for reference, prediction in (options.roles,) if options.roles else ROLE_PAIRS:
        refs = {stem: c for c in columns if (stem := _split_role(c, reference))}
        preds = {stem: c for c in columns if (stem := _split_role(c, prediction))}
        for stem, column in refs.items():
            if stem in preds:
                pairs.setdefault(stem, (column, preds[stem]))
        halves |= {c: prediction for s, c in refs.items() if s not in preds}
        halves |= {c: reference for s, c in preds.items() if s not in refs}
    used = {c for pair in pairs.values() for c in pair}
    alone = {c: role for c, role in halves.items() if c not in used}
    # In a table with a measure column the measures are its values, not column names.
    if options.measures is not None and "measure" not in {c.lower() for c in columns}:
        pairs, alone = _only(pairs, options.measures), {}
    _refuse_unpaired(columns, pairs, alone)
    return {name: pairs[name] for name in sorted(pairs, key=lambda n: columns.index(pairs[n][0]))}


def _only(pairs: dict[str, tuple[str, str]], measures: Sequence[str]) -> dict[str, tuple[str, str]]:
    missing = [m for m in measures if m not in pairs]
    if missing:
        raise AgreementError(
            f"the table has no pair of columns for {name_some(missing)}",
            hint=f"Its pairs are {', '.join(pairs) or 'none'}",
        )
    return {m: pairs[m] for m in measures}


def _refuse_unpaired(
    columns: list[str], pairs: dict[str, tuple[str, str]], alone: dict[str, str]
) -> None:
    if alone:
        column, role = next(iter(alone.items()))
        close = difflib.get_close_matches(column, [c for c in columns if c != column], 1, 0.6)
        hint = f"Expected beside {column} a column that ends in _{role}"
        if close:
            hint += f"; {close[0]} is near, so look for a typing slip or another unit"
        raise AgreementError(f"{name_some(sorted(alone))} has no partner column", hint=hint)
    if not pairs:
        raise AgreementError(
            f"the table has no paired columns among {', '.join(columns)}",
            hint="Name them as volume1_gd and volume1_ai, or volume_ml_reference and "
            "volume_ml_prediction, or give the two words as roles",
        )


def _subjects(
    frame: pd.DataFrame, case: str, subject: str | None, options: TableOptions
) -> np.ndarray | None:
    if options.subject_pattern is not None:
        return subjects_by_pattern(frame[case], options.subject_pattern)
    if subject is None:
        return None
    return np.asarray(case_names(frame, subject).to_numpy(dtype=str))


def _by_stratum(
    frame: pd.DataFrame,
    name: str,
    values: tuple[FloatArray, FloatArray],
    who: tuple[str, np.ndarray | None],
    options: TableOptions,
) -> list[PairedColumn]:
    case, subjects = who
    strata = strata_columns(frame)
    refuse_duplicates(frame, [case, *strata], name)
    groups: list[tuple[tuple[str, ...], np.ndarray]]
    if not strata:
        groups = [((), np.arange(len(frame)))]
    else:
        grouped = frame.groupby(strata, sort=False, dropna=False).indices
        groups = [(_as_tuple(key), np.asarray(rows)) for key, rows in grouped.items()]
    pairs = []
    for key, rows in groups:
        labels = tuple(zip(strata, key, strict=True))
        pairs.append(_one_pair(frame, name, labels, rows, (values, case, subjects, options)))
    if options.measures is not None and "measure" in {s.lower() for s in strata}:
        pairs = [pair for pair in pairs if pair.measure in options.measures]
        if not pairs:
            raise AgreementError(
                f"the table has none of the measures {name_some(list(options.measures))}",
                hint="Look at its measure column",
            )
    return pairs


def _as_tuple(key: object) -> tuple[str, ...]:
    parts = key if isinstance(key, tuple) else (key,)
    import pandas as pd

    return tuple("" if pd.isna(part) else str(part).strip() for part in parts)


def _one_pair(
    frame: pd.DataFrame,
    name: str,
    labels: tuple[tuple[str, str], ...],
    rows: np.ndarray,
    rest: tuple[tuple[FloatArray, FloatArray], str, np.ndarray | None, TableOptions],
) -> PairedColumn:
    (all_reference, all_prediction), case, subjects, options = rest
    reference, prediction = all_reference[rows], all_prediction[rows]
    cases = frame[case].to_numpy(dtype=str)[rows]
    keep = np.isfinite(reference) & np.isfinite(prediction)
    measure = next((value for column, value in labels if column.lower() == "measure"), name)
    others = [value for column, value in labels if column.lower() != "measure" and value]
    full = " ".join([measure, *others])
    if options.check_units:
        check_one_unit(full, list(cases[keep]), reference[keep], prediction[keep])
    return PairedColumn(
        name=full,
        measure=measure,
        unit=unit_of(measure) if options.unit is None else options.unit,
        strata=tuple((c, v) for c, v in labels if c.lower() != "measure"),
        cases=cases[keep],
        subjects=None if subjects is None else subjects[rows][keep],
        reference=reference[keep],
        prediction=prediction[keep],
        subgroups={
            c: frame[c].fillna("").astype(str).str.strip().to_numpy(dtype=str)[rows][keep]
            for c in options.by
        },
        dropped=tuple(cases[~keep]),
    )
