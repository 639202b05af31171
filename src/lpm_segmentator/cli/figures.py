"""``lpm figures``: all figures of a study in one call."""

from __future__ import annotations

from pathlib import Path

import click

from lpm_segmentator.cli.common import PATH, output_options, print_json

__all__ = ["figures"]


@click.command()
@click.argument("out", type=PATH)
@click.option(
    "-o", "--output", "target", type=PATH, help="Folder for the figures.  [default: OUT/figures]"
)
@click.option(
    "--sequences",
    type=PATH,
    help="CSV with the columns case and sequence.  [default: from the names of the cases]",
)
@output_options
def figures(
    out: Path, target: Path | None, sequences: Path | None, *, quiet: bool, as_json: bool
) -> None:
    """Draw all figures of the study in OUT, the folder of 'lpm run', as PDF, SVG and PNG."""
    from lpm_segmentator import api
    from lpm_segmentator.study.layout import StudyFolder

    written = api.draw_study(out, target or StudyFolder(out).figures, sequences=sequences)
    if as_json:
        print_json([str(path) for path in written])
    elif not quiet:
        for path in written:
            click.echo(path)
