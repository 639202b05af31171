"""From a table to paired columns.

Three layouts are read. *Wide*, as the published tables: one row per case, columns
``volume1_gd, volume1_ai, …``. *Tidy wide*: one row per case × muscle × side × level, columns
``volume_ml_reference, volume_ml_prediction, …``. *Long*: as tidy, with a column ``source`` (or
``rater``) that states which rows are the reference's. Rows are never matched by position: cases
are matched by their exact names.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lpm_segmentator.agreement.columns import (
    as_text,
    case_names,
    clean,
    find_column,
    numbers,
    possible_subjects,
    refuse_duplicates,
    require_columns,
    subjects_by_pattern,
    warn_of_numeric_ids,
)
from lpm_segmentator.agreement.estimate import FloatArray
from lpm_segmentator.agreement.long_format import (
    long_pairs,
    long_to_wide,
    source_column,
    strata_columns,
)
from lpm_segmentator.agreement.options import (
    CASE_COLUMNS,
    ROLE_PAIRS,
    SUBJECT_COLUMNS,
    TableOptions,
)
from lpm_segmentator.agreement.units import check_one_unit, list_names, unit_of
from lpm_segmentator.core.errors import AgreementError, NoPairsError, Remedy

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
        Column and value of each stratum, such as ("muscle", "ES").
    cases : ndarray of str, shape (n,)
    subjects : ndarray of str, shape (n,), or None
    reference, prediction : ndarray of float64, shape (n,)
        In the unit of the measure.
    subgroups : dict of str to ndarray of str, shape (n,)
        For each ``by`` column its value for each case, "" where missing.
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
    """All pairs of a table.

    Attributes
    ----------
    pairs : tuple of PairedColumn
        Each with at least one case.
    notes : tuple of str
        What a reader should know about how the table was read.
    """

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
    TableError
        If a column is missing.
    AgreementError
        If the table is empty, a column is unpaired or not numeric, a case occurs twice, or units
        seem to be mixed.
    NoPairsError
        If no case has both values.
    """
    options = options or TableOptions()
    notes: list[str] = []
    frame = clean(table)
    require_columns(frame, [c for c in (options.case, options.subject, options.source) if c])
    require_columns(frame, options.by_columns)
    case = find_column(frame, options.case, CASE_COLUMNS)
    subject = find_column(frame, options.subject, SUBJECT_COLUMNS)
    if case is None:
        frame, case = _name_cases(frame, subject, options, notes)
    notes += warn_of_numeric_ids(frame, [case, *([subject] if subject else [])])
    frame[case] = case_names(frame, case)
    order = _order_of_strata(frame)
    source = source_column(frame, options)
    if source is not None:
        frame = long_to_wide(frame, case, subject, source, options)
        columns = long_pairs(frame, options)
    else:
        columns = _column_pairs(frame, options)
    subjects = _subjects(frame, case, subject, options)
    if subjects is None:
        notes += possible_subjects(frame[case])
    pairs: list[PairedColumn] = []
    for name, (left, right) in columns.items():
        reference, prediction = numbers(frame, left, case), numbers(frame, right, case)
        strata_pairs = _by_stratum(frame, name, (reference, prediction), (case, subjects), options)
        pairs += sorted(strata_pairs, key=lambda p: order.get(tuple(v for _, v in p.strata), 0))
    return PairedTable(*_without_empty(pairs, notes))


def _order_of_strata(frame: pd.DataFrame) -> dict[tuple[str, ...], int]:
    """Turn strata into text and return their order in the table, without a measure column."""
    columns = strata_columns(frame)
    for column in columns:
        frame[column] = as_text(frame[column])
    others = [c for c in columns if c.lower() != "measure"]
    if not others:
        return {}
    unique = frame[others].drop_duplicates().itertuples(index=False, name=None)
    return {tuple(map(str, row)): index for index, row in enumerate(unique)}


def _without_empty(
    pairs: list[PairedColumn], notes: list[str]
) -> tuple[tuple[PairedColumn, ...], tuple[str, ...]]:
    """Leave out the pairs without any case, such as the volume of a single slice."""
    complete = tuple(pair for pair in pairs if len(pair.cases))
    if not complete:
        raise NoPairsError(
            "no case has both a reference and a prediction",
            hint="Look for empty columns, or for case names that differ between the two",
        )
    # A measure without a value in some strata is undefined there by its nature.
    measures = dict.fromkeys(pair.measure for pair in pairs)
    empty = [m for m in measures if m not in {pair.measure for pair in complete}]
    if empty:
        notes = [*notes, f"not compared, since no case has both values: {list_names(empty)}"]
    return complete, tuple(notes)


