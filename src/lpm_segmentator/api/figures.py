"""From the folder of a run to all figures of the study."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from lpm_segmentator.api.compare import located
from lpm_segmentator.core import Contrast, InputError, NoPairsError, TableError
from lpm_segmentator.io import contrast_in_text, read_table
from lpm_segmentator.study.layout import StudyFolder
from lpm_segmentator.study.outputs import prepare_output

if TYPE_CHECKING:
    import pandas as pd

    from lpm_segmentator.agreement import Comparison

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
    """
    out, target = Path(out), Path(target)
    folder = StudyFolder(out)
    if not folder.table("measures").exists():
        raise InputError(
            "the folder has no measures.csv", where=out, hint="Give the output folder of a run"
        )
    from lpm_segmentator.report.figures import save_figure, study_figures

    measures = read_table(
        folder.table("measures"), required=("case", "muscle", "side", "level", "level_kind")
    )
    # Single muscles are drawn: their sum would hide that they differ.
    muscles = measures[measures["muscle"].isin(["ES", "MF"])]
    has_levels = muscles["level_kind"].isin(["disc", "vertebra"]).any()
    figures = study_figures(
        _compared(out),
        accuracy=_accuracy(out, sequences),
        measures=muscles,
        profile=_profile(muscles) if has_levels else (),
        asymmetry_level="all" if (muscles["level"] == "all").any() else None,
    )
    prepare_output(target)
    return [p for stem, figure in figures.items() for p in save_figure(figure, target / stem)]


def _profile(measures: pd.DataFrame) -> tuple[str, ...]:
    """Return the measures to draw along the levels: area, and fat (Dixon, or else intensity)."""
    fat = [c for c in ("fat_ratio", "fat_gmm3_soft") if c in measures and measures[c].notna().any()]
    return ("csa_mean_mm2", *fat[:1])


def _compared(out: Path) -> Comparison | None:
    """Compare volumes and fat ratios with those of the references, if there are any."""
    from lpm_segmentator.agreement import compare_table

    tables = [
        read_table(path, required=("case",))
        for path in map(StudyFolder(out).table, ("volumes", "fat_ratios"))
        if path.exists()
    ]
    paired = [t for t in tables if any(str(c).endswith("_gd") for c in t.columns)]
    if not paired:
        return None
    table = paired[0]
    for other in paired[1:]:
        table = table.merge(other, on="case", how="outer")
    try:
        with located(out):
            return compare_table(table)
    except NoPairsError as error:
        logger.warning("figures of agreement were not drawn: %s", error)
        return None


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
