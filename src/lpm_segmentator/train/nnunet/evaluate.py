"""The models of the folds on the cases they have not seen."""

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
    """Write a row for each held-out case: what it is, then all measures of accuracy.

    The masks are cleaned as a user's are. A table that is newer than the fold's weights is kept.

    Parameters
    ----------
    model
        nnU-Net's results folder.
    fold
        Whose weights.
    cases
        Those held out of it.
    table
        The CSV to write.
    card
        What the model's card will say; its orientation counts.
    accept_origin_mismatch
        See `load_training_case`.
    progress
        Called with the number of cases done and of all.
    """
    weights = model / f"fold_{fold}" / "checkpoint_final.pth"
    if table.is_file() and table.stat().st_mtime >= weights.stat().st_mtime:
        return
    read = read_model_folder(model, folds=[str(fold)])
    predictor = NnUnetPredictor(replace(read, card={**read.card, **card}), mode="exact")
    rows = []
    for done, case in enumerate(cases, 1):
        image, reference = load_training_case(case, accept_origin_mismatch=accept_origin_mismatch)
        found = keep_largest(predictor.predict(image).labels).labels
        row = compare_label_maps(reference, found, case=case.case).wide()
        who = {"subject": case.subject, "sequence": case.sequence, "fold": fold}
        rows.append({"case": row.pop("case"), **who, **row})
        progress(done, len(cases))
    write_table(rows, table)


def summary(tables: Sequence[Path], out: Path) -> str:
    """Join the folds' tables into one and return it by sequence, in Markdown.

    A value is the mean over the cases where it is defined; ``–`` where it never is.
    """
    import pandas as pd

    joined = pd.concat([read_table(path) for path in tables], ignore_index=True)
    joined = joined.sort_values(["sequence", "case"], kind="stable")
    write_table(joined, out)
    names = " | ".join(name for _, name in _SUMMARY)
    lines = [f"| sequence | cases | {names} | worst Dice |", "|---" * (len(_SUMMARY) + 3) + "|"]
    groups = [*joined.groupby("sequence"), ("all", joined)]
    lines += [_line(str(name), group) for name, group in groups]
    return "\n".join(lines)


def _line(name: str, group: pd.DataFrame) -> str:
    values = group.assign(
        es=group[["dsc_1", "dsc_4"]].mean(axis=1),
        mf=group[["dsc_2", "dsc_3"]].mean(axis=1),
        volume_error_percent=group[[f"volume_difference_percent_{value}" for value in range(1, 5)]]
        .abs()
        .max(axis=1),
    )
    means = [_number(float(values[column].mean()), column) for column, _ in _SUMMARY]
    worst = _number(float(values["dsc_global"].min()), "dsc_global")
    return f"| {name} | {len(group)} | {' | '.join(means)} | {worst} |"


def _number(value: float, column: str) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:.1f}" if "mm" in column or "percent" in column else f"{value:.3f}"
