"""``lpm run`` and ``lpm report``."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from lpm_segmentator.cli.common import (
    INPUTS,
    OUT,
    PATH,
    announce,
    doubtful_option,
    ignore_option,
    level_options,
    named_level_options,
    output_options,
    print_json,
    progress_bar,
    read_level_options,
    slice_options,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lpm_segmentator.api import CaseFiles, LevelOptions, RunOptions, SliceTable
    from lpm_segmentator.cohort import CohortResult

__all__ = ["execute", "report", "run"]


@click.command()
@INPUTS
@OUT
@click.option("--water", type=PATH, help="Water image, where the names do not say it.")
@click.option("--fat", type=PATH, help="Fat image of the same scan.")
@click.option("--reference", type=PATH, help="Manual masks: a folder, or the one file.")
@click.option(
    "--levels",
    default="none",
    show_default=True,
    metavar="auto|none|SLICES.csv|LEVELS.json",
    help="Which slices to segment and measure: all, those between the discs L1-L2 and L5-S1 "
    "(found in the image or in a sagittal series), or those of a table with the columns pid, "
    "slice_start and slice_stop, or of a file of levels, or a folder of CASE_levels.json.",
)
@level_options
@slice_options
@click.option(
    "--model", default="embedded", show_default=True, metavar="NAME|PATH", help="Which model."
)
@click.option(
    "--mode",
    type=click.Choice(["fast", "exact"]),
    help="Default: exact for the embedded model, fast for nnU-Net models.",
)
@click.option(
    "--accept-origin-mismatch",
    is_flag=True,
    help="Take images of one scan as one grid though one has lost its origin.",
)
@ignore_option
@doubtful_option
@click.option(
    "--no-brightness-fat",
    is_flag=True,
    help="Leave out fat by brightness on T1w and T2w images (saves some seconds a case).",
)
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option(
    "--engine",
    type=click.Choice(["local", "dask"]),
    default="local",
    show_default=True,
    help="Who runs the workers.",
)
@output_options
def run(inputs: tuple[Path, ...], out: Path, *, quiet: bool, as_json: bool, **options: Any) -> None:
    """Segment, measure and report one case or a whole study.

    INPUT is one or more NIfTI files or folders of them. Files named …_water… and …_fat… become
    Dixon pairs and get fat measures. With --levels auto, sagittal series among them serve to find
    the discs of the same person's images. Finished cases are skipped when the command is repeated.
    """
    from lpm_segmentator import api

    slices, levels = _levels_of(options)
    source = click.get_current_context().get_parameter_source("slice_end")
    if slices is None and source is ParameterSource.COMMANDLINE:
        raise click.UsageError(
            f"--slice-end and --levels {options['levels']} contradict each other: --slice-end is "
            "about a slice table (--levels SLICES.csv)"
        )
    if slices is not None:
        told = f"slice_stop of {slices.path.name} is {slices.end}"
        announce(told, quiet=quiet or as_json)
    cases = api.find_cases(
        inputs, water=options["water"], fat=options["fat"], reference=options["reference"]
    )
    if levels is not None:
        cases, levels = _with_levels(cases, levels)
    settings = api.RunOptions(
        model=options["model"],
        mode=options["mode"],
        slices=slices,
        levels=levels,
        accept_origin_mismatch=options["accept_origin_mismatch"],
        ignore=options["ignore_label"],
        keep_doubtful=options["keep_doubtful"],
        brightness=not options["no_brightness_fat"],
    )
    execute(
        cases,
        out,
        settings,
        workers=options["workers"],
        engine=options["engine"],
        quiet=quiet,
        as_json=as_json,
    )


def _levels_of(options: dict[str, Any]) -> tuple[SliceTable | None, LevelOptions | None]:
    """Return the slice table or the source of levels that was asked for, if any."""
    from lpm_segmentator import api

    given = named_level_options(options)
    named = api.LevelOptions(**read_level_options(options))
    levels = options["levels"]
    if levels == "auto":
        return None, named
    path = Path(levels)
    written = levels != "none" and (path.is_dir() or path.suffix.lower() == ".json")
    if named.accept_frame_mismatch and not written:
        given.append("--accept-frame-mismatch")
    if given:
        raise click.UsageError(
            f"{given[0]} and --levels {levels} contradict each other: {given[0]} is about where "
            "the discs are and needs --levels auto"
        )
    if written:
        return None, replace(named, written=path)
    if levels == "none":
        return None, None
    return api.SliceTable(path, options["slice_end"]), None


def _with_levels(
    cases: Sequence[CaseFiles], levels: LevelOptions
) -> tuple[list[CaseFiles], LevelOptions]:
    """Find each case's sagittal series, and refuse what is about one image if there are several."""
    from lpm_segmentator import api
    from lpm_segmentator.core import InputError

    given = levels.sagittal
    cases = api.with_sagittal(cases, given)
    if given is not None and given.is_dir():
        levels = replace(levels, sagittal=None)
    one = {
        "--anchor": levels.anchor,
        "--from-slice": levels.slices,
        "--vertebrae": levels.vertebrae,
        "--levels": None if levels.written is None or levels.written.is_dir() else levels.written,
    }
    about_one = [flag for flag, value in one.items() if value is not None]
    if about_one and len(cases) > 1:
        raise InputError(
            f"{about_one[0]} is about one image, and {len(cases)} cases were given",
            hint="Run the cases one by one, or give a folder of CASE_levels.json with --levels",
        )
    return cases, levels


