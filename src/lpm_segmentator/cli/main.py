"""The command ``lpm``: finds the subcommand, runs it, and turns errors into messages.

Only the subcommand that was asked for is imported, so that ``lpm --help`` answers at once.
"""

from __future__ import annotations

import importlib
import io
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lpm_segmentator import __version__
from lpm_segmentator.cli.former import with_current_names

if TYPE_CHECKING:
    from lpm_segmentator.core import LpmError

__all__ = ["cli", "main"]

#: subcommand → where it lives, and its line in the help
_COMMANDS = {
    "run": ("lpm_segmentator.cli.run:run", "From images to masks, tables and a report."),
    "inspect": ("lpm_segmentator.cli.dicom:inspect", "Show what is in a DICOM export."),
    "remeasure": ("lpm_segmentator.cli.study:remeasure", "Measure masks that were edited."),
    "report": ("lpm_segmentator.cli.study:report", "Make tables and report of a run again."),
    "demo": ("lpm_segmentator.cli.demo:demo", "Run on the sample that comes with the package."),
    "crop": ("lpm_segmentator.cli.steps:crop", "Crop images to the slices of a table."),
    "levels": ("lpm_segmentator.cli.levels:levels", "Locate the discs L1-L2 to L5-S1."),
    "segment": ("lpm_segmentator.cli.steps:segment", "Write masks only."),
    "clean": ("lpm_segmentator.cli.steps:clean", "Keep the largest component of each label."),
    "measure": (
        "lpm_segmentator.cli.measures:measure",
        "Measure volumes, areas, fat and asymmetry of masks.",
    ),
    "evaluate": ("lpm_segmentator.cli.measures:evaluate", "Compare masks with a reference."),
    "compare": ("lpm_segmentator.cli.compare:compare", "Analyse agreement of paired values."),
    "figures": ("lpm_segmentator.cli.figures:figures", "Draw the figures of a study."),
    "models": ("lpm_segmentator.cli.models:models", "List, install, remove, convert models."),
    "train": ("lpm_segmentator.cli.train:train", "Train a model of your own."),
}


class _Commands(click.Group):
    """A group that imports a subcommand when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lpm")
def cli() -> None:
    """From an MRI of the lower back to masks, numbers and a report of the paraspinal muscles.

    Start with 'lpm demo', or 'lpm run IMAGE… -o OUT'. Each command explains itself with --help.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 some cases failed, 2 bad input."""
    _show_what_can_be_shown()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    level = logging.ERROR if "--quiet" in arguments else logging.WARNING
    logging.basicConfig(
        level=logging.DEBUG if debug else level, format="lpm: %(levelname)s: %(message)s"
    )
    # These packages log every detail at the debug level.
    for noisy in ("matplotlib", "nibabel", "PIL"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    sys.exit(_run(arguments, debug=debug))


def _show_what_can_be_shown() -> None:
    """Let a terminal or file of few characters show ``?`` for others, such as ``²``."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="replace")


def _run(arguments: Sequence[str], *, debug: bool) -> int:
    try:
        current = with_current_names(arguments, quiet="--quiet" in arguments)
        result: Any = cli.main(args=current, prog_name="lpm", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _say("interrupted", 130)
    except BrokenPipeError:
        return 1
    except Exception as error:
        if debug:
            raise
        return _fail(error)
    return result if isinstance(result, int) else 0


def _fail(error: Exception) -> int:
    # Imported here, since `core` brings numpy, which 'lpm --help' can do without.
    from lpm_segmentator.core import LpmError
    from lpm_segmentator.core.remedies import with_flags

    if isinstance(error, (LpmError, OSError)) and not _has_current_folder():
        return _say("the current folder was removed. Change to a folder that exists.", 2)
    if isinstance(error, LpmError):
        return _say(with_flags(_with_failures(error)), error.exit_code)
    return _say(_unexpected(error), 1)


def _has_current_folder() -> bool:
    try:
        return Path.cwd().is_dir()
    except OSError:
        return False


def _unexpected(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "out of memory; crop the image or use fewer --workers"
    return (
        f"unexpected {type(error).__name__}: {error}. This is a bug; run again with --debug and "
        "report what it prints."
    )


def _with_failures(error: LpmError) -> str:
    from lpm_segmentator.core import CasesFailedError

    lines = [str(error)]
    if isinstance(error, CasesFailedError):
        lines += [f"  {case}: {why}" for case, why in error.failures.items()]
    return "\n".join(lines)


def _say(message: str, code: int) -> int:
    click.echo(f"lpm: error: {message}", err=True)
    return code
