"""``lpm compare``: agreement of paired columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lpm_segmentator.cli.common import PATH, announce, output_options, print_json

__all__ = ["compare"]


@click.command()
@click.argument("table", type=PATH, metavar="OUT|CSV")
@click.option("-o", "--output", "out", type=PATH, required=True, help="Folder for the results.")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Compare all measures, muscles and levels of a run, with a figure for each measure and "
    "level. By default a dozen measures of single muscles are compared and the main ones drawn.",
)
@click.option("--measure", "measures", multiple=True, help="Compare only this measure; repeatable.")
@click.option(
    "--margin-percent",
    type=click.FloatRange(0, min_open=True),
    default=5.0,
    show_default=True,
    help="Equivalence margin in per cent of the reference mean.",
)
@click.option(
    "--margin",
    type=click.FloatRange(0, min_open=True),
    help="Equivalence margin in the unit of the measures, instead.",
)
@click.option(
    "--tost",
    type=click.Choice(["auto", "parametric", "bootstrap"]),
    default="auto",
    show_default=True,
    help="Equivalence test. auto: parametric if the differences pass a Kolmogorov–Smirnov test "
    "of normality, otherwise bootstrap.",
)
@click.option("--by", multiple=True, help="Column that defines subgroups; repeatable.")
@click.option("--subject", help="Column that names the subject, if subjects have several cases.")
@click.option(
    "--subject-pattern",
    metavar="REGEX",
    help=r"The subject within the name of the case, as the first group: '^(\d+)_' for 0299_T2.",
)
@click.option(
    "--roles",
    nargs=2,
    metavar="REF PRED",
    help="The words for reference and prediction in column names or in the source column, if "
    "they are not among the usual ones.",
)
@click.option(
    "--resamples",
    "n_resamples",
    type=click.IntRange(100),
    default=10_000,
    show_default=True,
    help="Number of bootstrap resamples.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the bootstrap.")
@click.option(
    "--unit-check/--no-unit-check",
    "check_units",
    default=True,
    show_default=True,
    help="Refuse columns or rows that seem to be in different units.",
)
@click.option("--no-plots", is_flag=True, help="Write tables only.")
@output_options
def compare(
    table: Path, out: Path, *, no_plots: bool, quiet: bool, as_json: bool, **options: Any
) -> None:
    """Agreement of reference and automatic values: ICC, Bland–Altman, TOST, regression.

    OUT is the folder of 'lpm run --reference', whose paired_measures.csv is compared. CSV holds
    pairs of columns such as volume1_gd and volume1_ai, or a tidy table.
    """
    from lpm_segmentator import api
    from lpm_segmentator.cli.agreement_table import agreement_lines

    if options["subject"] is not None and options["subject_pattern"] is not None:
        raise click.UsageError(
            "--subject and --subject-pattern exclude each other: both state the subject"
        )
    options["measures"] = options["measures"] or None
    result = api.compare_file(table, out, plots=not no_plots, **options)
    for note in result.comparison.notes:
        announce(note, quiet=quiet)
    if as_json:
        print_json(result.comparison.to_dict())
    elif not quiet:
        for line in agreement_lines(result.comparison):
            click.echo(line)
        if result.is_selection:
            click.echo("Default selection; --all compares all measures, muscles and levels.")
        click.echo(f"Results: {out}")
