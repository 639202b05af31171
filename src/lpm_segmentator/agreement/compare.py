"""Agreement of two columns, and of all pairs of a table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import ArrayLike

from lpm_segmentator.agreement.bland_altman import bland_altman
from lpm_segmentator.agreement.deviation import absolute_errors, correlations, within_subject_cv
from lpm_segmentator.agreement.errors import AgreementError
from lpm_segmentator.agreement.estimate import FloatArray, group_codes, paired_arrays
from lpm_segmentator.agreement.icc import icc
from lpm_segmentator.agreement.multiplicity import holm
from lpm_segmentator.agreement.options import TableOptions
from lpm_segmentator.agreement.regression import deming, ols, passing_bablok
from lpm_segmentator.agreement.result import Comparison, PairAgreement, Settings
from lpm_segmentator.agreement.table import PairedColumn, read_pairs
from lpm_segmentator.agreement.tost import TostMethod, tost_paired
from lpm_segmentator.agreement.units import name_some

if TYPE_CHECKING:
    import pandas as pd

# A column with more values than this is a measurement, not a group.
MAX_SUBGROUPS = 50


def compare_pair(
    reference: ArrayLike,
    prediction: ArrayLike,
    *,
    subjects: ArrayLike | None = None,
    name: str = "measure",
    unit: str = "",
    settings: Settings | None = None,
) -> PairAgreement:
    """Compute every agreement statistic of two paired columns.

    Parameters
    ----------
    reference, prediction : array_like, shape (n,)
        Finite values in one unit, in the same order.
    subjects : array_like, shape (n,), optional
        Who each case belongs to, where a subject has several.
    name, unit : str
        For tables and figures.
    settings : Settings, optional

    Returns
    -------
    PairAgreement
        What is undefined for these data is ``nan`` with a reason.
    """
    x, y = paired_arrays(reference, prediction)
    column = PairedColumn(
        name=name,
        measure=name,
        unit=unit,
        strata=(),
        cases=np.array([str(i + 1) for i in range(len(x))], dtype=str),
        subjects=None if subjects is None else np.asarray(subjects).astype(str),
        reference=x,
        prediction=y,
        subgroups={},
        dropped=(),
    )
    return _agreement(column, settings or Settings())


def compare_table(  # noqa: PLR0913 - the room's face: one keyword a flag of the command
    table: pd.DataFrame,
    *,
    margin_percent: float = 5.0,
    margin: float | None = None,
    by: str | Sequence[str] = (),
    case: str | None = None,
    subject: str | None = None,
    subject_pattern: str | None = None,
    source: str | None = None,
    roles: tuple[str, str] | None = None,
    pairs: Mapping[str, tuple[str, str]] | None = None,
    measures: Sequence[str] | None = None,
    unit: str | None = None,
    tost: TostMethod = "auto",
    alpha: float = 0.05,
    confidence: float = 0.95,
    limits: float = 0.95,
    deming_ratio: float = 1.0,
    n_resamples: int = 10_000,
    seed: int = 0,
    check_units: bool = True,
) -> Comparison:
    """Compare all paired columns of a table.

    Parameters
    ----------
    table : DataFrame
        Wide (``volume1_gd, volume1_ai``), tidy wide (``volume_ml_reference,
        volume_ml_prediction`` beside muscle, side, level) or long (a ``source`` column).
    margin_percent, margin, tost, alpha
        Equivalence test; see `tost_paired`.
    by : str or sequence of str
        Columns whose values make subgroups, each column by itself.
    case, subject, subject_pattern, source, roles, pairs, measures, unit, check_units
        How to read the table; see `TableOptions`.
    confidence : float
        Level of the intervals.
    limits : float
        Share of the differences within the limits of agreement.
    deming_ratio : float
        Ratio of the error variances of Deming's line.
    n_resamples, seed : int
        Of the bootstraps. The same table, settings and seed give the same numbers.
    check_units : bool
        Refuse pairs that seem to mix units.

    Returns
    -------
    Comparison
        Holm's correction is over all pairs and subgroups, for the equivalence tests and the
        proportional-bias tests apart.

    Raises
    ------
    AgreementError
        If the table cannot be compared as asked.
    """
    columns = (by,) if isinstance(by, str) else tuple(by)
    options = TableOptions(
        case=case,
        subject=subject,
        source=source,
        subject_pattern=subject_pattern,
        roles=roles,
        pairs=pairs,
        measures=measures,
        by=columns,
        unit=unit,
        check_units=check_units,
    )
    settings = Settings(
        margin_percent=margin_percent,
        margin=margin,
        tost=tost,
        alpha=alpha,
        confidence=confidence,
        limits=limits,
        deming_ratio=deming_ratio,
        n_resamples=n_resamples,
        seed=seed,
    )
    read = read_pairs(table, options)
    found: list[PairAgreement] = []
    for column in read.pairs:
        found.append(_agreement(column, settings))
        found += _subgroups(column, settings)
    notes = [*read.notes, *_dropped_notes(read.pairs), *_subgroup_notes(read.pairs)]
    return Comparison(_with_holm(found), settings, tuple(dict.fromkeys(notes)))


def _agreement(
    column: PairedColumn, settings: Settings, *, by: str = "", subgroup: str = ""
) -> PairAgreement:
    x, y, who = column.reference, column.prediction, column.subjects
    level = settings.confidence
    boot = {"n_resamples": settings.n_resamples, "seed": settings.seed}
    groups = group_codes(who, len(x))
    mae, rmse = absolute_errors(x, y, subjects=who, confidence=level, **boot)
    pearson, spearman = correlations(x, y, subjects=who, confidence=level)
    equivalence = tost_paired(
        x,
        y,
        margin_percent=settings.margin_percent,
        margin=settings.margin,
        subjects=who,
        method=cast("TostMethod", settings.tost),
        alpha=settings.alpha,
        **boot,
    )
    reference, prediction = _summary(x), _summary(y)
    return PairAgreement(
        name=column.name,
        measure=column.measure,
        unit=column.unit,
        strata=column.strata,
        by=by,
        subgroup=subgroup,
        n=len(x),
        n_subjects=len(x) if groups is None else int(groups.max()) + 1,
        dropped=column.dropped,
        reference_mean=reference[0],
        reference_sd=reference[1],
        prediction_mean=prediction[0],
        prediction_sd=prediction[1],
        bland_altman=bland_altman(x, y, subjects=who, limits=settings.limits, confidence=level),
        icc=icc(np.column_stack([x, y]), subjects=who, confidence=level, **boot),
        tost=equivalence,
        mae=mae,
        rmse=rmse,
        cv_percent=within_subject_cv(x, y),
        pearson=pearson,
        spearman=spearman,
        ols=ols(x, y, subjects=who, confidence=level),
        deming=deming(x, y, error_ratio=settings.deming_ratio, subjects=who, confidence=level),
        passing_bablok=passing_bablok(x, y, subjects=who, confidence=level),
        cases=_frozen(column.cases),
        reference=_frozen(x),
        prediction=_frozen(y),
    )


def _frozen(array: np.ndarray) -> np.ndarray:
    copy = array.copy()
    copy.setflags(write=False)
    return copy


def _summary(values: FloatArray) -> tuple[float, float]:
    mean = float(values.mean()) if len(values) else math.nan
    return mean, float(values.std(ddof=1)) if len(values) > 1 else math.nan


def _subgroups(column: PairedColumn, settings: Settings) -> list[PairAgreement]:
    found = []
    for by, values in column.subgroups.items():
        names = sorted({str(v) for v in values if v})
        if len(names) > MAX_SUBGROUPS:
            raise AgreementError(
                f"column {by} has {len(names)} different values, too many for subgroups",
                hint=f"Group it first into at most {MAX_SUBGROUPS}",
            )
        for value in names:
            rows = values == value
            part = replace(
                column,
                cases=column.cases[rows],
                subjects=None if column.subjects is None else column.subjects[rows],
                reference=column.reference[rows],
                prediction=column.prediction[rows],
                dropped=(),
            )
            found.append(_agreement(part, settings, by=by, subgroup=value))
    return found


def _dropped_notes(columns: Sequence[PairedColumn]) -> list[str]:
    return [
        f"{c.name}: {len(c.dropped)} case(s) left out for a missing value: "
        f"{name_some(list(c.dropped))}"
        for c in columns
        if c.dropped
    ]


def _subgroup_notes(columns: Sequence[PairedColumn]) -> list[str]:
    notes = []
    for column in columns:
        for by, values in column.subgroups.items():
            empty = column.cases[values == ""]
            if len(empty):
                notes.append(
                    f"{column.name}: {len(empty)} case(s) without a value of {by} are in no "
                    f"subgroup: {name_some([str(c) for c in empty])}"
                )
    return notes


def _with_holm(pairs: list[PairAgreement]) -> tuple[PairAgreement, ...]:
    tests = holm([pair.tost.p for pair in pairs])
    trends = holm([pair.bland_altman.proportional_p for pair in pairs])
    return tuple(
        replace(
            pair,
            tost=pair.tost.with_holm(float(test)),
            bland_altman=pair.bland_altman.with_holm(float(trend)),
        )
        for pair, test, trend in zip(pairs, tests, trends, strict=True)
    )
