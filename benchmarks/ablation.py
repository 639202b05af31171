"""What each ingredient of the training images brings.

Goes on from the model without a subject that `lpm train compact … --leave-one-out -o RUN` left in
RUN, for a few hundred steps each: by the same recipe, and by the recipe without one ingredient. The
table gives the Dice on the subject left out and, with `--check`, on other images. Small differences
of single short runs say little; a row of its own with another seed shows how little.

    python benchmarks/ablation.py RUN OUT --data FOLDER --data LABEL_MAPS --check T2W_FOLDER \
        --fold TUM01 [--steps 300] [--without infiltration --without fascia …]

A run that was cut goes on where it was.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lpm_segmentator.segment import load_compact
from lpm_segmentator.train.config import CompactConfig
from lpm_segmentator.train.evaluate import Score, evaluate_subject
from lpm_segmentator.train.recipe import Recipe, load_recipe, read_subject
from lpm_segmentator.train.run import run_recipe

SAME, OTHER_SEED = "nothing", "nothing, another seed"
#: ingredient -> the settings of the drawing that leave it out
DRAWN: dict[str, dict[str, Any]] = {
    "contrasts": {"contrasts": 0.0},
    "infiltration": {"infiltration": 0.0},
    "retreat": {"retreat": 0.0},
    "streaks": {"streaks": 0.0},
    "fascia": {"fascia": 0.0},
    "pelvis": {"pelvis": 0.0},
    "shapes": {"shapes": 0.0},
    "foreign bodies": {"foreign": 0.0},
    "narrow fields of view": {"narrow_field": 0.0},
    "shading, blur and noise": {"acquisition": 0.0},
    "neighbouring slices": {"single_slice": 1.0},
}
#: the same for settings of the run
TRAINED: dict[str, dict[str, Any]] = {
    "phantoms": {"phantom_share": 0.0},
    "unlabelled people": {"unlabelled_share": 0.0},
    "moving average": {"ema_decay": 0.0},
}
ROWS = [SAME, OTHER_SEED, *DRAWN, *TRAINED]


def changed(config: CompactConfig, without: str, steps: int) -> CompactConfig:
    """Return a short continuation, without an ingredient."""
    config = dataclasses.replace(
        config, steps=steps, refine_steps=0, learning_rate=1e-3, ema_decay=0.98, seed=7
    )
    if without == OTHER_SEED:
        return dataclasses.replace(config, seed=8)
    synthesis = dataclasses.replace(config.synthesis, **DRAWN.get(without, {}))
    return dataclasses.replace(config, synthesis=synthesis, **TRAINED.get(without, {}))


def row(without: str, subject: Sequence[Score], check: Sequence[Score]) -> str:
    """Return a line of the table."""
    cells = [f"{score.foreground:.3f} | {score.multifidus:.3f}" for score in subject]
    if check:
        means = [
            np.mean([getattr(score, part) for score in check])
            for part in ("foreground", "erector_spinae", "multifidus")
        ]
        cells += [f"{value:.3f}" for value in means]
    return f"| {without} | {' | '.join(cells)} |"


def trained(recipe: Recipe, without: str, given: argparse.Namespace) -> tuple[Path, list[Score]]:
    """Return the model of a continuation and its scores on the images to check."""
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


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--check", type=Path, action="append", default=[])
    parser.add_argument("--recipe", type=Path, default=Path("recipes/compact.yaml"))
    parser.add_argument("--fold", required=True, help="the subject left out")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument(
        "--without",
        action="append",
        choices=ROWS,
        help="ingredients to leave out, one after the other; all if not given",
    )
    given = parser.parse_args()
    recipe = load_recipe(given.recipe)
    files = next(subject for subject in recipe.subjects if subject.name == given.fold)
    subject = read_subject(files, given.data)
    checked = " | check | ES | MF" if given.check else ""
    print(f"| without | water | MF | fat | MF | both | MF{checked} |")
    print("|---" * (10 if given.check else 7) + "|")
    for without in given.without or ROWS:
        model, check = trained(recipe, without, given)
        print(row(without, evaluate_subject(load_compact(model), subject), check), flush=True)


if __name__ == "__main__":
    main()
