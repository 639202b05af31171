"""Effect of each ingredient of the training images.

Continues the model that `lpm train compact … --leave-one-out -o RUN` trained without a subject,
for a few hundred steps: with the same recipe, and with the recipe without one ingredient. The
table gives the Dice on the held-out subject and, with `--check`, on other images. Small
differences between single short runs are not meaningful; the row with another seed shows their
size.

    python benchmarks/ablation.py RUN OUT --data FOLDER --data LABEL_MAPS --check T2W_FOLDER \
        --fold TUM01 [--steps 300] [--without infiltration --without fascia …]

The same command resumes an interrupted run.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common import argument_parser, print_table
from lpm_segmentator.segment import load_compact
from lpm_segmentator.train.compact.config import CompactConfig
from lpm_segmentator.train.compact.data import read_subject
from lpm_segmentator.train.compact.evaluation import Score, evaluate_subject
from lpm_segmentator.train.compact.recipe import Recipe, load_recipe
from lpm_segmentator.train.compact.run import run_recipe

SAME, OTHER_SEED = "nothing", "nothing, another seed"
#: ingredient -> the settings of the synthesis that leave it out
SYNTHESIS: dict[str, dict[str, Any]] = {
    "contrasts": {"contrasts": 0.0},
    "infiltration": {"infiltration": 0.0},
    "atrophy": {"atrophy": 0.0},
    "streaks": {"streaks": 0.0},
    "fascia": {"fascia": 0.0},
    "pelvis": {"pelvis": 0.0},
    "shapes": {"shapes": 0.0},
    "negative examples": {"negatives": 0.0},
    "narrow fields of view": {"narrow_field": 0.0},
    "shading, blur and noise": {"acquisition": 0.0},
    "neighbouring slices": {"single_slice": 1.0},
}
#: the same for the settings of the training
TRAINING: dict[str, dict[str, Any]] = {
    "phantoms": {"phantom_share": 0.0},
    "unlabelled subjects": {"unlabelled_share": 0.0},
    "moving average": {"ema_decay": 0.0},
}
ROWS = [SAME, OTHER_SEED, *SYNTHESIS, *TRAINING]


def changed(config: CompactConfig, without: str, steps: int) -> CompactConfig:
    """Return the settings of a short continuation without an ingredient."""
    config = dataclasses.replace(
        config, steps=steps, refine_steps=0, learning_rate=1e-3, ema_decay=0.98, seed=7
    )
    if without == OTHER_SEED:
        return dataclasses.replace(config, seed=8)
    synthesis = dataclasses.replace(config.synthesis, **SYNTHESIS.get(without, {}))
    return dataclasses.replace(config, synthesis=synthesis, **TRAINING.get(without, {}))


def row(without: str, subject: Sequence[Score], check: Sequence[Score]) -> list[str]:
    """Return a row of the table."""
    cells = [without]
    for score in subject:
        cells += [f"{score.foreground:.3f}", f"{score.multifidus:.3f}"]
    for part in ("foreground", "erector_spinae", "multifidus") if check else ():
        cells.append(f"{np.mean([getattr(score, part) for score in check]):.3f}")
    return cells


def trained(recipe: Recipe, without: str, given: argparse.Namespace) -> tuple[Path, list[Score]]:
    """Return the model of a continuation, and its scores on the folders given with `--check`."""
    variant = dataclasses.replace(
        recipe.without(given.fold), config=changed(recipe.config, without, given.steps)
    )
    outcome = run_recipe(
        variant,
        given.data,
        given.out / without.replace(", ", "-").replace(" ", "-"),
        checks=given.check,
        start=given.run / f"without-{given.fold}" / "compact.onnx",
    )
    return outcome.model, list(outcome.scores)


def rows(recipe: Recipe, given: argparse.Namespace) -> Iterator[list[str]]:
    """Train and score each variant."""
    files = next(subject for subject in recipe.subjects if subject.name == given.fold)
    subject = read_subject(files, given.data)
    for without in given.without or ROWS:
        model, check = trained(recipe, without, given)
        yield row(without, evaluate_subject(load_compact(model), subject), check)


def main() -> None:
    """Train and print."""
    parser = argument_parser(__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--check", type=Path, action="append", default=[])
    parser.add_argument("--recipe", type=Path, default=Path("recipes/compact.yaml"))
    parser.add_argument("--fold", required=True, help="the held-out subject")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument(
        "--without",
        action="append",
        choices=ROWS,
        help="ingredient to leave out; may be repeated; default: all, one after the other",
    )
    given = parser.parse_args()
    columns = ["without", "water", "MF", "fat", "MF", "both", "MF"]
    checked = ["check", "ES", "MF"] if given.check else []
    print_table(columns + checked, rows(load_recipe(given.recipe), given))


if __name__ == "__main__":
    main()
