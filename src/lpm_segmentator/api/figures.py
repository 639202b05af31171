"""From a folder that a run left to all figures of the study."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

from lpm_segmentator.api.run import prepare_output
from lpm_segmentator.core import InputError, TableError
from lpm_segmentator.io import read_table

if TYPE_CHECKING:
    import pandas as pd

    from lpm_segmentator.agreement import Comparison

__all__ = ["draw_study"]

logger = logging.getLogger(__name__)

_SEQUENCE = re.compile(r"(?<![A-Za-z0-9])(T1w?|T2w?|water|fat|dixon)(?![A-Za-z0-9])", re.IGNORECASE)
_UNNAMED = "all sequences"


def draw_study(out: Path, target: Path, *, sequences: Path | None = None) -> list[Path]:
    """Draw every figure that the tables of a run allow, as PDF, SVG and PNG.

    Parameters
    ----------
    out : Path
        What ``lpm run`` left. Cases with a reference give agreement and Dice, levels give profiles.
    target : Path
        Folder for the figures.
    sequences : Path, optional
        Table with the columns case and sequence; otherwise the words T1w, T2w and the like are
        looked for in the case's name.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    InputError
        If the folder holds no measures.
    TableError
        If a table cannot be read, or lists no sequence of a case or a case twice.
    OutputError
        If a figure cannot be written.
    """
    if not (out / "measures.csv").exists():
        raise InputError("holds no measures.csv", where=out, hint="Give the folder of 'lpm run'")
    from lpm_segmentator.report.figures import save_figure, study_figures

    measures = read_table(
        out / "measures.csv", required=("case", "muscle", "side", "level", "level_kind")
    )
    # Figures of single muscles; the sum of both would hide their difference.
    muscles = measures[measures["muscle"].isin(["ES", "MF"])]
    leveled = muscles["level_kind"].isin(["disc", "vertebra"]).any()
    figures = study_figures(
        _compared(out),
        accuracy=_accuracy(out, sequences),
        measures=muscles,
        profile=_profile(muscles) if leveled else (),
        asymmetry_level="all" if (muscles["level"] == "all").any() else None,
    )
    prepare_output(target)
    return [p for stem, figure in figures.items() for p in save_figure(figure, target / stem)]


def _profile(measures: pd.DataFrame) -> tuple[str, ...]:
    """Area, and fat by the Dixon pairs or else by brightness."""
    fats = [
        c for c in ("fat_ratio", "fat_gmm3_soft") if c in measures and measures[c].notna().any()
    ]
    return ("csa_mean_mm2", *fats[:1])


def _compared(out: Path) -> Comparison | None:
    """Compare volumes and fat ratios with those of the references, where there are some."""
    from lpm_segmentator.agreement import AgreementError, NoPairsError, compare_table

    tables = [
        read_table(out / name, required=("case",))
        for name in ("volumes.csv", "fat_ratios.csv")
        if (out / name).exists()
    ]
    paired = [t for t in tables if any(str(c).endswith("_gd") for c in t.columns)]
    if not paired:
        return None
    table = paired[0]
    for other in paired[1:]:
        table = table.merge(other, on="case", how="outer")
    try:
        return compare_table(table)
    except NoPairsError as error:
        logger.warning("no figures of agreement: %s", error)
        return None
    except AgreementError as error:
        raise TableError(error.what, where=out, hint=error.hint) from error


def _accuracy(out: Path, sequences: Path | None) -> pd.DataFrame | None:
    if not (out / "accuracy.csv").exists():
        return None
    table = read_table(out / "accuracy.csv", required=("case", "dsc_global"))
    cases = table["case"].astype(str)
    if sequences is None:
        return table.assign(sequence=[_named(case) for case in cases])
    listed = read_table(sequences, required=("case", "sequence"))
    twice = sorted(set(listed["case"][listed["case"].duplicated()].astype(str)))
    if twice:
        raise TableError(f"lists more than once: {', '.join(twice[:5])}", where=sequences)
    by_case = dict(zip(listed["case"].astype(str), listed["sequence"].astype(str), strict=True))
    unknown = [case for case in cases if case not in by_case]
    if unknown:
        raise TableError(
            f"lists no sequence of {len(unknown)} cases: {', '.join(unknown[:5])}",
            where=sequences,
            hint="Names are matched whole",
        )
    return table.assign(sequence=[by_case[case] for case in cases])


def _named(case: str) -> str:
    found = _SEQUENCE.search(case)
    return found.group(1) if found else _UNNAMED
