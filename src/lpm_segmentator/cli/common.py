"""Options, progress bars and tables that several commands share."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from lpm_segmentator.core import Disc

__all__ = [
    "INPUTS",
    "OUT",
    "PATH",
    "announce",
    "doubtful_option",
    "ignore_option",
    "level_options",
    "named_level_options",
    "output_options",
    "print_json",
    "progress_bar",
    "read_level_options",
    "slice_options",
]

Command = TypeVar("Command", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)
INPUTS = click.argument("inputs", nargs=-1, type=PATH, metavar="INPUT…")
OUT = click.option("-o", "--output", "out", type=PATH, required=True, help="Where results go.")


def output_options(command: Command) -> Command:
    """Add ``--quiet``, ``--json`` and ``--debug`` to a command."""
    for option in (
        # Read by `main` from the arguments; named here so that the command accepts and shows it.
        click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks."),
        click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
        click.option("--quiet", is_flag=True, help="No progress bars, no messages."),
    ):
        command = option(command)
    return command


def slice_options(command: Command) -> Command:
    """Add ``--slice-end``: how the stop of a slice table is meant."""
    return click.option(
        "--slice-end",
        type=click.Choice(["inclusive", "exclusive"]),
        default="inclusive",
        show_default=True,
        help="Whether slice_stop of the table is the last slice to keep (as in the published "
        "crops) or the first to leave out (as in the published notebook).",
    )(command)


def ignore_option(command: Command) -> Command:
    """Add ``--ignore-label``: values of a label map that are no structure."""
    return click.option(
        "--ignore-label",
        type=click.IntRange(1, 255),
        multiple=True,
        help="Value of a manual mask that marks voxels to leave out, such as 255; may be repeated.",
    )(command)


def doubtful_option(command: Command) -> Command:
    """Add ``--keep-doubtful``: a mask the model hardly believes in is kept."""
    return click.option(
        "--keep-doubtful",
        is_flag=True,
        help="Keep a mask that hardly is one of a lumbar back; it is emptied otherwise.",
    )(command)


def level_options(command: Command) -> Command:
    """Add the options that say where the levels come from; see `read_level_options`."""
    for option in reversed(
        (
            click.option("--sagittal", type=PATH, help="Sagittal series of the same examination."),
            click.option(
                "--anchor",
                metavar="DISC=SLICE",
                help="Settle the count: a disc and the slice of the image that shows it, such as "
                "L5-S1=3.",
            ),
            click.option("--from-slice", type=int, help="First slice, picked by hand."),
            click.option("--to-slice", type=int, help="Last slice, picked by hand."),
            click.option("--vertebrae", type=PATH, help="Label map of vertebrae of another tool."),
            click.option(
                "--numbering",
                type=click.Choice(
                    ["levels", "totalsegmentator", "totalsegmentator-mr", "totalspineseg",
                     "spineps"]
                ),
                help="How that map numbers vertebrae, if its values do not tell.",
            ),
            click.option(
                "--accept-frame-mismatch",
                is_flag=True,
                help="Take a series, map or file of levels of another examination as it lies.",
            ),
        )
    ):  # fmt: skip
        command = option(command)
    return command


#: sources of levels of which only one would be looked at
_CONTRADICTORY = (
    ("--from-slice", "--vertebrae"),
    ("--from-slice", "--anchor"),
    ("--from-slice", "--model"),
    ("--vertebrae", "--anchor"),
    ("--vertebrae", "--model"),
)


def named_level_options(values: Mapping[str, Any]) -> list[str]:
    """Return the options of `level_options` that were given, but for the one on frames."""
    names = ("sagittal", "anchor", "from_slice", "to_slice", "vertebrae", "numbering")
    return [f"--{name.replace('_', '-')}" for name in names if values.get(name) is not None]


def _check_sources(values: Mapping[str, Any]) -> None:
    """Refuse options of which one would be passed over in silence."""
    given = named_level_options(values)
    if values.get("model") is not None and "levels" not in values:
        given.append("--model")  # of `lpm levels`: the network that looks for the discs
    for pair in _CONTRADICTORY:
        if all(option in given for option in pair):
            raise click.UsageError(
                f"{pair[0]} and {pair[1]} contradict each other: both say where the discs are; "
                "give one of them"
            )
    if "--numbering" in given and "--vertebrae" not in given:
        raise click.UsageError("--numbering is about the map of --vertebrae, which was not given")


def read_level_options(values: dict[str, Any]) -> dict[str, Any]:
    """Take the options of `level_options` out of `values`, as `LevelOptions` wants them.

    Raises
    ------
    click.UsageError
        If one option is missing its other half, or two contradict each other.
    """
    _check_sources(values)
    ends = values.pop("from_slice"), values.pop("to_slice")
    if (ends[0] is None) != (ends[1] is None):
        raise click.UsageError("--from-slice and --to-slice go together")
    anchor = values.pop("anchor")
    names = ("sagittal", "vertebrae", "numbering", "accept_frame_mismatch")
    return {
        "slices": None if ends[0] is None else ends,
        "anchor": None if anchor is None else _anchor(anchor),
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


@contextmanager
def progress_bar(title: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Give a function that shows how much of how much is done; it shows nothing if quiet."""
    if quiet:
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    # In a log file a bar is noise.
    bars = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with bars as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def announce(message: str, *, quiet: bool) -> None:
    """Say something to the person at the terminal."""
    if not quiet:
        click.echo(message, err=True)


def print_json(data: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print JSON on standard output; undefined numbers become null.

    Characters that standard output cannot show are written as JSON escapes, so that none is lost.
    """
    from lpm_segmentator.io import to_json

    text = to_json(data)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(json.loads(text), indent=2)
    click.echo(text)
