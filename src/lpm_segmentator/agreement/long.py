"""The long layout: a column says which rows are the reference's and which the prediction's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lpm_segmentator.agreement.columns import find_column, refuse_duplicates, require_columns
from lpm_segmentator.agreement.errors import AgreementError
from lpm_segmentator.agreement.options import (
    ROLE_PAIRS,
    SOURCE_COLUMNS,
    STRATUM_COLUMNS,
    TableOptions,
)
from lpm_segmentator.agreement.units import name_some

if TYPE_CHECKING:
    import pandas as pd


def join_tables(
    reference: pd.DataFrame, prediction: pd.DataFrame, *, source: str = "source"
) -> pd.DataFrame:
    """Stack two tidy tables of measures, the reference's and the prediction's, into a long one.

    Parameters
    ----------
    reference, prediction : DataFrame
        With the same columns, as two ``measures.csv``.
    source : str
        Name of the column that tells them apart.

    Returns
    -------
    DataFrame
        To be given to `read_pairs` or ``compare_table``.
    """
    import pandas as pd

    return pd.concat(
        [reference.assign(**{source: "reference"}), prediction.assign(**{source: "prediction"})],
        ignore_index=True,
    )


def strata_columns(frame: pd.DataFrame) -> list[str]:
    """Find the columns that split the rows of a case: muscle, side, level and the like."""
    by_lower = {str(c).lower(): str(c) for c in frame.columns}
    return [by_lower[name] for name in STRATUM_COLUMNS if name in by_lower]


def source_column(frame: pd.DataFrame, options: TableOptions) -> str | None:
    """Give the column that makes a table a long one, or None."""
    if options.source is not None:
        return options.source
    if options.pairs is not None:
        return None
    found = find_column(frame, None, SOURCE_COLUMNS)
    if found is None:
        return None
    # "method" may be a scanner's: only a column that holds two known roles is the source.
    return found if _roles_in(frame[found], options) else None


def _roles_in(values: pd.Series[str], options: TableOptions) -> tuple[str, str] | None:
    present = {str(v).strip().lower(): str(v).strip() for v in values.dropna().unique()}
    candidates = (options.roles,) if options.roles else ROLE_PAIRS
    for reference, prediction in candidates:
        if set(present) == {reference.lower(), prediction.lower()}:
            return present[reference.lower()], present[prediction.lower()]
    return None


def spread(
    frame: pd.DataFrame, case: str, subject: str | None, source: str, options: TableOptions
) -> pd.DataFrame:
    """Long to tidy wide: one row a case and stratum, each value as a pair of columns."""
    roles = _roles_in(frame[source], options)
    if roles is None:
        found = [str(v) for v in frame[source].dropna().unique()]
        raise AgreementError(
            f"column {source} holds {name_some(found)}, not one word for the reference and one "
            "for the prediction",
            hint="Give the two words as roles",
        )
    keys = [case, *strata_columns(frame)]
    context = [c for c in [subject, *options.by] if c and c not in keys]
    from pandas.api.types import is_numeric_dtype

    values = [
        c
        for c in frame.columns
        if c not in {*keys, *context, source}
        and is_numeric_dtype(frame[c])
        and frame[c].notna().any()  # a measure that this study has no images for
    ]
    if options.measures is not None and "measure" not in {k.lower() for k in keys}:
        require_columns(frame, list(options.measures))
        values = list(options.measures)
    which = frame[source].astype(str).str.strip()
    sides = []
    for role in roles:
        part = frame.loc[which == role, [*keys, *context, *values]]
        refuse_duplicates(part, keys, f"{source} {role}")
        sides.append(part)
    merged = sides[0].merge(sides[1], on=keys, how="outer", suffixes=(" [ref]", " [pred]"))
    for column in context:
        left, right = merged[f"{column} [ref]"], merged[f"{column} [pred]"]
        clash = left.notna() & right.notna() & (left != right)
        if bool(clash.any()):
            cases = [str(v) for v in merged.loc[clash, case].unique()]
            raise AgreementError(
                f"column {column} differs between reference and prediction of {name_some(cases)}",
                hint="A case must have one value there",
            )
        merged[column] = left.where(left.notna(), right)
    return merged


def spread_pairs(frame: pd.DataFrame, options: TableOptions) -> dict[str, tuple[str, str]]:
    """Name the pairs of columns that `spread` made."""
    stems = [str(c)[: -len(" [ref]")] for c in frame.columns if str(c).endswith(" [ref]")]
    context = set(options.by) | {c for c in stems if c in frame.columns}
    pairs = {s: (f"{s} [ref]", f"{s} [pred]") for s in stems if s not in context}
    if not pairs:
        raise AgreementError("the long table has no numeric column", hint="Give a value column")
    return pairs
