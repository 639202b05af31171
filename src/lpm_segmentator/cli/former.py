"""Options of earlier versions: what they are called now, and what takes their place.

No other module knows them.
"""

from __future__ import annotations

from collections.abc import Sequence

import click

__all__ = ["with_current_names"]

#: options and choices that were renamed; the old names work for one more version
_RENAMED: dict[tuple[str, ...], tuple[str, ...]] = {
    ("--keep-doubtful",): ("--keep-low-confidence",),
    ("--no-brightness-fat",): ("--no-intensity-fat",),
    # The default: serial for one worker, processes for several.
    ("--engine", "local"): (),
    ("--engine=local",): (),
}
_ENGINES = "serial or processes"

_NO_NAMES = (
    "slices that are picked name no discs; to name them, use --anchor L1-L2=SLICE and "
    "--anchor L5-S1=SLICE"
)
#: command and option → what to use instead
_REMOVED = {("levels", "--from-slice"): _NO_NAMES, ("levels", "--to-slice"): _NO_NAMES}


def with_current_names(arguments: Sequence[str], *, quiet: bool) -> list[str]:
    """Return the arguments with former options under their current names.

    Parameters
    ----------
    arguments : sequence of str
        Of the command line.
    quiet : bool
        Whether the note about a former name is left out.

    Raises
    ------
    click.UsageError
        If an option is gone; the message states what to use instead.
    """
    command = next(iter(arguments), "")
    for argument in arguments:
        instead = _REMOVED.get((command, argument.partition("=")[0]))
        if instead is not None:
            raise click.UsageError(instead)
    current: list[str] = []
    rest = list(arguments)
    while rest:
        former = next((old for old in _RENAMED if tuple(rest[: len(old)]) == old), None)
        if former is None:
            current.append(rest.pop(0))
            continue
        new = _RENAMED[former]
        if not quiet:
            name = " ".join(new) or _ENGINES
            click.echo(f"lpm: note: {' '.join(former)} is now called {name}", err=True)
        current += new
        rest = rest[len(former) :]
    return current