def _name_cases(
    frame: pd.DataFrame, subject: str | None, options: TableOptions, notes: list[str]
) -> tuple[pd.DataFrame, str]:
    """Name the cases of a table without a case column by the subject, or else by the row."""
    if subject is not None and options.subject is None:
        return frame, subject
    if source_column(frame, options) is not None:
        raise AgreementError(
            "a long table needs a column that names the case", hint="Name this column case"
        )
    notes.append("the table has no case column: cases are named by their row, counted from 1")
    frame["case"] = [f"row {i + 1}" for i in range(len(frame))]
    return frame, "case"


def _split_role(column: str, role: str) -> str | None:
    """Return the name of a column without its role, or None if it does not have this role."""
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
        pairs, alone = _pairs_of(pairs, options.measures), {}
    _refuse_unpaired(columns, pairs, alone)
    return {name: pairs[name] for name in sorted(pairs, key=lambda n: columns.index(pairs[n][0]))}


def _pairs_of(
    pairs: dict[str, tuple[str, str]], measures: Sequence[str]
) -> dict[str, tuple[str, str]]:
    """Return the pairs of the measures asked for."""
    missing = [m for m in measures if m not in pairs]
    if missing:
        raise AgreementError(
            f"the table has no pair of columns for {list_names(missing)}",
            hint=f"Its pairs are {', '.join(pairs) or 'none'}",
        )
    return {m: pairs[m] for m in measures}


def _refuse_unpaired(
    columns: list[str], pairs: dict[str, tuple[str, str]], alone: dict[str, str]
) -> None:
    """Refuse a column without its partner, and a table without any pair."""
    if alone:
        column, role = next(iter(alone.items()))
        close = difflib.get_close_matches(column, [c for c in columns if c != column], 1, 0.6)
        hint = f"{column} needs a partner that ends in _{role}"
        if close:
            hint += f"; {close[0]} is similar: check for a typing error or another unit"
        raise AgreementError(
            f"there is no partner column for {list_names(sorted(alone))}", hint=hint
        )
    if not pairs:
        raise AgreementError(
            f"the table has no paired columns among {', '.join(columns)}",
            hint="Name them like volume1_gd and volume1_ai, or volume_ml_reference and "
            f"volume_ml_prediction, or state the two words: pass {Remedy.ROLES}",
            remedy=Remedy.ROLES,
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
    """Split a pair of columns by muscle, side, level and the like."""
    case, subjects = who
    strata = strata_columns(frame)
    refuse_duplicates(frame, [case, *strata], name)
    groups: list[tuple[tuple[str, ...], np.ndarray]]
    if not strata:
        groups = [((), np.arange(len(frame)))]
    else:
        grouped = frame.groupby(strata, sort=False, dropna=False).indices
        groups = [
            (key if isinstance(key, tuple) else (key,), np.asarray(rows))
            for key, rows in grouped.items()
        ]
    pairs = []
    for key, rows in groups:
        labels = dict(zip(strata, map(str, key), strict=True))
        measure, others = _measure_and_strata(name, labels)
        if options.selection is None or options.selection(measure, others):
            rest = (values, case, subjects, options)
            pairs.append(_one_pair(frame, (measure, others), rows, rest))
    if options.measures is not None and "measure" in {s.lower() for s in strata}:
        pairs = [pair for pair in pairs if pair.measure in options.measures]
        if not pairs:
            raise AgreementError(
                f"the table has none of the measures {list_names(list(options.measures))}",
                hint="Look at its measure column",
            )
    return pairs


def _measure_and_strata(name: str, labels: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Take the measure from a measure column if there is one, or else from the columns' name."""
    measure = next((value for c, value in labels.items() if c.lower() == "measure"), name)
    return measure, {c: value for c, value in labels.items() if c.lower() != "measure"}


def _one_pair(
    frame: pd.DataFrame,
    place: tuple[str, dict[str, str]],
    rows: np.ndarray,
    rest: tuple[tuple[FloatArray, FloatArray], str, np.ndarray | None, TableOptions],
) -> PairedColumn:
    """Make the pair of one measure and stratum from its rows."""
    measure, strata = place
    (all_reference, all_prediction), case, subjects, options = rest
    reference, prediction = all_reference[rows], all_prediction[rows]
    cases = frame[case].to_numpy(dtype=str)[rows]
    keep = np.isfinite(reference) & np.isfinite(prediction)
    name = " ".join([measure, *(value for value in strata.values() if value)])
    if options.check_units:
        check_one_unit(name, list(cases[keep]), reference[keep], prediction[keep])
    return PairedColumn(
        name=name,
        measure=measure,
        unit=unit_of(measure) if options.unit is None else options.unit,
        strata=tuple(strata.items()),
        cases=cases[keep],
        subjects=None if subjects is None else subjects[rows][keep],
        reference=reference[keep],
        prediction=prediction[keep],
        subgroups={
            c: as_text(frame[c]).to_numpy(dtype=str)[rows][keep] for c in options.by_columns
        },
        dropped=tuple(cases[~keep]),
    )
