"""``lpm train adapt``: adapt a model to a few corrected cases."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lpm_segmentator.cli.common import (
    PATH,
    announce,
    output_options,
    print_json,
    progress_bar,
    read_options,
    show,
    take_read_options,
)

if TYPE_CHECKING:
    from lpm_segmentator.study.cases import CaseFiles
    from lpm_segmentator.study.options import ReadOptions
    from lpm_segmentator.train.adapt.cases import AdaptCase

__all__ = ["adapt"]


@click.command()
@click.option("--images", type=PATH, required=True, help="The images: a folder, or one file.")
@click.option(
    "--masks",
    type=PATH,
    required=True,
    help="Their corrected masks: a folder, also the output folder of 'lpm run'.",
)
@click.option("--name", required=True, help="Name of the model, for --model NAME.")
@click.option(
    "--base",
    default="embedded",
    show_default=True,
    metavar="NAME|PATH",
    help="The model to adapt: an installed compact model, or an ONNX file.",
)
@click.option(
    "-o",
    "--output",
    "out",
    type=PATH,
    help="Folder of the checkpoints and tables.  [default: adapt-NAME]",
)
@click.option(
    "--subject-pattern",
    metavar="REGEX",
    help="Part of a case's name that is the subject, such as '^[^_]+'. Default: sub-…, else the "
    "name without the sequence.",
)
@click.option(
    "--force",
    is_flag=True,
    help="Install the model even if the adaptation is useless or cannot be cross-validated.",
)
@click.option("--replace", is_flag=True, help="Replace an installed model of this name.")
@read_options("origin", "resample", "scheme", "ignore", "header", "contrast")
@output_options
def adapt(
    images: Path, masks: Path, name: str, *, quiet: bool, as_json: bool, **options: Any
) -> None:
    """Adapt the embedded model to a few corrected cases, and install it.

    Images and masks are matched as by 'lpm run --masks': folders of single slices, stacks and Dixon
    pairs, with masks of the same names. For each fifth of the subjects (each subject, if there are
    fewer than six), a model is trained without them and compared with the base on them. An
    adaptation that gains nothing is not installed. The same command resumes an interrupted one.
    """
    from lpm_segmentator.core import MissingExtraError

    try:
        from lpm_segmentator.train.adapt.run import adapt as adapt_model
    except ModuleNotFoundError as error:
        raise MissingExtraError("training", extra="train") from error

    cases = _cases(
        images, masks, take_read_options(options), options["subject_pattern"], quiet=quiet
    )
    with progress_bar("adapting", quiet=quiet) as shown:
        done = adapt_model(
            cases,
            name,
            options["out"] or Path(f"adapt-{name}"),
            base=options["base"],
            force=options["force"],
            replace_existing=options["replace"],
            progress=shown,
        )
    if as_json:
        print_json(
            {
                "model": done.model or None,
                "concerns": done.concerns,
                "scores": [score.to_row() for score in done.scores],
            }
        )
    elif not quiet:
        if done.table:
            click.echo(f"Dice before and after, on subjects that were held out:\n{done.table}")
        if done.concerns:
            click.echo(f"not recommended: {done.concerns}")
        if done.model:
            click.echo(f"installed as {done.model}; use it with --model {done.model}")
        else:
            show("not installed; add cases, or install it nevertheless (--force)")


def _cases(
    images: Path, masks: Path, read: ReadOptions, pattern: str | None, *, quiet: bool
) -> list[AdaptCase]:
    """Read the images that have a corrected mask; all cases that cannot be read are listed."""
    from lpm_segmentator.core import InputError, LpmError
    from lpm_segmentator.study.corrected import corrected_cases

    found = corrected_cases(images, masks, read)
    for note in found.notes:
        announce(note, quiet=quiet)
    cases, problems = [], []
    for files in found.cases:
        try:
            cases.append(_loaded(files, read, pattern))
        except LpmError as error:
            problems.append(f"\n  {files.case}: {error}")
    if problems:
        raise InputError(
            f"{len(problems)} of {len(found.cases)} cases cannot be used:{''.join(problems)}"
        )
    return cases


def _loaded(files: CaseFiles, read: ReadOptions, pattern: str | None) -> AdaptCase:
    from lpm_segmentator.study.loading import load_case
    from lpm_segmentator.train.adapt.cases import AdaptCase
    from lpm_segmentator.train.labelled import subject_of

    loaded = load_case(files, read)
    assert loaded.mask is not None
    return AdaptCase(
        files.case,
        subject_of(files.case, pattern),
        loaded.case.pair or loaded.case.image,
        loaded.mask,
    )
