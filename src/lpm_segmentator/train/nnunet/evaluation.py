"""Scores of each fold's model on its held-out cases."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lpm_segmentator.io import read_table, write_table
from lpm_segmentator.measure import compare_label_maps
from lpm_segmentator.segment import keep_largest
from lpm_segmentator.segment.nnunet.predictor import NnUnetPredictor
from lpm_segmentator.segment.nnunet.source import read_model_folder
from lpm_segmentator.train.nnunet.cases import TrainingCase, load_training_case, silent
from lpm_segmentator.train.scores import markdown_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["evaluate_fold", "summary"]

_SUMMARY = (
    ("dsc_global", "foreground Dice"),
    ("es", "ES"),
    ("mf", "MF"),
    ("hd95_mm_global", "HD95 mm"),
    ("volume_error_percent", "largest volume error %"),
)


def evaluate_fold(
    model: Path,
    fold: int,
    cases: Sequence[TrainingCase],
    table: Path,
    *,
    card: Mapping[str, Any],
    accept_origin_mismatch: bool = False,
    progress: Callable[[int, int], None] = silent,
) -> None:
    """Write a table with a row for each held-out case, and all measures of accuracy.

    The masks are postprocessed like those of a user. A table newer than the fold's weights is kept.

    Parameters
    ----------
    model : Path
        nnU-Net's results folder.
    fold : int
        The fold whose weights are used.
    cases : sequence of TrainingCase
        The held-out cases.
    table : Path
        The CSV file to write.
    card : mapping of str to object
        The model card, which states the orientation of the images.
    accept_origin_mismatch : bool
        See `load_training_case`.
    progress : callable
        Called with the number of cases done and in total.
    """
    weights = model / f"fold_{fold}" / "checkpoint_final.pth"
    if table.is_file() and table.stat().st_mtime >= weights.stat().st_mtime:
        return
    read = read_model_folder(model, folds=[str(fold)])
    predictor = NnUnetPredictor(replace(read, card={**read.card, **card}), mode="exact")
    rows = []
    for done, case in enumerate(cases, 1):
        image, reference = load_training_case(case, accept_origin_mismatch=accept_origin_mismatch)
        labels = keep_largest(predictor.predict(image).labels).labels
        row = compare_label_maps(reference, labels, case=case.case).wide()
        source = {"subject": case.subject, "sequence": case.sequence, "fold": fold}
        rows.append({"case": row.pop("case"), **source, **row})
        progress(done, len(cases))
    write_table(rows, table)


def summary(tables: Sequence[Path], out: Path) -> str:
    """Join the tables of the folds, write the result, and return a summary by sequence in Markdown.

    Values are means over the cases in which they are defined; ``–`` if there are none.

    Parameters
    ----------
    tables : sequence of Path
        CSV files of `evaluate_fold`.
    out : Path
        The CSV file to write.
    """
    import pandas as pd

    joined = pd.concat([read_table(path) for path in tables], ignore_index=True)
    joined = joined.sort_values(["sequence", "case"], kind="stable")
    rows: list[dict[str, Any]] = joined.to_dict("records")  # type: ignore[assignment]
    write_table(rows, out)
    columns = ["sequence", "cases", *(name for _, name in _SUMMARY), "lowest Dice"]
    groups = [*joined.groupby("sequence"), ("all", joined)]
    return markdown_table(columns, (_row(str(name), group) for name, group in groups))


def _row(name: str, group: pd.DataFrame) -> list[object]:
    values = group.assign(
        es=group[["dsc_1", "dsc_4"]].mean(axis=1),
        mf=group[["dsc_2", "dsc_3"]].mean(axis=1),
        volume_error_percent=group[[f"volume_difference_percent_{value}" for value in range(1, 5)]]
        .abs()
        .max(axis=1),
    )
    means = [_number(float(values[column].mean()), column) for column, _ in _SUMMARY]
    return [name, len(group), *means, _number(float(values["dsc_global"].min()), "dsc_global")]


def _number(value: float, column: str) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:.1f}" if "mm" in column or "percent" in column else f"{value:.3f}"
