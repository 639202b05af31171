"""The long layout: one column states which rows are the reference's and which the prediction's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lpm_segmentator.agreement.columns import (
    as_text,
    find_column,
    refuse_duplicates,
    require_columns,
)
from lpm_segmentator.agreement.options import (
    CASE_COLUMNS,
    ROLE_PAIRS,
    SOURCE_COLUMNS,
    STRATUM_COLUMNS,
    SUBJECT_COLUMNS,
    TableOptions,
)
from lpm_segmentator.agreement.units import list_names
from lpm_segmentator.core.errors import AgreementError, Remedy

if TYPE_CHECKING:
    import pandas as pd


def join_tables(
    reference: pd.DataFrame, prediction: pd.DataFrame, *, source: str = "source"
) -> pd.DataFrame:
    """Join the table of a reference and that of a prediction into one in the long layout.

    Parameters
    ----------
    reference, prediction : DataFrame
        With the same columns, such as two ``measures.csv``.
    source : str
        Name of the column that distinguishes them.

    Returns
    -------
    DataFrame
        For `read_pairs` or `compare_table`.
    """
    import pandas as pd

    return pd.concat(
        [reference.assign(**{source: "reference"}), prediction.assign(**{source: "prediction"})],
        ignore_index=True,
    )


def strata_columns(frame: pd.DataFrame) -> list[str]:
    """Return the columns that split the rows of a case: muscle, side, level and the like.

    Parameters
    ----------
    frame : DataFrame

    Returns
    -------
    list of str
        In the order of ``STRATUM_COLUMNS``.
    """
    by_lower = {str(c).lower(): str(c) for c in frame.columns}
    return [by_lower[name] for name in STRATUM_COLUMNS if name in by_lower]


def source_column(frame: pd.DataFrame, options: TableOptions) -> str | None:
    """Return the column that distinguishes reference and prediction.

    Parameters
    ----------
    frame : DataFrame
    options : TableOptions

    Returns
    -------
    str or None
        None if the table is not in the long layout.
    """
    if options.source is not None:
        return options.source
    if options.pairs is not None:
        return None
    candidate = find_column(frame, None, SOURCE_COLUMNS)
    if candidate is None:
        return None
    # "method" may be a scanner's: only a column that holds two known roles is the source.
    return candidate if _roles_in(frame[candidate], options) else None


def _roles_in(values: pd.Series[str], options: TableOptions) -> tuple[str, str] | None:
    """Return the words for reference and prediction as the column spells them."""
    present = {str(v).strip().lower(): str(v).strip() for v in values.dropna().unique()}
    candidates = (options.roles,) if options.roles else ROLE_PAIRS
    for reference, prediction in candidates:
        if set(present) == {reference.lower(), prediction.lower()}:
            return present[reference.lower()], present[prediction.lower()]
    return None


def long_to_wide(
    frame: pd.DataFrame, case: str, subject: str | None, source: str, options: TableOptions
) -> pd.DataFrame:
    """Convert the long layout to one row per case and stratum.

    Parameters
    ----------
    frame : DataFrame
    case, subject, source : str or None
        Its columns.
    options : TableOptions

    Returns
    -------
    DataFrame
        Each measure as the two columns ``NAME [ref]`` and ``NAME [pred]``.

    Raises
    ------
    AgreementError
        If the source column does not hold two roles, rows occur twice, or reference and
        prediction differ in the subject or subgroup of a case.
    TableError
        If a measure asked for is missing.
    """
    roles = _roles_in(frame[source], options)
    if roles is None:
        present = [str(v) for v in frame[source].dropna().unique()]
        raise AgreementError(
            f"column {source} holds {list_names(present)}, not one word for the reference and one "
            "for the prediction",
            hint=f"State the two words: pass {Remedy.ROLES}",
            remedy=Remedy.ROLES,
        )
    keys = [case, *strata_columns(frame)]
    context = [c for c in (subject, *options.by_columns) if c and c not in keys]
    values = _value_columns(frame, {*keys, *context, source}, options)
    which = frame[source].astype(str).str.strip()
    parts = []
    for role in roles:
        part = frame.loc[which == role, [*keys, *context, *values]]
        refuse_duplicates(part, keys, f"{source} {role}")
        parts.append(part)
    merged = parts[0].merge(parts[1], on=keys, how="outer", suffixes=(" [ref]", " [pred]"))
    for column in context:
        merged[column] = _one_context(merged, column, case)
    return merged


def _value_columns(frame: pd.DataFrame, others: set[str], options: TableOptions) -> list[str]:
    """Return the columns of measures: those asked for, or else all that hold numbers."""
    from pandas.api.types import is_numeric_dtype

    if options.measures is not None and "measure" not in {c.lower() for c in others}:
        require_columns(frame, list(options.measures))
        return list(options.measures)
    ids = {*CASE_COLUMNS, *SUBJECT_COLUMNS}
    return [
        c
        for c in frame.columns
        if c not in others
        and c.lower() not in ids
        and is_numeric_dtype(frame[c])
        and frame[c].notna().any()  # a measure that this study has no images for
    ]


def _one_context(merged: pd.DataFrame, column: str, case: str) -> pd.Series[str]:
    """Return the subject or subgroup of each case, which both sources must agree on."""
    reference, prediction = (as_text(merged[f"{column} {role}"]) for role in ("[ref]", "[pred]"))
    differs = (reference != "") & (prediction != "") & (reference != prediction)
    if bool(differs.any()):
        cases = [str(v) for v in merged.loc[differs, case].unique()]
        raise AgreementError(
            f"column {column} differs between reference and prediction of {list_names(cases)}",
            hint="Give a case the same value in both",
        )
    return reference.where(reference != "", prediction)


def long_pairs(frame: pd.DataFrame, options: TableOptions) -> dict[str, tuple[str, str]]:
    """Return the pairs of columns that `long_to_wide` made, by the name of the measure.

    Parameters
    ----------
    frame : DataFrame
    options : TableOptions

    Returns
    -------
    dict of str to (str, str)

    Raises
    ------
    AgreementError
        If there is none.
    """
    stems = [str(c)[: -len(" [ref]")] for c in frame.columns if str(c).endswith(" [ref]")]
    context = {*options.by_columns, *(c for c in stems if c in frame.columns)}
    pairs = {s: (f"{s} [ref]", f"{s} [pred]") for s in stems if s not in context}
    if not pairs:
        raise AgreementError("the long table has no numeric column", hint="Give a value column")
    return pairs
