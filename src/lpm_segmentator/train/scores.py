"""Scores of trained models, as files and tables."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from lpm_segmentator.io import write_table, write_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = ["markdown_table", "write_scores"]


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table in Markdown."""
    lines = [f"| {' | '.join(map(str, row))} |" for row in (columns, *rows)]
    return "\n".join([lines[0], "|---" * len(columns) + "|", *lines[1:]])


def write_scores(scores: Sequence[Any], table: str, out: Path) -> None:
    """Write ``evaluation.csv`` and ``evaluation.md``.

    Parameters
    ----------
    scores : sequence of dataclass instances
        The rows of the first.
    table : str
        The content of the second.
    out : Path
        Their folder.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    write_table([dataclasses.asdict(score) for score in scores], out / "evaluation.csv")
    write_text(table + "\n", out / "evaluation.md")
