"""From a table of pairs to agreement: ``agreement.csv``, ``agreement.json`` and figures."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lpm_segmentator.api.run import prepare_output
from lpm_segmentator.api.steps import refuse_overwriting
from lpm_segmentator.core import TableError
from lpm_segmentator.io import read_table, remove_file, write_json, write_table

if TYPE_CHECKING:
    from pathlib import Path

    from lpm_segmentator.agreement import Comparison

__all__ = ["ComparisonFiles", "compare_file"]

_FORMATS = ("pdf", "svg", "png")


@dataclass(frozen=True)
class ComparisonFiles:
    """A comparison and the files that tell it."""

    comparison: Comparison
    written: tuple[Path, ...]


def compare_file(path: Path, out: Path, *, plots: bool = True, **options: Any) -> ComparisonFiles:
    """Compare the paired columns of a CSV and write what comes out.

    Figures of an earlier comparison in the same folder are replaced or removed: none stays that
    shows other numbers than the tables.

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
    from lpm_segmentator.report.figures import save_figure, study_figures

    written = [out / "agreement.csv", out / "agreement.json"]
    refuse_overwriting(written, [path])
    table = read_table(path)
    try:
        comparison = compare_table(table, **options)
    except AgreementError as error:
        raise TableError(error.what, where=path, hint=error.hint) from error
    figures = study_figures(comparison) if plots else {}
    prepare_output(out)
    earlier = _figures_of(written[1])
    write_table(comparison.to_rows(), written[0])
    write_json(comparison.to_dict(), written[1])
    for old in earlier:
        remove_file(old)
    for stem, figure in figures.items():
        written += save_figure(figure, out / stem, formats=_FORMATS)
    return ComparisonFiles(comparison, tuple(written))


def _figures_of(earlier: Path) -> list[Path]:
    """Return the figures that go with an earlier ``agreement.json``, if there is one."""
    from lpm_segmentator.report.figures import pair_stems

    try:
        pairs = json.loads(earlier.read_text(encoding="utf-8"))["pairs"]
        stems = {stem for pair in pairs for stem in pair_stems(pair["name"], pair["measure"])}
    except (OSError, ValueError, KeyError, TypeError):  # none, or no file of ours
        return []
    return [earlier.with_name(f"{stem}.{ending}") for stem in stems for ending in _FORMATS]
