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
    from lpm_segmentator.core import Finding
    from lpm_segmentator.study.options import ReadOptions

__all__ = [
    "INPUTS",
    "OUT",
    "PATH",
    "announce",
    "echo_findings",
    "low_confidence_option",
    "model_options",
    "output_options",
    "print_json",
    "progress_bar",
    "read_options",
    "scan_progress",
    "show",
    "slice_options",
    "take_read_options",
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


def low_confidence_option(command: Command) -> Command:
    """Add ``--keep-low-confidence``."""
    return click.option(
        "--keep-low-confidence",
        is_flag=True,
        help="Keep low-confidence masks (discarded by default).",
    )(command)


def model_options(command: Command) -> Command:
    """Add ``--model`` and ``--mode``."""
    for option in (
        click.option(
            "--mode",
            type=click.Choice(["fast", "exact"]),
            help="Default: exact for the embedded model, fast for nnU-Net models.",
        ),
        click.option(
            "--model",
            default="embedded",
            show_default=True,
            metavar="NAME|PATH",
            help="Model to segment with.",
        ),
    ):
        command = option(command)
    return command


_READ_OPTIONS: dict[str, Callable[[Any], Any]] = {
    "origin": click.option(
        "--accept-origin-mismatch",
        is_flag=True,
        help="Treat images of one scan as one grid although one has lost its origin.",
    ),
    "resample": click.option(
        "--resample",
        is_flag=True,
        help="Resample label maps on another grid to the image's (nearest neighbour).",
    ),
    "scheme": click.option(
        "--label-scheme",
        metavar="NAME|FILE",
        help="What the values of label maps mean: lpm (default), musclemap, musclemap-abdomen, "
        "totalsegmentator, or a JSON file or table of names.",
    ),
    "ignore": click.option(
        "--ignore-label",
        type=click.IntRange(1, 255),
        multiple=True,
        help="Value of label maps that marks voxels to leave out, such as 255; repeatable.",
    ),
    "header": click.option(
        "--trust",
        type=click.Choice(["sform", "qform", "pixdim"]),
        help="Which account of the geometry counts where a NIfTI header contradicts itself.",
    ),
    "contrast": click.option(
        "--contrast",
        type=click.Choice(
            ["T1w", "T2w", "water", "fat", "in-phase", "opposed-phase", "unknown"],
            case_sensitive=False,
        ),
        help="Contrast of single images, if names and sidecars do not state it.",
    ),
}
_SPACING = click.option(
    "--spacing",
    metavar="I,J,K",
    help="Spacing in mm along the array axes, for headers that carry none.",
)


def read_options(*names: str) -> Callable[[Command], Command]:
    """Add options about how files are read.

    Parameters
    ----------
    *names : str
        Some of ``"origin"``, ``"resample"``, ``"scheme"``, ``"ignore"``, ``"header"`` and
        ``"contrast"``.
    """

    def add(command: Command) -> Command:
        for name in reversed(names):
            if name == "header":
                command = _SPACING(command)
            command = _READ_OPTIONS[name](command)
        return command

    return add


def take_read_options(values: dict[str, Any]) -> ReadOptions:
    """Take the options of `read_options` out of `values`.

    Raises
    ------
    click.UsageError
        If a spacing is not three numbers.
    """
    from lpm_segmentator.core import Contrast
    from lpm_segmentator.io import HeaderOptions, label_numbering
    from lpm_segmentator.study.options import ReadOptions

    contrast, spacing = values.pop("contrast", None), values.pop("spacing", None)
    scheme = values.pop("label_scheme", None)
    return ReadOptions(
        accept_origin_mismatch=values.pop("accept_origin_mismatch", False),
        resample=values.pop("resample", False),
        ignore=tuple(values.pop("ignore_label", ())),
        label_scheme=label_numbering(scheme or "lpm"),
        header=HeaderOptions(values.pop("trust", None), spacing and _spacing(spacing)),
        contrast=None if contrast is None else Contrast(contrast),
    )


def _spacing(text: str) -> tuple[float, float, float]:
    try:
        i, j, k = (float(part) for part in text.replace("x", ",").split(","))
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r} is not three numbers such as 0.7,0.7,4", param_hint="--spacing"
        ) from error
    return i, j, k


@contextmanager
def progress_bar(title: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that shows how many of how many steps are done; nothing if quiet."""
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


@contextmanager
def scan_progress(*, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Yield a function that shows how many files were looked at; nothing if quiet."""
    if quiet:
        yield lambda files: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    bars = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with bars as progress:
        task = progress.add_task("reading DICOM headers")

        def advance(files: int) -> None:
            if files % 100 == 0:
                progress.update(task, description=f"reading DICOM headers: {files} files")

        yield advance


def announce(message: str, *, quiet: bool) -> None:
    """Print a message to the terminal, beside the results."""
    if not quiet:
        show(message, err=True)


def show(message: str, *, err: bool = False) -> None:
    """Print a message, with the flags of remedies in place of Python arguments."""
    from lpm_segmentator.core.remedies import with_flags

    click.echo(with_flags(message), err=err)


def echo_findings(case: str, findings: Sequence[Finding], *, quiet: bool) -> None:
    """Print what there is to say about a case."""
    from lpm_segmentator.core.remedies import finding_text

    for finding in findings:
        announce(f"{case}: {finding_text(finding.message, finding.remedy)}", quiet=quiet)


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
