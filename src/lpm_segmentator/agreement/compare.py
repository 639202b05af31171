"""Agreement of two columns, and of all pairs of a table."""

from __future__ import annotations

import math
from collections.abc import Sequence, Sized
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike

from lpm_segmentator.agreement.bland_altman import bland_altman
from lpm_segmentator.agreement.deviation import absolute_errors, correlations, within_subject_cv
from lpm_segmentator.agreement.estimate import FloatArray, group_codes, paired_arrays
from lpm_segmentator.agreement.icc import icc
from lpm_segmentator.agreement.multiplicity import holm
from lpm_segmentator.agreement.options import TableOptions
from lpm_segmentator.agreement.paired_table import PairedColumn, read_pairs
from lpm_segmentator.agreement.regression import deming, ols, passing_bablok
from lpm_segmentator.agreement.result import Comparison, PairAgreement
from lpm_segmentator.agreement.settings import Settings
from lpm_segmentator.agreement.tost import TostMethod, tost_paired
from lpm_segmentator.agreement.units import list_names
from lpm_segmentator.core.errors import AgreementError

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
    subjects : array_like of str, shape (n,), optional
        The subject of each case, if subjects have several.
    name, unit : str
        For tables and figures.
    settings : Settings, optional

    Returns
    -------
    PairAgreement
        What is undefined for these data is ``nan`` with a reason.

    Raises
    ------
    AgreementError
        If the values are not pairs of finite numbers, or a setting is out of its range.
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


def compare_table(table: pd.DataFrame, **choices: Any) -> Comparison:
    """Compare all paired columns of a table.

    Parameters
    ----------
    table : DataFrame
        Wide (``volume1_gd, volume1_ai``), tidy wide (``volume_ml_reference,
        volume_ml_prediction`` beside muscle, side, level) or long (a ``source`` column).
    **choices
        Any attribute of `TableOptions`, how the table is read, and of `Settings`, how the
        agreement is computed, such as ``by="sequence"`` or ``margin_percent=10``.

    Returns
    -------
    Comparison
        Holm's correction is over all pairs and subgroups, separately for the equivalence tests
        and the proportional-bias tests.

    Raises
    ------
    TableError
        If a column is missing.
    AgreementError
        If the table cannot be compared as requested.
    """
    options, settings = _split(choices)
    paired = read_pairs(table, options)
    results: list[PairAgreement] = []
    for column in paired.pairs:
        results.append(_agreement(column, settings))
        results += _subgroups(column, settings)
    notes = [*paired.notes, *_dropped_notes(paired.pairs), *_subgroup_notes(paired.pairs)]
    return Comparison(_with_holm(results), settings, tuple(dict.fromkeys(notes)))


def _split(choices: dict[str, Any]) -> tuple[TableOptions, Settings]:
    """Split keywords into how the table is read and how the agreement is computed."""
    settings, options = (
        {field.name: choices[field.name] for field in fields(kind) if field.name in choices}
        for kind in (Settings, TableOptions)
    )
    unknown = [name for name in choices if name not in {*settings, *options}]
    if unknown:
        raise TypeError(f"compare_table got unexpected keywords: {', '.join(unknown)}")
    return TableOptions(**options), Settings(**settings)


def _agreement(
    column: PairedColumn, settings: Settings, *, by: str = "", subgroup: str = ""
) -> PairAgreement:
    """Compute every agreement statistic of one pair."""
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
    """Return a copy that cannot be changed."""
    copy = array.copy()
    copy.setflags(write=False)
    return copy


def _summary(values: FloatArray) -> tuple[float, float]:
    """Return mean and standard deviation (n - 1)."""
    mean = float(values.mean()) if len(values) else math.nan
    return mean, float(values.std(ddof=1)) if len(values) > 1 else math.nan


def _subgroups(column: PairedColumn, settings: Settings) -> list[PairAgreement]:
    """Compute the agreement of each subgroup of a pair."""
    results = []
    for by, values in column.subgroups.items():
        names = sorted({str(v) for v in values if v})
        if len(names) > MAX_SUBGROUPS:
            raise AgreementError(
                f"column {by} has {len(names)} different values, too many for subgroups",
                hint=f"Group them into at most {MAX_SUBGROUPS}",
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
            results.append(_agreement(part, settings, by=by, subgroup=value))
    return results


def _dropped_notes(columns: Sequence[PairedColumn]) -> list[str]:
    """Name the cases left out, once for all pairs that lack the same ones."""
    names_by_cases: dict[tuple[str, ...], list[str]] = {}
    for column in columns:
        if column.dropped:
            names_by_cases.setdefault(tuple(sorted(column.dropped)), []).append(column.name)
    return [
        f"{list_names(names, 3)}: {_cases(cases)} left out for a missing value: "
        f"{list_names(list(cases))}"
        for cases, names in names_by_cases.items()
    ]


def _subgroup_notes(columns: Sequence[PairedColumn]) -> list[str]:
    """Name the cases that belong to no subgroup, once for all pairs."""
    cases_by_column: dict[str, dict[str, None]] = {}
    for column in columns:
        for by, values in column.subgroups.items():
            names = (str(case) for case in column.cases[values == ""])
            cases_by_column.setdefault(by, {}).update(dict.fromkeys(names))
    return [
        f"{_cases(cases)} without a value of {by} in no subgroup: {list_names(list(cases))}"
        for by, cases in cases_by_column.items()
        if cases
    ]


def _cases(cases: Sized) -> str:
    return f"{len(cases)} case{'' if len(cases) == 1 else 's'}"


def _with_holm(pairs: list[PairAgreement]) -> tuple[PairAgreement, ...]:
    """Correct the p-values of all pairs for each other."""
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
