"""From a table of pairs to agreement: ``agreement.csv``, ``agreement.json`` and figures."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lpm_segmentator.core import FileFormatError, InputError, Remedy, TableError
from lpm_segmentator.io import read_json, read_table, remove_file, write_json, write_table
from lpm_segmentator.report.style import check_drawable
from lpm_segmentator.study.layout import StudyFolder
from lpm_segmentator.study.outputs import prepare_output, refuse_overwriting

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lpm_segmentator.agreement import Comparison

__all__ = ["ComparisonFiles", "compare_file", "compared", "drawn"]

_FORMATS = ("pdf", "svg", "png")


@dataclass(frozen=True)
class ComparisonFiles:
    """A comparison and its files.

    Attributes
    ----------
    comparison : Comparison
    written : tuple of Path
    is_selection : bool
        Whether the default selection of a run was compared, and not everything.
    """

    comparison: Comparison
    written: tuple[Path, ...]
    is_selection: bool = False


def compare_file(
    path: str | Path,
    out: str | Path,
    *,
    plots: bool = True,
    everything: bool = False,
    measures: Sequence[str] | None = None,
    **choices: Any,
) -> ComparisonFiles:
    """Compare the paired columns of a table; replace the results in the folder, figures included.

    Parameters
    ----------
    path : path-like
        A CSV, or the folder of a run, whose ``paired_measures.csv`` is compared.
    out : path-like
        Folder for ``agreement.csv``, ``agreement.json`` and the figures (PDF, SVG, PNG).
    plots : bool
        Whether to draw.
    everything : bool
        Whether all measures, muscles and levels of a run are compared, not the default selection.
    measures : sequence of str, optional
        Only these measures.
    **choices
        As `lpm_segmentator.agreement.compare_table`.

    Returns
    -------
    ComparisonFiles

    Raises
    ------
    InputError
        If a folder has no ``paired_measures.csv``.
    TableError
        If the table cannot be read or compared as requested.
    OutputError
        If a result cannot be written, or would replace `path`.
    MissingExtraError
        If figures are to be drawn and matplotlib is not installed. Nothing was written.
    """
    if plots:
        check_drawable()
    path, out = Path(path), Path(out)
    written = [out / "agreement.csv", out / "agreement.json"]
    refuse_overwriting(written, [_table_of(path)])
    comparison, is_selection = compared(path, everything=everything, measures=measures, **choices)
    figures = drawn(comparison, is_selection=is_selection) if plots else {}
    prepare_output(out)
    earlier = _figures_of(written[1])
    write_table(comparison.to_rows(), written[0])
    write_json(comparison.to_dict(), written[1])
    _replace_figures(earlier, figures, out, written)
    return ComparisonFiles(comparison, tuple(written), is_selection=is_selection)


def compared(
    path: Path, *, everything: bool = False, measures: Sequence[str] | None = None, **choices: Any
) -> tuple[Comparison, bool]:
    """Compare the paired columns of a table, or reference and mask of a run.

    Parameters
    ----------
    path : Path
        A CSV, or the folder of a run.
    everything, measures, **choices
        As `compare_file`.

    Returns
    -------
    Comparison
    bool
        Whether the default selection was compared, and not everything.

    Raises
    ------
    InputError
        If a folder has no ``paired_measures.csv``.
    TableError
        If the table cannot be read or compared as requested.
    """
    # Imported here, since it brings scipy.stats, which costs other commands half a second.
    from lpm_segmentator.agreement import compare_table, default_selection

    table_path = _table_of(path)
    if path.is_dir():  # a run writes one unit per column
        choices = {**choices, "check_units": False}
    table = read_table(table_path)
    selection = None if everything else default_selection(table, measures)
    with _located(table_path):
        comparison = compare_table(table, measures=measures, selection=selection, **choices)
    return comparison, selection is not None


def _table_of(path: Path) -> Path:
    """Return a table, or that of reference and prediction that a run wrote."""
    if not path.is_dir():
        return path
    table = StudyFolder(path).table("paired_measures")
    if not table.exists():
        raise InputError(
            f"the folder has no {table.name}",
            where=path,
            hint=f"Run the cases with manual masks to compare with: pass {Remedy.REFERENCE}",
            remedy=Remedy.REFERENCE,
        )
    return table


@contextmanager
def _located(path: Path) -> Iterator[None]:
    """Add the file to errors about its table."""
    try:
        yield
    except TableError as error:
        error.where = error.where or str(path)
        raise


def drawn(
    comparison: Comparison,
    *,
    is_selection: bool,
    kinds: Collection[str] = ("bland_altman", "scatter"),
) -> dict[str, Figure]:
    """Draw the agreement; of a selection only the main measures, in the whole stack.

    Parameters
    ----------
    comparison : Comparison
    is_selection : bool
        Whether the default selection was compared.
    kinds : collection of str
        What is drawn of a selection, of `lpm_segmentator.report.figures.AGREEMENT_KINDS`.

    Returns
    -------
    dict of str to Figure
        By the name of its file without ending.
    """
    from lpm_segmentator.agreement import DEFAULT_MEASURES, DRAWN_MEASURES
    from lpm_segmentator.report.figures import agreement_figures

    if not is_selection:
        return agreement_figures(comparison)
    chosen = {pair.measure for pair in comparison}
    return agreement_figures(
        comparison,
        kinds=kinds,
        measures={m for m in chosen if m in DRAWN_MEASURES or m not in DEFAULT_MEASURES},
        levels={"all"},
    )


def _replace_figures(
    earlier: Sequence[Path], figures: dict[str, Figure], out: Path, written: list[Path]
) -> None:
    """Remove the earlier figures, write the new ones and add them to what was written."""
    from lpm_segmentator.study.pictures import save_figure

    for path in earlier:
        remove_file(path)
    for stem, figure in figures.items():
        written += save_figure(figure, out / stem, formats=_FORMATS)


def _figures_of(earlier: Path) -> list[Path]:
    """Return the figures that belong to an earlier ``agreement.json``, if there is one."""
    from lpm_segmentator.report.figures import pair_stems

    try:
        pairs = read_json(earlier)["pairs"]
        stems = {stem for pair in pairs for stem in pair_stems(pair["measure"], pair["strata"])}
    except (FileFormatError, ValueError, KeyError, TypeError, AttributeError):  # none, or not ours
        return []
    return [earlier.with_name(f"{stem}.{ending}") for stem in stems for ending in _FORMATS]
