"""``lpm train``: train models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lpm_segmentator.cli.adapt import adapt
from lpm_segmentator.cli.common import PATH, output_options, print_json, progress_bar

__all__ = ["train"]


_DEVICE = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="auto uses a GPU if one is available.",
)


@click.group()
def train() -> None:
    """Train a model."""


train.add_command(adapt)


@train.command()
@click.argument("recipe", type=PATH)
@click.option(
    "--data",
    type=PATH,
    required=True,
    multiple=True,
    help="Folder of the files that the recipe names; may be repeated.",
)
@click.option("-o", "--output", "out", type=PATH, required=True, help="Output folder.")
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
    help="Folder of X_image.nii.gz and X_label.nii.gz on which the model is scored; may be "
    "repeated.",
)
@_DEVICE
@click.option(
    "--start",
    type=PATH,
    help="A compact ONNX model, or the output folder of an earlier run, to start from.",
)
@output_options
def compact(
    recipe: Path, data: tuple[Path, ...], out: Path, *, quiet: bool, as_json: bool, **options: Any
) -> None:
    """Train the compact model of RECIPE and export it to ONNX.

    The same command resumes an interrupted run.
    """
    from lpm_segmentator.core import MissingExtraError

    try:
        from lpm_segmentator.train.compact.recipe import load_recipe
        from lpm_segmentator.train.compact.run import run_recipe
    except ModuleNotFoundError as error:
        raise MissingExtraError("training", extra="train") from error

    with progress_bar("training", quiet=quiet) as show:
        outcome = run_recipe(
            load_recipe(recipe),
            data,
            out,
            progress=lambda _, step, steps: show(step, steps),
            **options,
        )
    if as_json:
        print_json({"model": str(outcome.model), "scores": outcome.scores})
    elif not quiet:
        if outcome.scores:
            click.echo(outcome.table)
        click.echo(f"model: {outcome.model}")


@train.command()
@click.argument("recipe", type=PATH)
@click.option(
    "--data",
    type=PATH,
    required=True,
    multiple=True,
    help="Folder of X_image.nii.gz and X_levels.nii.gz, or of images/X.png and their boxes in "
    "discs.csv; may be repeated.",
)
@click.option("-o", "--output", "out", type=PATH, required=True, help="Output folder.")
@click.option(
    "--evaluate",
    "evaluate",
    metavar="FOLDS",
    default="",
    help="Folds to cross-validate, such as 0,1,2,3,4: for each, a model is trained without it and "
    "scored on it.",
)
@output_options
def levels(
    recipe: Path, data: tuple[Path, ...], out: Path, evaluate: str, *, quiet: bool, as_json: bool
) -> None:
    """Train the level model of RECIPE and export it to ONNX.

    The same command resumes an interrupted run.
    """
    from lpm_segmentator.core import MissingExtraError

    try:
        from lpm_segmentator.train.levels.recipe import load_levels_recipe
        from lpm_segmentator.train.levels.run import run_levels_recipe
    except ModuleNotFoundError as error:
        raise MissingExtraError("training", extra="train") from error
    from lpm_segmentator.train.levels.evaluation import levels_table

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


@train.command()
@click.option("--images", type=PATH, required=True, help="Folder of the images.")
@click.option("--labels", type=PATH, required=True, help="Folder of their label maps.")
@click.option("-o", "--output", "out", type=PATH, required=True, help="Output folder.")
@click.option("--name", required=True, help="Name of the model, for --model NAME.")
@click.option(
    "--configuration",
    type=click.Choice(["3d_fullres", "2d"]),
    default="3d_fullres",
    show_default=True,
    help="nnU-Net's configuration.",
)
@click.option(
    "--folds",
    type=click.IntRange(2, 20),
    default=5,
    show_default=True,
    help="Number of folds that the subjects are divided into.",
)
@click.option(
    "--fold",
    "only",
    type=click.IntRange(0),
    multiple=True,
    help="Train only this fold; may be repeated.",
)
@click.option("--epochs", type=click.IntRange(1), help="Default: nnU-Net's 1000.")
@click.option("--iterations", type=click.IntRange(1), help="Per epoch. Default: nnU-Net's 250.")
@click.option(
    "--quick",
    is_flag=True,
    help="Quick end-to-end check: a small network, 5 epochs of 20 iterations. Not a usable model.",
)
@click.option(
    "--trainer",
    default="nnUNetTrainerNoMirroring",
    show_default=True,
    help="nnU-Net's trainer. A trainer that mirrors left and right confuses the sides.",
)
@click.option(
    "--subject-pattern",
    metavar="REGEX",
    help="Part of an image's name that is the subject, such as '^[^_]+'. Default: sub-…, else the "
    "name without the sequence.",
)
@click.option(
    "--accept-origin-mismatch",
    is_flag=True,
    help="Accept label maps that differ from their image only by a lost origin.",
)
@_DEVICE
@click.option(
    "--workers",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Processes that load and augment images; use 8 with a GPU.",
)
@click.option("--replace", is_flag=True, help="Replace an installed model of this name.")
@output_options
def nnunet(images: Path, labels: Path, out: Path, **options: Any) -> None:
    """Train an nnU-Net on a folder of images and one of label maps, and install it.

    Checks the pairs, divides the subjects into folds, plans, preprocesses, trains each fold, and
    scores it on its held-out subjects. The same command resumes an interrupted run.
    """
    from lpm_segmentator.core import MissingExtraError

    try:
        from lpm_segmentator.train.nnunet.cases import find_training_cases
        from lpm_segmentator.train.nnunet.job import TrainingOptions
        from lpm_segmentator.train.nnunet.run import train_nnunet
    except ModuleNotFoundError as error:
        raise MissingExtraError("training", extra="train") from error

    cases = find_training_cases(images, labels, subject_pattern=options["subject_pattern"])
    chosen = {key: options[key] for key in _TRAINING}
    with progress_bar("training", quiet=options["quiet"]) as show:
        trained = train_nnunet(
            cases,
            out,
            TrainingOptions(**chosen),
            only=options["only"],
            accept_origin_mismatch=options["accept_origin_mismatch"],
            replace_existing=options["replace"],
            device=options["device"],
            workers=options["workers"],
            progress=lambda _, done, total: show(done, total),
        )
    if options["as_json"]:
        print_json({"model": trained.model, "folder": trained.folder, "folds": trained.subjects})
    elif not options["quiet"]:
        click.echo(trained.table)
        click.echo(f"installed as {trained.model}; use it with --model {trained.model}")


_TRAINING = ("name", "configuration", "folds", "epochs", "iterations", "quick", "trainer")


def _folds(text: str, count: int) -> list[int]:
    """Return the folds of a comma-separated list."""
    folds = [part.strip() for part in text.split(",") if part.strip()]
    wrong = [part for part in folds if not part.isdigit() or int(part) >= count]
    if wrong:
        raise click.BadParameter(
            f"no such fold: {', '.join(wrong)}; folds are numbered 0 to {count - 1}",
            param_hint="--evaluate",
        )
    return [int(part) for part in folds]
