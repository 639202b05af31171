"""``lpm demo``: the main job on a sample."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from lpm_segmentator.cli.common import PATH, output_options

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
@click.option("--phantom", is_flag=True, help="Run on a synthetic phantom instead.")
@output_options
def demo(out: Path, *, phantom: bool, quiet: bool, as_json: bool) -> None:
    """Segment and measure the sample in the package, with its manual mask and levels.

    The sample is the Dixon pair of subject TUM01 of MyoSegmenTUM spine. The embedded model was
    trained on this subject, so that its Dice there is no measure of what to expect.
    """
    from lpm_segmentator import api
    from lpm_segmentator.cli.run import execute
    from lpm_segmentator.samples import phantom_sample, real_sample

    folder = out / "sample"
    sample = phantom_sample(folder) if phantom else real_sample(folder)
    found = api.find_cases([], water=sample.water, fat=sample.fat, reference=sample.reference)
    cases = [replace(files, notes=(*files.notes, sample.origin)) for files in found]
    levels = None if sample.levels is None else api.LevelOptions(written=sample.levels)
    execute(cases, out, api.RunOptions(levels=levels), quiet=quiet, as_json=as_json)
