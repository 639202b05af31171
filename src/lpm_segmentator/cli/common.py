"""Options, progress bars and tables that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = [
    "INPUTS",
    "OUT",
    "PATH",
    "announce",
    "doubtful_option",
    "ignore_option",
    "output_options",
    "print_json",
    "progress_bar",
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
    """Print JSON on standard output; undefined numbers become null."""
    from lpm_segmentator.io import to_json

    click.echo(to_json(data))