def execute(
    cases: list[CaseFiles],
    out: Path,
    settings: RunOptions,
    *,
    workers: int = 1,
    engine: str = "local",
    quiet: bool = False,
    as_json: bool = False,
) -> None:
    """Run the cases with progress bars and say what came of them.

    Raises
    ------
    LpmError
        If the run or any case of it failed.
    """
    from lpm_segmentator.cohort import Event, run_cohort

    # What is odd about a case stands in its record and is told at the end; not twice.
    readers = logging.getLogger("lpm_segmentator.io")
    readers.setLevel(max(readers.level, logging.ERROR))
    lone = len(cases) == 1
    title = f"segmenting {cases[0].case}" if lone else f"{len(cases)} cases"
    with progress_bar(title, quiet=quiet) as show:
        ended = 0

        def on_event(event: Event) -> None:
            nonlocal ended
            ended += 1
            if not lone:
                show(ended, len(cases))

        result = run_cohort(
            cases,
            out,
            settings,
            workers=workers,
            engine="dask" if engine == "dask" else "local",
            on_event=on_event,
            on_slice=show if lone else None,
        )
    if result.earlier:
        announce(
            "of an earlier run, in the tables though not among the inputs: "
            f"{', '.join(result.earlier[:5])}{' …' if len(result.earlier) > 5 else ''}; to leave "
            f"them out remove their folders in {out / 'cases'} and run again",
            quiet=quiet,
        )
    if as_json:
        print_json(json.loads((out / "run.json").read_text(encoding="utf-8")))
    else:
        _summary(result, quiet=quiet)
    result.raise_failures()


def _summary(result: CohortResult, *, quiet: bool) -> None:
    if quiet:
        return
    from rich.console import Console
    from rich.table import Table

    from lpm_segmentator import api

    if result.report is not None:
        table = Table(box=None, header_style="bold")
        for name in ("case", "muscle", "side"):
            table.add_column(name)
        for name in ("volume mL", "mean area cm²", "fat ratio %"):
            table.add_column(name, justify="right")
        for record in api.read_records(result.out)[:20]:
            for row in record["measures"]:
                if row["level"] == "all" and row["side"] != "both" and row["muscle"] != "ES+MF":
                    table.add_row(record["case"], row["muscle"], row["side"], *_numbers(row))
        Console().print(table)
        for record in api.read_records(result.out)[:20]:
            for warning in (*record["notes"], *record["warnings"]):
                announce(f"{record['case']}: {warning}", quiet=quiet)
        click.echo(f"report: {result.report}")


def _numbers(row: dict[str, Any]) -> list[str]:
    values = (
        (row["volume_ml"], 1.0),
        (row["csa_mean_mm2"], 0.01),
        (row["fat_ratio"], 100.0),
    )
    return ["–" if value is None else f"{value * factor:.1f}" for value, factor in values]


@click.command()
@click.argument("out", type=PATH)
@output_options
def report(out: Path, *, quiet: bool, as_json: bool) -> None:
    """Make the tables and the report again from what 'lpm run' left in OUT."""
    from lpm_segmentator import api

    api.write_tables(out, api.read_records(out))
    path = api.write_report(out)
    if as_json:
        print_json({"report": str(path)})
    elif not quiet:
        click.echo(f"report: {path}")
