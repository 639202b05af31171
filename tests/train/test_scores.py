"""Scores as files and tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lpm_segmentator.train.scores import markdown_table, write_scores


@dataclass(frozen=True)
class _Score:
    case: str
    dice: float


def test_scores_become_a_table_and_a_file(tmp_path: Path) -> None:
    table = markdown_table(["case", "Dice"], [["A", 0.5], ["B", "–"]])
    assert table.splitlines() == ["| case | Dice |", "|---|---|", "| A | 0.5 |", "| B | – |"]
    write_scores([_Score("A", 0.5)], table, tmp_path)
    assert (tmp_path / "evaluation.md").read_text(encoding="utf-8") == table + "\n"
    assert (tmp_path / "evaluation.csv").read_text(encoding="utf-8").split() == [
        "case,dice",
        "A,0.5",
    ]
