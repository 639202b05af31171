"""``lpm remeasure`` and ``lpm report``: what is done with the folder of a run."""

from __future__ import annotations

from pathlib import Path

import click

from lpm_segmentator.cli.common import PATH, echo_findings, output_options, print_json

__all__ = ["remeasure", "report"]


@click.command()
@click.argument("out", type=PATH)
@click.argument("cases", nargs=-1, metavar="[CASE…]")
@output_options
def remeasure(out: Path, cases: tuple[str, ...], *, quiet: bool, as_json: bool) -> None:
    """Measure masks in OUT that were edited since they were measured.

    An edited mask is CASE_desc-edited_dseg.nii.gz in the folder of the case, or CASE_dseg.nii.gz
    itself where it was changed. Tables and report are made again.
    """
    from lpm_segmentator import api

    records = api.remeasure(out, cases)
    report_path = api.write_results(out)
    if as_json:
        print_json({"remeasured": [record.case for record in records], "report": str(report_path)})
        return
    for record in records:
        changed = record.mask.changed_voxels
        text = "" if changed is None else f", {changed} voxels changed"
        click.echo(f"{record.case}: {record.mask.file} measured ({record.mask.kind}{text})")
        echo_findings(record.case, record.findings, quiet=quiet)
    if not quiet:
        if not records:
            click.echo("no mask was edited since it was measured")
        click.echo(f"report: {report_path}")


@click.command()
@click.argument("out", type=PATH)
@output_options
def report(out: Path, *, quiet: bool, as_json: bool) -> None:
    """Make the tables and the report again from what 'lpm run' left in OUT."""
    from lpm_segmentator import api

    path = api.write_results(out)
    if as_json:
        print_json({"report": str(path)})
    elif not quiet:
        click.echo(f"report: {path}")
