"""Results of a comparison, ready for a table or for JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from lpm_segmentator.agreement.bland_altman import BlandAltmanResult
from lpm_segmentator.agreement.estimate import Estimate, FloatArray
from lpm_segmentator.agreement.icc import IccResult
from lpm_segmentator.agreement.regression import LineFit
from lpm_segmentator.agreement.settings import Settings
from lpm_segmentator.agreement.tost import TostResult
from lpm_segmentator.core.errors import AgreementError

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True, eq=False)
class PairAgreement:
    """Agreement of one measure, in one stratum, in all cases or one subgroup.

    Attributes
    ----------
    name, measure, unit : str
        Such as "volume_ml ES R all", "volume_ml" and "mL".
    strata : tuple of (str, str)
        Such as (("muscle", "ES"), ("side", "R"), ("level", "all")).
    by, subgroup : str
        Column and value of the subgroup; both "" for all cases.
    n, n_subjects : int
        Number of cases, and of independent units among them.
    dropped : tuple of str
        Cases left out because a value was missing or not finite.
    reference_mean, reference_sd, prediction_mean, prediction_sd : float
        Over the cases, in the measure's unit, the standard deviations with n - 1.
    bland_altman : BlandAltmanResult
    icc : IccResult
    tost : TostResult
    mae, rmse, cv_percent, pearson, spearman : Estimate
        Mean absolute and root mean square difference in the measure's unit, within-subject
        coefficient of variation in per cent, correlations.
    ols, deming, passing_bablok : LineFit
        Regression lines of the prediction on the reference.
    cases, reference, prediction : ndarray, shape (n,)
        Names and values of the cases, for figures; not written to tables.
    """

    name: str
    measure: str
    unit: str
    strata: tuple[tuple[str, str], ...]
    by: str
    subgroup: str
    n: int
    n_subjects: int
    dropped: tuple[str, ...]
    reference_mean: float
    reference_sd: float
    prediction_mean: float
    prediction_sd: float
    bland_altman: BlandAltmanResult
    icc: IccResult
    tost: TostResult
    mae: Estimate
    rmse: Estimate
    cv_percent: Estimate
    pearson: Estimate
    spearman: Estimate
    ols: LineFit
    deming: LineFit
    passing_bablok: LineFit
    cases: np.ndarray = field(repr=False)
    reference: FloatArray = field(repr=False)
    prediction: FloatArray = field(repr=False)

    @property
    def estimates(self) -> dict[str, Estimate]:
        """Every statistic that has an interval, by its column name."""
        return {
            "bias": self.bland_altman.bias,
            "loa_lower": self.bland_altman.lower,
            "loa_upper": self.bland_altman.upper,
            "proportional_bias": self.bland_altman.proportional,
            "icc_1_1": self.icc.one_way,
            "icc_a_1": self.icc.agreement,
            "icc_c_1": self.icc.consistency,
            "mae": self.mae,
            "rmse": self.rmse,
            "cv_percent": self.cv_percent,
            "pearson": self.pearson,
            "spearman": self.spearman,
            "ols_slope": self.ols.slope,
            "ols_intercept": self.ols.intercept,
            "deming_slope": self.deming.slope,
            "deming_intercept": self.deming.intercept,
            "passing_bablok_slope": self.passing_bablok.slope,
            "passing_bablok_intercept": self.passing_bablok.intercept,
        }

    @property
    def reasons(self) -> dict[str, str]:
        """Why a statistic or its interval is undefined, by its column name."""
        reasons = {name: e.reason for name, e in self.estimates.items() if e.reason}
        if self.tost.reason:
            reasons["tost"] = self.tost.reason
        return reasons

    def to_row(self) -> dict[str, Scalar]:
        """Return one flat row: the value of each statistic, then its ``_low`` and ``_high`` bounds.

        Returns
        -------
        dict of str to str, int, float, bool or None
        """
        row: dict[str, Scalar] = {
            "name": self.name,
            "measure": self.measure,
            "unit": self.unit,
            **dict(self.strata),
            "by": self.by,
            "subgroup": self.subgroup,
            "n": self.n,
            "n_subjects": self.n_subjects,
            "n_dropped": len(self.dropped),
            "dropped_cases": ";".join(self.dropped),
            "reference_mean": self.reference_mean,
            "reference_sd": self.reference_sd,
            "prediction_mean": self.prediction_mean,
            "prediction_sd": self.prediction_sd,
        }
        for name, estimate in self.estimates.items():
            row[name] = estimate.value
            if name != "cv_percent":
                row[f"{name}_low"], row[f"{name}_high"] = estimate.low, estimate.high
        ba = self.bland_altman
        row |= {
            "loa_method": ba.method,
            "difference_sd": ba.sd,
            "between_subject_sd": ba.between_sd,
            "within_subject_sd": ba.within_sd,
            "proportional_bias_p": ba.proportional_p,
            "proportional_bias_p_holm": ba.proportional_p_holm,
            "spread_trend_rho": ba.spread_rho,
            "spread_trend_p": ba.spread_p,
            "icc_band": self.icc.band,
            "icc_interval": self.icc.interval,
        }
        row |= {f"tost_{key}": value for key, value in _tost_row(self.tost).items()}
        row["reasons"] = "; ".join(f"{key}: {why}" for key, why in self.reasons.items())
        return row

    def to_dict(self) -> dict[str, Any]:
        """Return the nested form without the data, for JSON; ``nan`` becomes None.

        Returns
        -------
        dict of str to Any
        """
        nested: dict[str, Any] = {
            key: getattr(self, key)
            for key in ("name", "measure", "unit", "by", "subgroup", "n", "n_subjects")
        }
        nested["strata"] = dict(self.strata)
        nested["dropped"] = list(self.dropped)
        for key in ("reference_mean", "reference_sd", "prediction_mean", "prediction_sd"):
            nested[key] = getattr(self, key)
        for key in (
            "bland_altman",
            "icc",
            "tost",
            "mae",
            "rmse",
            "cv_percent",
            "pearson",
            "spearman",
            "ols",
            "deming",
            "passing_bablok",
        ):
            nested[key] = asdict(getattr(self, key))
        cleaned: dict[str, Any] = _json_ready(nested)
        return cleaned


def _tost_row(tost: TostResult) -> dict[str, Scalar]:
    keys = (
        "method",
        "normality_p",
        "n",
        "mean_difference",
        "margin",
        "margin_percent",
        "low",
        "high",
        "t_lower",
        "t_upper",
        "p_lower",
        "p_upper",
        "p",
        "p_holm",
        "equivalent",
        "equivalent_holm",
        "n_resamples",
        "seed",
    )
    return {key: getattr(tost, key) for key in keys}


def _json_ready(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _json_ready(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json_ready(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Agreement of all pairs of a table.

    Attributes
    ----------
    pairs : tuple of PairAgreement
        For each measure and stratum all cases, then its subgroups; each with at least one case.
    settings : Settings
    notes : tuple of str
        What a reader should know: how cases were named, suspected repeated subjects, cases and
        measures left out.
    """

    pairs: tuple[PairAgreement, ...]
    settings: Settings
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[PairAgreement]:
        return iter(self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def find(self, name: str, *, by: str = "", subgroup: str = "") -> PairAgreement:
        """Return the pair of a name and subgroup.

        Parameters
        ----------
        name : str
            Such as "volume_ml ES R all".
        by, subgroup : str
            Column and value of the subgroup; both "" for all cases.

        Returns
        -------
        PairAgreement

        Raises
        ------
        AgreementError
            If there is none.
        """
        for pair in self.pairs:
            if (pair.name, pair.by, pair.subgroup) == (name, by, subgroup):
                return pair
        names = ", ".join(dict.fromkeys(pair.name for pair in self.pairs))
        where = f" with {by} = {subgroup}" if by else ""
        raise AgreementError(f"there is no pair {name}{where}", hint=f"The names are {names}")

    @property
    def overall(self) -> tuple[PairAgreement, ...]:
        """The pairs over all cases, without the subgroups."""
        return tuple(pair for pair in self.pairs if not pair.by)

    def to_rows(self) -> list[dict[str, Scalar]]:
        """Return one flat row per pair, all with the same keys in the same order.

        Returns
        -------
        list of dict
        """
        rows = [pair.to_row() for pair in self.pairs]
        keys = list(dict.fromkeys(key for row in rows for key in row))
        return [{key: row.get(key, "") for key in keys} for row in rows]

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the data as nested dicts and lists, for JSON.

        Returns
        -------
        dict of str to Any
        """
        return {
            "settings": _json_ready(asdict(self.settings)),
            "notes": list(self.notes),
            "pairs": [pair.to_dict() for pair in self.pairs],
        }
