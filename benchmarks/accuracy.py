"""Accuracy of the embedded model on images with labels, and the contribution of its networks.

Prints mean ± standard deviation, median and lowest Dice on a folder of images `X_image.nii.gz`
with `X_label.nii.gz`, for the embedded model or for one or two networks in its place (`--model`,
`--second`), and the five images with the lowest foreground Dice. With `--run`, and `--second-run`
for the second networks, the models that `lpm train compact … --leave-one-out -o RUN` left in RUN
are scored instead, each on its held-out subject.

    python benchmarks/accuracy.py FOLDER [--model FIRST.onnx] [--second SECOND.onnx]
    python benchmarks/accuracy.py DATA --run RUN [--second-run RUN]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from common import argument_parser, print_table
from lpm_segmentator.segment import CompactPredictor, embedded_predictor, load_compact
from lpm_segmentator.train.compact.data import read_subject
from lpm_segmentator.train.compact.evaluation import (
    Score,
    evaluate_slices,
    evaluate_subject,
    labelled_files,
    summary,
)
from lpm_segmentator.train.compact.recipe import load_recipe


def ensemble(first: Path, second: Path | None) -> CompactPredictor:
    """Return a model of one network or two."""
    return load_compact(first, second=None if second is None else second.read_bytes())


def print_spread(scores: Sequence[Score]) -> None:
    """Print mean, deviation, median and lowest of each Dice, and the lowest images."""
    parts = np.array([[s.foreground, s.erector_spinae, s.multifidus] for s in scores])
    deviation = parts.std(axis=0, ddof=1) if len(parts) > 1 else np.full(3, np.nan)
    rows = {
        "mean ± standard deviation": [
            f"{m:.3f} ± {d:.3f}" for m, d in zip(parts.mean(axis=0), deviation, strict=True)
        ],
        "median": [f"{value:.3f}" for value in np.median(parts, axis=0)],
        "lowest": [f"{value:.3f}" for value in parts.min(axis=0)],
    }
    print_table(
        ["", "foreground Dice", "ES", "MF"], ([name, *values] for name, values in rows.items())
    )
    lowest = sorted(scores, key=lambda score: score.foreground)[:5]
    print("lowest: " + ", ".join(f"{s.foreground:.3f} ({s.case})" for s in lowest))
    error = np.mean([score.volume_error_percent for score in scores])
    print(f"mean over the images of the largest area error of the four muscles: {error:.0f} %")


def held_out(given: argparse.Namespace) -> list[Score]:
    """Return the scores of each subject by the models that were trained without it."""
    scores: list[Score] = []
    for files in load_recipe(given.recipe).subjects:
        first, second = (
            None if run is None else run / f"without-{files.name}" / "compact.onnx"
            for run in (given.run, given.second_run)
        )
        scores += evaluate_subject(ensemble(first, second), read_subject(files, [given.folder]))
    return scores


def main() -> None:
    """Score and print."""
    parser = argument_parser(__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--second", type=Path)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--second-run", type=Path)
    parser.add_argument("--recipe", type=Path, default=Path("recipes/compact.yaml"))
    given = parser.parse_args()
    if (given.second and not given.model) or (given.second_run and not given.run):
        parser.error(
            "a second network needs a first: use --second with --model, --second-run with --run"
        )
    if given.run is not None:
        print(summary(held_out(given)))
        return
    model = embedded_predictor() if given.model is None else ensemble(given.model, given.second)
    print_spread(evaluate_slices(model, labelled_files(given.folder)))


if __name__ == "__main__":
    main()
