"""Figures of a study. A table or a result in, a figure out.

Every function returns a `matplotlib.figure.Figure` that belongs to no window; `save_figure`
writes it. Colours are those of Okabe & Ito and never the only mark of a difference.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
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
from lpm_segmentator.report.style import save_figure
from lpm_segmentator.report.words import NoValuesError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = [
    "asymmetry_figure",
    "bland_altman_figure",
    "level_profile_figure",
    "overlap_figure",
    "pair_stems",
    "reference_automatic_figure",
    "save_figure",
    "scatter_figure",
    "study_figures",
]

logger = logging.getLogger(__name__)


def study_figures(
    comparison: Comparison | None = None,
    *,
    accuracy: pd.DataFrame | None = None,
    measures: pd.DataFrame | None = None,
    profile: Sequence[str] = ("csa_mm2", "fat_ratio"),
    asymmetry: str = "volume_ml",
    asymmetry_level: str | None = None,
) -> dict[str, Figure]:
    """Draw every figure that the given tables allow.

    Parameters
    ----------
    comparison : Comparison, optional
        Gives ``bland_altman_<name>`` and ``scatter_<name>`` of each pair over all cases, and
        ``reference_automatic_<measure>`` of those that share a unit.
    accuracy : DataFrame, optional
        One row a case with ``dsc_global`` and ``sequence``: gives ``overlap``.
    measures : DataFrame, optional
        Tidy measures: gives ``levels`` and ``asymmetry``.
    profile, asymmetry
        Columns of `measures` to draw; an empty profile draws no levels.
    asymmetry_level : str, optional
        The level whose asymmetry is drawn, where `measures` has several.

    Returns
    -------
    dict of str to Figure
        By a name that serves as a file's stem.
    """
    figures: dict[str, Figure] = {}
    for pair in comparison.overall if comparison is not None else ():
        if pair.n:
            altman, scatter, _ = pair_stems(pair.name, pair.measure)
            figures[altman] = bland_altman_figure(pair)
            figures[scatter] = scatter_figure(pair)
    if comparison is not None:
        for stem, pairs in _same_quantity(comparison).items():
            figures[stem] = reference_automatic_figure(pairs)
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
    """Leave out a figure whose values are all undefined, and say so; others can be drawn."""
    try:
        yield
    except NoValuesError as error:
        logger.warning("no figure %s: %s", name, error)


def pair_stems(name: str, measure: str) -> tuple[str, str, str]:
    """Return the names of a pair's figures; the third is shared with others of its measure.

    Examples
    --------
    >>> pair_stems("volume1", "volume1")
    ('bland_altman_volume1', 'scatter_volume1', 'reference_automatic_volume')
    """
    own = re.sub(r"[^\w.-]+", "_", name)
    shared = re.sub(r"[^\w.-]+", "_", re.sub(r"(?<!\d)_?\d$", "", measure))
    return f"bland_altman_{own}", f"scatter_{own}", f"reference_automatic_{shared}"


def _same_quantity(comparison: Comparison) -> dict[str, list[PairAgreement]]:
    """Group the pairs that belong on one axis: volume1 … volume4, or one measure's strata."""
    found: dict[str, list[PairAgreement]] = {}
    for pair in comparison.overall:
        if pair.n:
            *_, shared = pair_stems(pair.name, pair.measure)
            found.setdefault(shared, []).append(pair)
    return found
