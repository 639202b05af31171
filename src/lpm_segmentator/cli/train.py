"""``lpm train``: models of one's own."""

from __future__ import annotations

from pathlib import Path

import click

from lpm_segmentator.cli.common import PATH, output_options, print_json, progress_bar

__all__ = ["train"]


@click.group()
def train() -> None:
    """Train a model of your own."""


@train.command()
@click.argument("recipe", type=PATH)
@click.option("--data", type=PATH, required=True, help="Folder of the files the recipe names.")
@click.option("-o", "--output", "out", type=PATH, required=True, help="Where the run is kept.")
@click.option(
    "--leave-one-out",
    is_flag=True,
    help="Also train a model without each subject and score it on that subject.",
)
@click.option(
    "--check",
    "checks",
    type=PATH,
    multiple=True,
    help="Folder of X_image.nii.gz and X_label.nii.gz to score the model on; may be repeated.",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="auto takes a GPU where there is one.",
)
@output_options
def compact(
    recipe: Path,
    data: Path,
    out: Path,
    checks: tuple[Path, ...],
    device: str,
    *,
    leave_one_out: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train the compact model of RECIPE and export it to ONNX.

    A run that was cut goes on where it was when the same command is given again.
    """
    from lpm_segmentator.core import MissingExtraError

    try:
        from lpm_segmentator.train.recipe import load_recipe
        from lpm_segmentator.train.run import run_recipe
    except ModuleNotFoundError as error:
        raise MissingExtraError("training", extra="train") from error

    with progress_bar("training", quiet=quiet) as show:
        outcome = run_recipe(
            load_recipe(recipe),
            data,
            out,
            leave_one_out=leave_one_out,
            checks=checks,
            device=device,
            progress=lambda _, step, steps: show(step, steps),
        )
    if as_json:
        print_json({"model": str(outcome.model), "scores": outcome.scores})
    elif not quiet:
        click.echo(outcome.table)
        click.echo(f"model: {outcome.model}")


@train.command()
@click.argument("recipe", type=PATH)
@click.option("--data", type=PATH, required=True, help="Folder of X_image and X_levels files.")
@click.option("-o", "--output", "out", type=PATH, required=True, help="Where the run is kept.")
@click.option(
    "--evaluate",
    "evaluate",
    metavar="FOLDS",
    default="",
    help="Also train without these folds, such as 0,1,2,3,4, and score each on its own.",
)
@output_options
def levels(
    recipe: Path, data: Path, out: Path, evaluate: str, *, quiet: bool, as_json: bool
) -> None:
    """Train the level model of RECIPE and export it to ONNX.

    A run that was cut goes on where it was when the same command is given again.
    """
    from lpm_segmentator.core import MissingExtraError

    try:
        from lpm_segmentator.train.levels_run import load_levels_recipe, run_levels_recipe
    except ModuleNotFoundError as error:
        raise MissingExtraError("training", extra="train") from error
    from lpm_segmentator.train.levels_evaluate import levels_table

    plan = load_levels_recipe(recipe)
    with progress_bar("training", quiet=quiet) as show:
        model, scores = run_levels_recipe(
            plan,
            data,
            out,
            evaluate=_folds(evaluate, plan.config.folds),
            progress=lambda _, step, steps: show(step, steps),
        )
    if as_json:
        print_json({"model": str(model), "scores": scores})
    elif not quiet:
        if scores:
            click.echo(levels_table(scores))
        click.echo(f"model: {model}")


def _folds(text: str, count: int) -> list[int]:
    folds = [part.strip() for part in text.split(",") if part.strip()]
    wrong = [part for part in folds if not part.isdigit() or int(part) >= count]
    if wrong:
        raise click.BadParameter(f"{wrong} are no folds; they count 0 to {count - 1}")
    return [int(part) for part in folds]
