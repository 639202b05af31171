"""``lpm inspect``, and the options of ``lpm run`` about DICOM."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lpm_segmentator.cli.common import INPUTS, announce, output_options, print_json, scan_progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lpm_segmentator.core import Contrast
    from lpm_segmentator.study.dicom import DicomOptions, ExaminationSummary
    from lpm_segmentator.study.discovery import Discovery
    from lpm_segmentator.study.options import LevelOptions

__all__ = ["check_dicom_options", "dicom_options", "find_dicom", "inspect", "take_dicom_options"]

Command = TypeVar("Command", bound=Callable[..., Any])

_SERIES = click.option(
    "--series",
    multiple=True,
    metavar="UID|NUMBER|TEXT",
    help="Series to segment in place of those that would be chosen: its UID, its number or a part "
    "of its description; repeatable.",
)


def dicom_options(command: Command) -> Command:
    """Add ``--series``, ``--case-from`` and ``--keep-identity``."""
    for option in (
        click.option(
            "--keep-identity",
            is_flag=True,
            help="Keep patient ID, accession number and date in records and cases.csv.",
        ),
        click.option(
            "--case-from",
            type=click.Choice(["pseudonym", "PatientID", "AccessionNumber", "folder"]),
            default="pseudonym",
            show_default=True,
            help="What cases from DICOM are named by.",
        ),
        _SERIES,
    ):
        command = option(command)
    return command


def take_dicom_options(values: dict[str, Any]) -> DicomOptions:
    """Take the options of `dicom_options` out of `values`."""
    from lpm_segmentator.study.dicom import DicomOptions

    return DicomOptions(
        series=values.pop("series"),
        case_from=values.pop("case_from"),
        keep_identity=values.pop("keep_identity"),
    )


def check_dicom_options(
    dicom: DicomOptions,
    contrast: Contrast | None,
    options: Mapping[str, Any],
    levels: LevelOptions | None,
    *,
    has_dicom: bool,
) -> None:
    """Refuse options that would have no effect on the inputs.

    Raises
    ------
    click.UsageError
    """
    only_dicom = {
        "--series": dicom.series,
        "--case-from": dicom.case_from != "pseudonym",
        "--keep-identity": dicom.keep_identity,
    }
    for flag, value in only_dicom.items():
        if value and not has_dicom:
            raise click.UsageError(f"{flag} is about DICOM, and no input is DICOM")
    if has_dicom and contrast is not None:
        raise click.UsageError(
            "--contrast is about NIfTI: the contrast of DICOM is read from the header; choose a "
            "series with --series"
        )
    pair = [f"--{name}" for name in ("water", "fat") if options[name] is not None]
    if has_dicom and pair:
        raise click.UsageError(f"{pair[0]} names a NIfTI image, and an input is DICOM")
    sagittal = None if levels is None else levels.sagittal
    if has_dicom and sagittal is not None and sagittal.is_dir():
        raise click.UsageError(
            f"--sagittal {sagittal} is a folder, and an input is DICOM: its examinations have "
            "sagittal series of their own; name one NIfTI image"
        )


def find_dicom(
    inputs: Sequence[Path],
    out: Path,
    dicom: DicomOptions,
    options: Mapping[str, Any],
    levels: LevelOptions | None,
    *,
    quiet: bool,
) -> tuple[Discovery, LevelOptions | None]:
    """Find the cases in DICOM exports, and where their levels come from.

    Parameters
    ----------
    inputs : sequence of Path
    out : Path
        The output folder.
    dicom : DicomOptions
    options : mapping
        Of ``lpm run``.
    levels : LevelOptions or None
        What the user requested.

    Raises
    ------
    LpmError
        As `lpm_segmentator.study.dicom.discover_dicom`.
    """
    from lpm_segmentator.study.dicom import discover_dicom, scan_cache
    from lpm_segmentator.study.labels import with_label_maps
    from lpm_segmentator.study.options import LevelOptions

    with scan_progress(quiet=quiet) as show:
        found = discover_dicom(
            inputs,
            out,
            dicom,
            cache=scan_cache(),
            keep_salt=not options["dry_run"],
            progress=show,
        )
    cases = found.cases
    if options["reference"] is not None:
        cases = with_label_maps(cases, options["reference"], "reference")
    if options["masks"] is not None:
        cases = with_label_maps(cases, options["masks"], "mask")
    if options["levels"] is None:
        levels = LevelOptions(sagittal_only=True)
    return replace(found, cases=cases), levels


@click.command()
@INPUTS
@_SERIES
@output_options
def inspect(
    inputs: tuple[Path, ...], series: tuple[str, ...], *, quiet: bool, as_json: bool
) -> None:
    """Show what is in a DICOM export, and which series would be segmented and why.

    INPUT is a folder of any depth, a zip archive, a DICOMDIR or a file. Patients are numbered;
    names and identifiers are not shown. Headers are kept without identities in the user's cache
    folder; nothing else is written.
    """
    from lpm_segmentator.study.dicom import scan_cache, summarise

    with scan_progress(quiet=quiet or as_json) as show:
        summary = summarise(inputs, series, cache=scan_cache(), progress=show)
    if as_json:
        print_json(summary.to_dict())
        return
    for examination in summary.examinations:
        _echo_examination(examination)
    for skipped in summary.skipped:
        named = ", ".join(Path(path).name for path in skipped.paths[:3])
        more = f" and {skipped.count - 3} more" if skipped.count > 3 else ""
        announce(f"{named}{more}: {skipped.reason}", quiet=quiet)


def _echo_examination(examination: ExaminationSummary) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    scanner = f", {escape(examination.scanner)}" if examination.scanner else ""
    console.print(
        f"[bold]Patient {examination.patient}, examination {examination.number}[/bold]{scanner}"
    )
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("No.", justify="right")
    table.add_column("Series", overflow="fold", max_width=24)
    table.add_column("Shows")
    table.add_column("Slices", justify="right")
    table.add_column("Used as")
    table.add_column("Reason", ratio=1)
    for row in examination.series:
        extent = "" if row.extent_mm is None else f"\n{row.extent_mm:.0f} mm"
        table.add_row(
            "" if row.number is None else str(row.number),
            escape(row.description) or "–",
            "\n".join(filter(None, (row.contrast, row.plane))),
            f"{row.slices}{extent}",
            f"[bold green]{row.use}[/bold green]" if row.use else "–",
            escape(row.reason),
        )
    console.print(table)
    console.print()
