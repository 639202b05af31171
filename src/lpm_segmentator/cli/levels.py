"""``lpm levels``: where the discs are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lpm_segmentator.cli.common import PATH, announce, output_options, print_json

if TYPE_CHECKING:
    from lpm_segmentator.core import Disc

__all__ = ["levels"]


@click.command()
@click.argument("image", type=PATH)
@click.option("-o", "--output", "out", type=PATH, required=True, help="A .json or .csv file.")
@click.option("--sagittal", type=PATH, help="Sagittal series of the same examination.")
@click.option(
    "--anchor",
    metavar="DISC=SLICE",
    help="Settle the count: a disc and the slice of IMAGE that shows it, such as L5-S1=3.",
)
@click.option("--from-slice", type=int, help="First slice, picked by hand.")
@click.option("--to-slice", type=int, help="Last slice, picked by hand.")
@click.option("--vertebrae", type=PATH, help="Label map of vertebrae from another tool.")
@click.option(
    "--numbering",
    type=click.Choice(
        ["levels", "totalsegmentator", "totalsegmentator-mr", "totalspineseg", "spineps"]
    ),
    help="How that map numbers vertebrae, if its values do not tell.",
)
@click.option("--model", type=PATH, help="A level model of your own (lpm train levels).")
@output_options
def levels(
    image: Path, out: Path, *, anchor: str | None, quiet: bool, as_json: bool, **sources: Any
) -> None:
    """Find the discs L1-L2 … L5-S1 of IMAGE.

    IMAGE is a sagittal series, or an axial stack, whose slices are counted from 0 along its slice
    axis. Read the warnings: where the sacrum is not in view, the count of the vertebrae is a guess.
    """
    from lpm_segmentator.api.levels import LevelOptions, find_levels_of, write_levels

    ends = sources.pop("from_slice"), sources.pop("to_slice")
    if (ends[0] is None) != (ends[1] is None):
        raise click.UsageError("--from-slice and --to-slice go together")
    options = LevelOptions(
        slices=None if ends[0] is None else ends,
        anchor=None if anchor is None else _anchor(anchor),
        **sources,
    )
    found = find_levels_of(image, options)
    write_levels(found, out)
    if as_json:
        print_json(found)
        return
    for disc in found["discs"]:
        place = "outside the image" if disc["slice"] is None else f"slice {disc['slice']}"
        announce(f"{disc['name']}: {place}, confidence {disc['confidence']:.2f}", quiet=quiet)
    for warning in found["warnings"]:
        click.echo(f"lpm: warning: {warning}", err=True)


def _anchor(text: str) -> tuple[Disc, int]:
    from lpm_segmentator.core import Disc

    name, _, number = text.partition("=")
    try:
        return Disc(name.strip().upper()), int(number)
    except ValueError as error:
        names = ", ".join(str(disc) for disc in Disc)
        raise click.BadParameter(
            f"{text!r} is not DISC=SLICE with a disc of {names}", param_hint="--anchor"
        ) from error
