"""From the folder of a run to all figures of the study."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from lpm_segmentator.api.compare import compared, drawn
from lpm_segmentator.core import Contrast, InputError, NoPairsError, TableError
from lpm_segmentator.io import contrast_in_text, read_table
from lpm_segmentator.measure.catalogue import CATALOGUE, DIXON_FAT, INTENSITY_FAT
from lpm_segmentator.report.style import check_drawable
from lpm_segmentator.study.layout import StudyFolder
from lpm_segmentator.study.outputs import prepare_output

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["draw_study"]

logger = logging.getLogger(__name__)

_UNNAMED = "all sequences"


def draw_study(
    out: str | Path, target: str | Path, *, sequences: str | Path | None = None
) -> list[Path]:
    """Draw every figure that the tables of a run allow, as PDF, SVG and PNG.

    Parameters
    ----------
    out : path-like
        Folder of a run. Cases with a reference give agreement and Dice, levels give profiles.
        Sizes of muscles that the border of the image cuts off are left out, with a warning.
    target : path-like
        Folder for the figures.
    sequences : path-like, optional
        Table with the columns case and sequence; by default the sequence is taken from the name
        of the case (T1w, T2w and the like).

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    InputError
        If the folder has no measures.
    TableError
        If a table cannot be read, lacks the sequence of a case, or lists a case twice.
    OutputError
        If a figure cannot be written.
    MissingExtraError
        If matplotlib is not installed.
    """
    check_drawable()
    out, target = Path(out), Path(target)
    folder = StudyFolder(out)
    if not folder.table("measures").exists():
        raise InputError(
            "the folder has no measures.csv", where=out, hint="Give the output folder of a run"
        )
    from lpm_segmentator.report.figures import study_figures
    from lpm_segmentator.study.pictures import save_figure

    measures = read_table(
        folder.table("measures"),
        required=("case", "muscle", "side", "level", "level_kind", "valid"),
    )
    # Single muscles are drawn: their sums would hide that they differ.
    is_single = measures["muscle"].isin(["ES", "MF"]) & measures["side"].isin(["R", "L"])
    muscles = _without_invalid_sizes(measures[is_single])
    has_levels = muscles["level_kind"].isin(["disc", "vertebra"]).any()
    figures = _agreement(out) | study_figures(
        accuracy=_accuracy(out, sequences),
        measures=muscles,
        profile=_profile(muscles) if has_levels else (),
        asymmetry_level="all" if (muscles["level"] == "all").any() else None,
    )
    prepare_output(target)
    return [p for stem, figure in figures.items() for p in save_figure(figure, target / stem)]


def _profile(measures: pd.DataFrame) -> tuple[str, ...]:
    """Return the measures to draw along the levels: area, and fat (Dixon, or else intensity)."""
    names = [preferred.fat.name for preferred in (DIXON_FAT, INTENSITY_FAT)]
    fat = [name for name in names if name in measures and measures[name].notna().any()]
    return ("csa_mean_mm2", *fat[:1])


def _without_invalid_sizes(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows without the sizes of muscles that the border of the image cuts off."""
    is_cut_off = rows["valid"].astype(str).str.lower() != "true"
    if not is_cut_off.any():
        return rows
    logger.warning(
        "%d of %d rows of measures.csv (a muscle, side and level each) are not valid, because the "
        "border of the image cuts the muscle off: their sizes were left out of the figures (number "
        "of cases: %d)",
        is_cut_off.sum(),
        len(rows),
        rows.loc[is_cut_off, "case"].nunique(),
    )
    sizes = {quantity.name for quantity in CATALOGUE.measures if quantity.needs_whole_muscle}
    rows = rows.copy()
    rows.loc[is_cut_off, [name for name in rows.columns if name in sizes]] = float("nan")
    return rows


def _agreement(out: Path) -> dict[str, Figure]:
    """Draw the agreement with the references, as `compare_file` compares it, if there are any."""
    from lpm_segmentator.report.figures import AGREEMENT_KINDS

    if not StudyFolder(out).table("paired_measures").exists():
        return {}
    try:
        comparison, is_selection = compared(out)
    except NoPairsError as error:
        logger.warning("figures of agreement were not drawn: %s", error)
        return {}
    return drawn(comparison, is_selection=is_selection, kinds=AGREEMENT_KINDS)


def _accuracy(out: Path, sequences: str | Path | None) -> pd.DataFrame | None:
    """Return the accuracy of each case with its sequence, if there is a reference."""
    path = StudyFolder(out).table("accuracy")
    if not path.exists():
        return None
    table = read_table(path, required=("case", "dsc_global"))
    cases = table["case"].astype(str)
    if sequences is None:
        return table.assign(sequence=[_sequence_in(case) for case in cases])
    listed = read_table(sequences, required=("case", "sequence"))
    repeated = sorted(set(listed["case"][listed["case"].duplicated()].astype(str)))
    if repeated:
        raise TableError(
            f"cases listed more than once: {', '.join(repeated[:5])}",
            where=sequences,
            hint="Keep one row per case",
        )
    by_case = dict(zip(listed["case"].astype(str), listed["sequence"].astype(str), strict=True))
    unknown = [case for case in cases if case not in by_case]
    if unknown:
        raise TableError(
            f"the table lacks {len(unknown)} cases: {', '.join(unknown[:5])}",
            where=sequences,
            hint="Names must be equal, not similar",
        )
    return table.assign(sequence=[by_case[case] for case in cases])


def _sequence_in(case: str) -> str:
    """Return the contrast that the name of a case states."""
    contrast = contrast_in_text(case)
    return _UNNAMED if contrast is Contrast.UNKNOWN else str(contrast)
