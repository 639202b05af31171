"""Options that state where the levels come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lpm_segmentator.cli.common import PATH

if TYPE_CHECKING:
    from lpm_segmentator.core import Disc

__all__ = ["given_level_options", "level_options", "take_level_options"]

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--sagittal", type=PATH, help="Sagittal series of the same examination."),
    click.option(
        "--anchor",
        "anchors",
        multiple=True,
        metavar="DISC=SLICE",
        help="A disc and the slice of the image that shows it, such as L5-S1=3. One settles the "
        "count of the discs; several name the slices, and nothing is searched. Repeatable.",
    ),
    click.option("--vertebrae", type=PATH, help="Label map of vertebrae of another tool."),
    click.option(
        "--numbering",
        type=click.Choice(
            ["levels", "totalsegmentator", "totalsegmentator-mr", "totalspineseg", "spineps"]
        ),
        help="How that map numbers vertebrae, if its values do not tell.",
    ),
    click.option(
        "--accept-frame-mismatch",
        is_flag=True,
        help="Use a series, map or file of levels of another examination where it lies.",
    ),
)

#: sources of levels of which only one would count
_CONTRADICTORY = (
    ("--vertebrae", "--anchor"),
    ("--vertebrae", "--model"),
)


def level_options(command: Command) -> Command:
    """Add the options that state where the levels come from; see `take_level_options`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def given_level_options(values: Mapping[str, Any]) -> list[str]:
    """Return the options of `level_options` that were given, but for the one on frames."""
    flags = {"sagittal": "--sagittal", "anchors": "--anchor", "vertebrae": "--vertebrae",
             "numbering": "--numbering"}  # fmt: skip
    return [flag for name, flag in flags.items() if values.get(name)]


def take_level_options(values: dict[str, Any]) -> dict[str, Any]:
    """Take the options of `level_options` out of `values`, as `LevelOptions` takes them.

    Raises
    ------
    click.UsageError
        If two options contradict each other, or one needs another.
    """
    given = given_level_options(values)
    if values.get("model") is not None and "levels" not in values:
        given.append("--model")  # of `lpm levels`: the network that locates the discs
    for one, other in _CONTRADICTORY:
        if one in given and other in given:
            raise click.UsageError(
                f"{one} and {other} contradict each other: both state where the discs are; give "
                "one of them"
            )
    if "--numbering" in given and "--vertebrae" not in given:
        raise click.UsageError("--numbering is about the map of --vertebrae, which was not given")
    names = ("sagittal", "vertebrae", "numbering", "accept_frame_mismatch")
    return {
        "anchors": tuple(_anchor(text) for text in values.pop("anchors")),
        **{name: values.pop(name) for name in names},
    }


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
