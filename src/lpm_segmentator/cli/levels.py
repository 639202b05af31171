"""``lpm levels``: where the discs are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lpm_segmentator.cli.common import (
    PATH,
    announce,
    level_options,
    output_options,
    print_json,
    read_level_options,
)

__all__ = ["levels"]


@click.command()
@click.argument("image", type=PATH)
@click.option("-o", "--output", "out", type=PATH, required=True, help="A .json or .csv file.")
@level_options
@click.option("--model", type=PATH, help="A level model of your own (lpm train levels).")
@output_options
def levels(image: Path, out: Path, *, quiet: bool, as_json: bool, **options: Any) -> None:
    """Find the discs L1-L2 … L5-S1 of IMAGE.

    IMAGE is a sagittal series, or an axial stack, whose slices are counted from 0 along its slice
    axis. Read the warnings: where the sacrum is not in view, the count of the vertebrae is a guess.
    """
    from lpm_segmentator.api.levels import LevelOptions, find_levels_of
    from lpm_segmentator.api.levels_file import write_levels
    from lpm_segmentator.api.steps import refuse_overwriting

    chosen = LevelOptions(**read_level_options(options), **options)
    refuse_overwriting([out], [image, *chosen.paths.values()])
    found = find_levels_of(image, chosen)
    write_levels(found, out)
    if as_json:
        print_json(found)
        return
    for disc in found["discs"]:
        place = "outside the image" if disc["slice"] is None else f"slice {disc['slice']}"
        announce(f"{disc['name']}: {place}, confidence {disc['confidence']:.2f}", quiet=quiet)
    for warning in found["warnings"]:
        announce(f"lpm: warning: {warning}", quiet=quiet)
