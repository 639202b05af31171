"""Figures of a study. A table or a result in, a figure out.

Every function returns a `matplotlib.figure.Figure` that belongs to no window. Colours are those of
Okabe & Ito and never the only mark of a difference.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lpm_segmentator.agreement import Comparison, PairAgreement
from lpm_segmentator.report.figures_agreement import (
    bland_altman_figure,
    reference_automatic_figure,
    scatter_figure,
)
from lpm_segmentator.report.figures_measures import (
    asymmetry_figure,
    level_profile_figure,
    overlap_figure,
)
from lpm_segmentator.report.words import NoValuesError, figure_stem

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = [
    "AGREEMENT_KINDS",
    "agreement_figures",
    "asymmetry_figure",
    "bland_altman_figure",
    "level_profile_figure",
    "overlap_figure",
    "pair_stems",
    "reference_automatic_figure",
    "scatter_figure",
    "study_figures",
]

logger = logging.getLogger(__name__)

#: kinds of figures of a comparison
AGREEMENT_KINDS = ("bland_altman", "scatter", "reference_automatic")


def agreement_figures(
    comparison: Comparison,
    *,
    kinds: Collection[str] = AGREEMENT_KINDS,
    measures: Collection[str] | None = None,
    levels: Collection[str] | None = None,
) -> dict[str, Figure]:
    """Draw the agreement of each measure, with a panel for each muscle and side.

    Parameters
    ----------
    comparison : Comparison
        Its pairs over all cases are drawn, a figure for each measure and level.
    kinds : collection of str
        Of `AGREEMENT_KINDS`.
    measures, levels : collection of str, optional
        Only these; all by default.

    Returns
    -------
    dict of str to Figure
        By the name of its file without ending, such as ``bland_altman_csa_mean_mm2_L4-L5``.
    """
    draw = {
        "bland_altman": bland_altman_figure,
        "scatter": scatter_figure,
        "reference_automatic": reference_automatic_figure,
    }
    pairs_by_stem: dict[str, tuple[str, list[PairAgreement]]] = {}
    for pair in comparison.overall:
        strata = dict(pair.strata)
        if measures is not None and pair.measure not in measures:
            continue
        if levels is not None and strata.get("level", "all") not in levels:
            continue
        for kind in kinds:
            stem = figure_stem(kind, pair.measure, strata)
            pairs_by_stem.setdefault(stem, (kind, []))[1].append(pair)
    return {stem: draw[kind](pairs) for stem, (kind, pairs) in pairs_by_stem.items()}


def pair_stems(measure: str, strata: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the figures that show a pair, without ending.

    Parameters
    ----------
    measure : str
    strata : mapping of str to str

    Returns
    -------
    tuple of str
        One for each of `AGREEMENT_KINDS`.

    Examples
    --------
    >>> pair_stems("volume1", {})
    ('bland_altman_volume', 'scatter_volume', 'reference_automatic_volume')
    """
    return tuple(figure_stem(kind, measure, strata) for kind in AGREEMENT_KINDS)


def study_figures(
    *,
    accuracy: pd.DataFrame | None = None,
    measures: pd.DataFrame | None = None,
    profile: Sequence[str] = ("csa_mean_mm2", "fat_ratio"),
    asymmetry: str = "volume_ml",
    asymmetry_level: str | None = None,
) -> dict[str, Figure]:
    """Draw every figure of measures and accuracy that the given tables allow.

    Parameters
    ----------
    accuracy : DataFrame, optional
        One row per case with ``dsc_global`` and ``sequence``: gives ``overlap``.
    measures : DataFrame, optional
        Tidy measures: gives ``levels`` and ``asymmetry``.
    profile : sequence of str
        Columns of `measures` to draw along the levels; without any, ``levels`` is left out.
    asymmetry : str
        Column of `measures` whose asymmetry is drawn.
    asymmetry_level : str, optional
        The level whose asymmetry is drawn, if `measures` has several.

    Returns
    -------
    dict of str to Figure
        By the name of its file without ending.
    """
    figures: dict[str, Figure] = {}
    if accuracy is not None:
        with _if_any_value("overlap"):
            figures["overlap"] = overlap_figure(accuracy)
    if measures is not None:
        if profile:
            with _if_any_value("levels"):
                figures["levels"] = level_profile_figure(measures, measures=profile)
        with _if_any_value("asymmetry"):
            figures["asymmetry"] = asymmetry_figure(
                measures, measure=asymmetry, level=asymmetry_level
            )
    return figures


@contextmanager
def _if_any_value(name: str) -> Iterator[None]:
    """Skip a figure whose values are all undefined, with a warning."""
    try:
        yield
    except NoValuesError as error:
        logger.warning("figure %s was not drawn: %s", name, error)
