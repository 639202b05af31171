"""From a table of pairs to agreement: ``agreement.csv``, ``agreement.json`` and figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lpm_segmentator.api.steps import refuse_overwriting
from lpm_segmentator.core import TableError
from lpm_segmentator.io import read_table, write_json, write_table

if TYPE_CHECKING:
    from pathlib import Path

    from lpm_segmentator.agreement import Comparison

__all__ = ["ComparisonFiles", "compare_file"]


@dataclass(frozen=True)
class ComparisonFiles:
    """A comparison and the files that tell it."""

    comparison: Comparison
    written: tuple[Path, ...]


def compare_file(path: Path, out: Path, *, plots: bool = True, **options: Any) -> ComparisonFiles:
    """Compare the paired columns of a CSV and write what comes out.

    Parameters
    ----------
    path : Path
        Wide (``volume1_gd, volume1_ai``, …) or long.
    out : Path
        Folder for ``agreement.csv``, ``agreement.json`` and the figures (PDF, SVG, PNG).
    plots : bool
        Whether to draw.
    **options
        As `lpm_segmentator.agreement.compare_table`.

    Raises
    ------
    TableError
        If the table cannot be read or compared as asked.
    OutputError
        If a result cannot be written, or would replace `path`.
    """
    # Imported here, since it brings scipy.stats, which costs other commands half a second.
    from lpm_segmentator.agreement import AgreementError, compare_table

    written = [out / "agreement.csv", out / "agreement.json"]
    refuse_overwriting(written, [path])
    table = read_table(path)
    try:
        comparison = compare_table(table, **options)
    except AgreementError as error:
        raise TableError(error.what, where=path, hint=error.hint) from error
    write_table(comparison.to_rows(), written[0])
    write_json(comparison.to_dict(), written[1])
    if plots:
        written += _draw(comparison, out)
    return ComparisonFiles(comparison, tuple(written))


def _draw(comparison: Comparison, out: Path) -> list[Path]:
    from lpm_segmentator.report.figures import save_figure, study_figures

    written: list[Path] = []
    for stem, figure in study_figures(comparison).items():
        written += save_figure(figure, out / stem)
    return written
