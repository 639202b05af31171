"""The unit that a column's name states, and columns that seem to mix two units."""

from __future__ import annotations

import re

import numpy as np

from lpm_segmentator.agreement.estimate import FloatArray
from lpm_segmentator.core.errors import AgreementError, Remedy

_BY_ENDING = {
    "ml": "mL",
    "cm3": "cm³",
    "mm3": "mm³",
    "mm2": "mm²",
    "cm2": "cm²",
    "mm": "mm",
    "cm": "cm",
    "percent": "%",
    "pct": "%",
    "deg": "°",
    "hu": "HU",
}
# Names without a unit: the published tables' volumes are mL; ratios and overlaps have none.
_BY_START = (
    (r"volume\d*", "mL"),
    (r"(fat_)?(ratio|fraction)\d*", ""),
    (r"(dsc|dice|jaccard|nsd)(_.*)?", ""),
)
# Mistakes that occur: mm³ for mL, mm² for cm², a fraction for per cent, mm for cm.
_COLUMN_FACTORS = (10.0, 100.0, 1000.0, 1e4, 1e6)
_ROW_FACTORS = (100.0, 1000.0, 1e6)
_TWICE = 2.0  # two values of one case in one unit differ by less
_ENOUGH = 5  # cases that define a usual size
_MOST = 0.5
_DIFFERENCE = re.compile("asymmetry|difference", re.IGNORECASE)


def unit_of(name: str) -> str:
    """Return the unit of a measure, as its name states it.

    Parameters
    ----------
    name : str

    Returns
    -------
    str
        "" if it has none, or its name does not state it.

    Examples
    --------
    >>> unit_of("volume1"), unit_of("csa_mm2"), unit_of("fat_ratio")
    ('mL', 'mm²', '')
    """
    lower = name.lower()
    for part in reversed(re.split(r"[_\s.\-]+", lower)):
        if part in _BY_ENDING:
            return _BY_ENDING[part]
    for pattern, unit in _BY_START:
        if re.fullmatch(pattern, lower):
            return unit
    return ""


def _near(ratio: FloatArray, factor: float, tolerance: float) -> np.ndarray:
    """Return whether each ratio is near a factor, on a logarithmic scale."""
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.abs(np.log(ratio) - np.log(factor))
    return np.asarray(distance <= np.log1p(tolerance))


_HINT = f"Convert {{}}; if the values are right, pass {Remedy.NO_UNIT_CHECK}"


def check_one_unit(
    name: str, cases: list[str], reference: FloatArray, prediction: FloatArray
) -> None:
    """Refuse a pair whose values seem to be in two units.

    Three signs: the median of prediction/reference is within 20 % of a power of ten from 10 on;
    single cases where that ratio is within 5 % of 100, 1000 or 10⁶ while that of the others is
    near 1; cases whose two values are both 100 times above (or below) the medians of the columns.

    Parameters
    ----------
    name : str
        Of the pair, for the message.
    cases : list of str, length n
    reference, prediction : ndarray of float64, shape (n,)

    Raises
    ------
    AgreementError
        The message gives the factor and the cases.

    Notes
    -----
    Asymmetries and differences scatter around 0, where ratios say nothing: they are not checked.
    """
    usable = (reference > 0) & (prediction > 0)
    is_signed = bool((reference < 0).any() or (prediction < 0).any())
    if not usable.any() or is_signed or _DIFFERENCE.search(name):
        return
    ratio = prediction[usable] / reference[usable]
    median = float(np.median(ratio))
    for factor in _COLUMN_FACTORS:
        for side in (factor, 1 / factor):
            if _near(np.array([median]), side, 0.2)[0]:
                raise AgreementError(
                    f"{name}: the median of prediction / reference is near {side:g}, so that the "
                    "two columns seem to be in different units",
                    hint=_HINT.format("one of them"),
                    remedy=Remedy.NO_UNIT_CHECK,
                )
    odd = _odd_rows(ratio, reference[usable], prediction[usable], median)
    if odd.any():
        names = [case for case, ok in zip(cases, usable, strict=True) if ok]
        shown = [case for case, bad in zip(names, odd, strict=True) if bad]
        raise AgreementError(
            f"{name}: the values of {list_names(shown)} differ from the others by a factor of a "
            "unit (100 or 1000), so that the rows seem to mix units",
            hint=_HINT.format("these rows"),
            remedy=Remedy.NO_UNIT_CHECK,
        )


def _odd_rows(
    ratio: FloatArray, reference: FloatArray, prediction: FloatArray, median: float
) -> np.ndarray:
    """Mark the cases that seem to be in another unit than the others; bool, shape (n,)."""
    odd = np.zeros(ratio.shape, dtype=bool)
    if 1 / _TWICE < median < _TWICE:
        for factor in _ROW_FACTORS:
            odd |= _near(ratio, factor, 0.05) | _near(ratio, 1 / factor, 0.05)
    if len(ratio) >= _ENOUGH:
        level = np.sqrt(reference * prediction)
        away = np.abs(np.log(level / np.median(level)))
        together = np.abs(np.log(ratio)) < np.log(_TWICE)
        # All the others must lie close, or the spread is the measure's own.
        close = away < np.log(20)
        if close.mean() > _MOST:
            odd |= together & (away > np.log(100))
    return odd


def list_names(names: list[str], most: int = 5) -> str:
    """List names for a message: the first few, and how many more there are.

    Parameters
    ----------
    names : list of str
    most : int
        How many are listed.

    Returns
    -------
    str
    """
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
