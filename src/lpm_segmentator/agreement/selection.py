"""Which measures and rows of the tables of a run are compared by default.

``paired_measures.csv`` holds every measure of every muscle, side and level: some hundred pairs,
many of which say the same. The default selection is listed here, and only here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_VERTEBRA = re.compile(r"[A-Z]\d+")
_DISC = re.compile(r"[A-Z]\d+-[A-Z]\d+")

#: measure → the levels at which it is compared beside the whole stack: volumes between discs,
#: areas and fat in the slices of the discs
DEFAULT_MEASURES: Mapping[str, re.Pattern[str]] = {
    "volume_ml": _VERTEBRA,
    "csa_mean_mm2": _DISC,
    "lean_csa_mean_mm2": _DISC,
    "lean_csa_mean_gmm3_mm2": _DISC,
    "fat_ratio": _DISC,
    "fat_fraction_mean": _DISC,
    "fat_gmm3_soft": _DISC,
    "volume_asymmetry_percent": _VERTEBRA,
    "csa_asymmetry_percent": _DISC,
    "fat_ratio_side_difference": _DISC,
}

#: the default measures that are drawn: volume, area and fat; the tables have all of them
DRAWN_MEASURES = ("volume_ml", "csa_mean_mm2", "fat_ratio", "fat_gmm3_soft")

_MUSCLES = ("ES", "MF")
_ROW_COLUMNS = {"muscle", "side", "level"}


def is_default_row(measure: str, strata: Mapping[str, str]) -> bool:
    """Return whether a measure is compared in a muscle, side and level by default.

    Parameters
    ----------
    measure : str
    strata : mapping of str to str
        With the keys muscle, side and level.

    Returns
    -------
    bool
        True for single muscles, for single sides (of asymmetries for both sides), in the whole
        stack and at the levels of `DEFAULT_MEASURES` (of other measures at all levels).
    """
    muscle, side, level = (strata.get(name, "") for name in ("muscle", "side", "level"))
    is_of_both_sides = re.search("asymmetry|difference", measure) is not None
    levels = DEFAULT_MEASURES.get(measure)
    return (
        muscle in _MUSCLES
        and (side == "both") is is_of_both_sides
        and (level == "all" or levels is None or levels.fullmatch(level) is not None)
    )


def is_default_pair(measure: str, strata: Mapping[str, str]) -> bool:
    """Return whether a pair is in the default selection.

    Parameters
    ----------
    measure : str
    strata : mapping of str to str
        With the keys muscle, side and level.

    Returns
    -------
    bool
        Whether the measure is one of `DEFAULT_MEASURES` and `is_default_row` holds.
    """
    return measure in DEFAULT_MEASURES and is_default_row(measure, strata)


def default_selection(
    table: pd.DataFrame, measures: Iterable[str] | None = None
) -> Callable[[str, Mapping[str, str]], bool] | None:
    """Return the default selection for a table, for ``TableOptions.selection``.

    Parameters
    ----------
    table : DataFrame
    measures : iterable of str, optional
        The measures that the user chose; then only the rows are selected.

    Returns
    -------
    callable or None
        None, which compares everything, if the table is not one of a run: it lacks muscles, sides
        and levels named as in a run, or all default measures.
    """
    columns = {str(c) for c in table.columns}
    if not columns >= _ROW_COLUMNS or not columns & set(DEFAULT_MEASURES):
        return None
    muscles, levels = ({str(v) for v in table[c].dropna()} for c in ("muscle", "level"))
    if not muscles <= {*_MUSCLES, "+".join(_MUSCLES)} or "all" not in levels:
        return None
    return is_default_pair if measures is None else is_default_row
