"""``lpm levels``: where the discs are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lpm_segmentator.cli.common import (
    PATH,
    announce,
    output_options,
    print_json,
    read_options,
    take_read_options,
)
from lpm_segmentator.cli.level_options import level_options, take_level_options

__all__ = ["levels"]


@click.command()
@click.argument("image", type=PATH)
@click.option("-o", "--output", "out", type=PATH, required=True, help="A .json or .csv file.")
@level_options
@click.option("--model", type=PATH, help="A level model of your own (lpm train levels).")
@read_options("header")
@output_options
def levels(image: Path, out: Path, *, quiet: bool, as_json: bool, **options: Any) -> None:
    """Locate the discs L1-L2 … L5-S1 of IMAGE.

    IMAGE is a sagittal series, or an axial stack, whose slices are counted from 0 along its slice
    axis. Read the warnings: where the sacrum is not in view, the count of the vertebrae is a guess.
    """
    from lpm_segmentator import api
    from lpm_segmentator.study.levels_files import write_levels
    from lpm_segmentator.study.outputs import refuse_overwriting

    read = take_read_options(options)
    chosen = api.LevelOptions(**take_level_options(options), model=options["model"])
    refuse_overwriting([out], [image, *chosen.paths.values()])
    located = api.find_levels(image, chosen, read)
    write_levels(located, out)
    if as_json:
        print_json(located)
        return
    for disc in located["discs"]:
        place = "outside the image" if disc["slice"] is None else f"slice {disc['slice']}"
        announce(f"{disc['name']}: {place}, confidence {disc['confidence']:.2f}", quiet=quiet)
    for warning in located["warnings"]:
        announce(f"lpm: warning: {warning}", quiet=quiet)
