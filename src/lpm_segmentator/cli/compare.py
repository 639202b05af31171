"""``lpm compare``: agreement of paired columns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lpm_segmentator.cli.common import PATH, announce, output_options, print_json

if TYPE_CHECKING:
    from lpm_segmentator.agreement import Comparison

__all__ = ["compare"]

_VERDICT = {True: "yes", False: "no", None: "–"}


@click.command()
@click.argument("table", type=PATH, metavar="CSV")
@click.option("-o", "--output", "out", type=PATH, required=True, help="Folder for the results.")
@click.option(
    "--margin-percent",
    type=click.FloatRange(0, min_open=True),
    default=5.0,
    show_default=True,
    help="Equivalence margin in per cent of the reference's mean.",
)
@click.option(
    "--margin",
    type=click.FloatRange(0, min_open=True),
    help="Equivalence margin in the columns' own unit, instead.",
)
@click.option(
    "--tost",
    type=click.Choice(["auto", "parametric", "bootstrap"]),
    default="auto",
    show_default=True,
    help="auto: parametric where the differences pass a KS test of normality, else bootstrap.",
)
@click.option("--by", multiple=True, help="Column whose values make subgroups; may be repeated.")
@click.option("--subject", help="Column that names the person, where people were measured twice.")
@click.option(
    "--subject-pattern",
    metavar="REGEX",
    help=r"The person within the case's name, as its first group: '^(\d+)_' for 0299_T2.",
)
@click.option(
    "--roles",
    nargs=2,
    metavar="REF PRED",
    help="The words for reference and prediction in column names or the source column, where they "
    "are no usual ones.",
)
@click.option("--measure", "measures", multiple=True, help="Compare this pair only; repeatable.")
@click.option(
    "--resamples", "n_resamples", type=click.IntRange(100), default=10_000, show_default=True
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the bootstrap.")
@click.option(
    "--unit-check/--no-unit-check",
    "check_units",
    default=True,
    show_default=True,
    help="Refuse columns or rows that seem to be in different units.",
)
@click.option("--no-plots", is_flag=True, help="Tables only.")
@output_options
def compare(
    table: Path, out: Path, *, no_plots: bool, quiet: bool, as_json: bool, **options: Any
) -> None:
    """Agreement of reference and automatic values: ICC, Bland–Altman, TOST, regression.

    CSV holds pairs of columns such as volume1_gd and volume1_ai, as 'lpm run --reference' writes
    them to volumes.csv, or a tidy table.
    """
    from lpm_segmentator import api

    if options["subject"] is not None and options["subject_pattern"] is not None:
        raise click.UsageError(
            "--subject and --subject-pattern contradict each other: both say who the person is"
        )
    options["measures"] = options["measures"] or None
    result = api.compare_file(table, out, plots=not no_plots, **options)
    for note in result.comparison.notes:
        announce(note, quiet=quiet)
    if as_json:
        print_json(result.comparison.to_dict())
    elif not quiet:
        _show(result.comparison)
        click.echo(f"results: {out}")


def _show(comparison: Comparison) -> None:
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=None, header_style="bold")
    for name in ("pair", "group", "n", "ICC(A,1)", "95 % CI", "reliability", "bias", "equivalent"):
        shown.add_column(name)
    for pair in comparison.pairs:
        agreement, tost = pair.icc.agreement, pair.tost
        shown.add_row(
            pair.name,
            pair.subgroup or "all",
            str(pair.n),
            f"{agreement.value:.3f}",
            f"{agreement.low:.3f} to {agreement.high:.3f}",
            pair.icc.band,
            f"{pair.bland_altman.bias.value:.3g}",
            f"{_VERDICT[tost.equivalent]} ({tost.method})",
        )
    Console().print(shown)
    for pair in comparison.pairs:
        by_reason: dict[str, list[str]] = {}
        for statistic, why in pair.reasons.items():
            by_reason.setdefault(why, []).append(statistic)
        for why, statistics in by_reason.items():
            named = f"{pair.name}, {pair.subgroup}" if pair.subgroup else pair.name
            click.echo(f"{named}: {why} ({', '.join(statistics)})")
