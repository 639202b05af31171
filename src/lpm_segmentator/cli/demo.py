"""``lpm demo``: the main job on a sample."""

from __future__ import annotations

from pathlib import Path

import click

from lpm_segmentator.cli.common import PATH, announce, output_options

__all__ = ["demo"]


@click.command()
@click.option(
    "-o",
    "--output",
    "out",
    type=PATH,
    default=Path("out/demo"),
    show_default=True,
    help="Where results go.",
)
@click.option(
    "--sample",
    type=click.Choice(["auto", "real", "phantom"]),
    default="auto",
    show_default=True,
    help="auto takes the real sample, and the phantom where it cannot be had.",
)
@output_options
def demo(out: Path, sample: str, *, quiet: bool, as_json: bool) -> None:
    """Segment and measure a sample, and say where the report lies.

    The real sample is subject TUM01 of the MyoSegmenTUM set: taken from the folder that the
    variable LPM_SAMPLE_DIR names, or fetched once from the published repository. Without either, a
    synthetic phantom serves.
    """
    from lpm_segmentator import api
    from lpm_segmentator.cli.run import execute
    from lpm_segmentator.cli.sample import get_sample

    found = get_sample(out / "sample", kind=sample)
    announce(found.origin, quiet=quiet or as_json)
    cases = api.find_cases([], water=found.water, fat=found.fat, reference=found.reference)
    settings = api.RunOptions(accept_origin_mismatch=True)
    execute(cases, out, settings, quiet=quiet, as_json=as_json)
