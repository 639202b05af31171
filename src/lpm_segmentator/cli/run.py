"""``lpm run``."""

from __future__ import annotations

import json
import sys
import time
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
    low_confidence_option,
    model_options,
    output_options,
    print_json,
    progress_bar,
    read_options,
    show,
    slice_options,
    take_read_options,
)
from lpm_segmentator.cli.dicom import (
    check_dicom_options,
    dicom_options,
    find_dicom,
    take_dicom_options,
)
from lpm_segmentator.cli.level_options import (
    given_level_options,
    level_options,
    take_level_options,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lpm_segmentator.cohort import Engine, Event
    from lpm_segmentator.io import HeaderOptions
    from lpm_segmentator.study.cases import CaseFiles, Unused
    from lpm_segmentator.study.discovery import Discovery
    from lpm_segmentator.study.options import LevelOptions, ReadOptions, RunOptions, SliceTable

__all__ = ["execute", "run"]


@click.command()
@INPUTS
@OUT
@click.option("--water", type=PATH, help="Water image, where the names do not state it.")
@click.option("--fat", type=PATH, help="Fat image of the same scan.")
@click.option("--reference", type=PATH, help="Manual masks to compare with: a folder, or the file.")
@click.option(
    "--masks", type=PATH, help="Masks to measure instead of segmenting: a folder, or the file."
)
@click.option(
    "--levels",
    metavar="auto|none|SLICES.csv|LEVELS.json",
    help="Which slices to segment and measure: all, those between the discs L1-L2 and L5-S1 "
    "(located in the image or in a sagittal series), those of a table with the columns pid, "
    "slice_start and slice_stop, or those between discs that a file states: a table with the "
    "columns pid and L1-L2 to L5-S1, a file of levels, or a folder of CASE_levels.json.  "
    "[default: none; auto with a sagittal series for DICOM examinations and for NIfTI images in "
    "several stacks]",
)
@level_options
@click.option("--from-slice", type=int, help="First slice to segment and measure, from 0.")
@click.option("--to-slice", type=int, help="Last slice to segment and measure.")
@slice_options
@model_options
@read_options("origin", "resample", "scheme", "ignore", "header", "contrast")
@dicom_options
@low_confidence_option
@click.option(
    "--no-intensity-fat",
    is_flag=True,
    help="Omit intensity-based fat on T1w and T2w images (saves some seconds a case).",
)
@click.option(
    "--workers", type=click.IntRange(1), default=1, show_default=True, help="Worker processes."
)
@click.option(
    "--engine",
    type=click.Choice(["serial", "processes", "dask"]),
    help="Execution backend.  [default: processes for several workers]",
)
@click.option("--dry-run", is_flag=True, help="Show what would be run, and run nothing.")
@output_options
def run(inputs: tuple[Path, ...], out: Path, *, quiet: bool, as_json: bool, **options: Any) -> None:
    """Segment, measure and report one case or a whole study.

    INPUT is one or more NIfTI files or folders of them, at any depth, or DICOM exports: folders,
    zip archives, a DICOMDIR ('lpm inspect' shows what would be segmented). Files named …_water… and
    …_fat… become Dixon pairs and get fat measures. With --levels auto, sagittal series among them
    serve to locate the discs of the same subject's images. Finished cases are skipped when the
    command is repeated.
    """
    from lpm_segmentator.core import InputError
    from lpm_segmentator.study.discovery import Discovery
    from lpm_segmentator.study.inputs import split_inputs

    dicom = take_dicom_options(options)
    picked = _picked_slices(options)
    table, levels = _levels_of(options)
    _check_slice_options(options, table, picked)
    if table is not None:
        announce(f"slice_stop of {table.path.name} is {table.end}", quiet=quiet or as_json)
    read = take_read_options(options)
    given = split_inputs(inputs)
    plan = Discovery((), given.unused)
    if given.nifti or not given.dicom:
        found, levels = _find_nifti(given.nifti, options, read, levels)
        plan = plan.joined(found)
    check_dicom_options(dicom, read.contrast, options, levels, has_dicom=bool(given.dicom))
    if given.dicom:
        found, levels = find_dicom(given.dicom, out, dicom, options, levels, quiet=quiet or as_json)
        plan = plan.joined(found)
    if levels is not None:
        _check_about_one(plan.cases, levels)
    if picked is not None and len(plan.cases) > 1:
        raise InputError(
            f"--from-slice is about one image, and {len(plan.cases)} cases were given",
            hint="Run the cases one by one, or give a slice table",
        )
    _echo_unused(plan.unused, quiet=quiet or as_json)
    if options["dry_run"]:
        _echo_plan(plan, as_json=as_json)
        return
    execute(
        plan.cases,
        out,
        _run_options(options, read, slices=table or picked, levels=levels),
        workers=options["workers"],
        engine=options["engine"],
        quiet=quiet,
        as_json=as_json,
    )


def _find_nifti(
    inputs: Sequence[Path],
    options: dict[str, Any],
    read: ReadOptions,
    levels: LevelOptions | None,
) -> tuple[Discovery, LevelOptions | None]:
    from lpm_segmentator.study.discovery import discover
    from lpm_segmentator.study.options import LevelOptions

    found = discover(
        inputs,
        water=options["water"],
        fat=options["fat"],
        reference=options["reference"],
        masks=options["masks"],
        contrast=read.contrast,
        header=read.header,
    )
    if options["levels"] is None and any(files.stacks for files in found.cases):
        levels = LevelOptions(sagittal_only=True)
    return (found, None) if levels is None else _with_levels(found, levels, read.header)


def _run_options(
    options: dict[str, Any],
    read: ReadOptions,
    *,
    slices: SliceTable | tuple[int, int] | None,
    levels: LevelOptions | None,
) -> RunOptions:
    from lpm_segmentator.study.options import RunOptions

    return RunOptions(
        model=options["model"],
        mode=options["mode"],
        slices=slices,
        levels=levels,
        accept_origin_mismatch=read.accept_origin_mismatch,
        resample=read.resample,
        ignore=read.ignore,
        label_scheme=read.label_scheme,
        contrast=read.contrast,
        trust=read.header.trust,
        spacing_mm=read.header.spacing_mm,
        keep_low_confidence=options["keep_low_confidence"],
        intensity_fat=not options["no_intensity_fat"],
    )


def _picked_slices(options: dict[str, Any]) -> tuple[int, int] | None:
    first, last = options.pop("from_slice"), options.pop("to_slice")
    if (first is None) != (last is None):
        raise click.UsageError("--from-slice and --to-slice go together")
    return None if first is None else (first, last)


def _check_slice_options(
    options: dict[str, Any], table: SliceTable | None, picked: tuple[int, int] | None
) -> None:
    source = click.get_current_context().get_parameter_source("slice_end")
    if table is None and source is ParameterSource.COMMANDLINE:
        if options["levels"] is None:
            raise click.UsageError(
                "--slice-end is about a slice table (--levels SLICES.csv), which was not given"
            )
        raise click.UsageError(
            f"--slice-end and --levels {options['levels']} contradict each other: --slice-end is "
            "about a slice table (--levels SLICES.csv)"
        )
    if table is not None and picked is not None:
        raise click.UsageError(
            f"--from-slice and --levels {options['levels']} contradict each other: both state the "
            "slices; give one of them"
        )


def _levels_of(options: dict[str, Any]) -> tuple[SliceTable | None, LevelOptions | None]:
    """Return the slice table or the source of levels that was requested, if any."""
    from lpm_segmentator.core import Disc
    from lpm_segmentator.io import read_disc_table
    from lpm_segmentator.study.options import LevelOptions, SliceTable

    given = given_level_options(options)
    named = LevelOptions(**take_level_options(options))
    levels = options["levels"] or "none"
    if levels == "auto":
        return None, named
    path = Path(levels)
    written = levels != "none" and (path.is_dir() or path.suffix.lower() == ".json")
    if named.accept_frame_mismatch and not written:
        given.append("--accept-frame-mismatch")
    if given and options["levels"] is None:
        raise click.UsageError(f"{given[0]} is about the discs and needs --levels auto")
    if given:
        raise click.UsageError(
            f"{given[0]} and --levels {levels} contradict each other: {given[0]} states where the "
            "discs are and needs --levels auto"
        )
    if written:
        return None, replace(named, written=path)
    if levels == "none":
        return None, None
    if path.exists() and read_disc_table(path, [str(disc) for disc in Disc]) is not None:
        return None, replace(named, table=path)
    return SliceTable(path, options["slice_end"]), None


def _with_levels(
    plan: Discovery, levels: LevelOptions, header: HeaderOptions
) -> tuple[Discovery, LevelOptions]:
    """Find each case's sagittal series."""
    from lpm_segmentator.study.series import with_sagittal

    given = levels.sagittal
    matched = with_sagittal(plan.cases, given, header)
    plan = replace(plan, cases=matched.cases, unused=(*plan.unused, *matched.unused))
    if given is not None and given.is_dir():
        levels = replace(levels, sagittal=None)
    return plan, levels


def _check_about_one(cases: Sequence[CaseFiles], levels: LevelOptions) -> None:
    """Refuse levels that are about one image if there are several cases."""
    from lpm_segmentator.core import InputError

    written = levels.written
    one = {
        "--anchor": levels.anchors,
        "--vertebrae": levels.vertebrae,
        "--levels": None if written is None or written.is_dir() else written,
    }
    about_one = [flag for flag, value in one.items() if value]
    if about_one and len(cases) > 1:
        raise InputError(
            f"{about_one[0]} is about one image, and {len(cases)} cases were given",
            hint="Run the cases one by one, or give a folder of CASE_levels.json with --levels",
        )


def _echo_unused(unused: Sequence[Unused], *, quiet: bool) -> None:
    for entry in unused:
        announce(f"not used: {entry.path}: {entry.reason}", quiet=quiet)


def _echo_plan(plan: Discovery, *, as_json: bool) -> None:
    """Print the cases with their files, and the files that no case uses."""
    rows = [
        {
            "case": files.case,
            "contrast": _contrast(files),
            **{role: str(path) for role, path in files.paths.items()},
            "notes": list(files.notes),
            "problem": files.problem,
        }
        for files in plan.cases
    ]
    unused = [{"path": str(entry.path), "reason": entry.reason} for entry in plan.unused]
    if as_json:
        print_json({"cases": rows, "unused": unused})
        return
    for files in plan.cases:
        contrast = _contrast(files)
        click.echo(f"{files.case}: {contrast}")
        for role, path in files.paths.items():
            click.echo(f"  {role}: {path}")
        for text in (*files.notes, files.problem):
            if text:
                show(f"  {text}")


def _contrast(files: CaseFiles) -> str:
    if files.water is not None:
        return "Dixon pair"
    return "unknown" if files.contrast is None else str(files.contrast)


def execute(
    cases: Sequence[CaseFiles],
    out: Path,
    settings: RunOptions,
    *,
    workers: int = 1,
    engine: Engine | None = None,
    quiet: bool = False,
    as_json: bool = False,
) -> None:
    """Run the cases with progress bars and print a summary.

    Raises
    ------
    LpmError
        If the run or any case of it failed.
    """
    from lpm_segmentator.cli.summary import echo_summary
    from lpm_segmentator.cohort import run_cohort
    from lpm_segmentator.study.layout import StudyFolder

    began, alone = time.perf_counter(), len(cases) == 1
    title = f"segmenting {cases[0].case}" if alone else f"{len(cases)} cases"
    with progress_bar(title, quiet=quiet) as show:
        ended = 0

        def on_event(event: Event) -> None:
            nonlocal ended
            ended += 1
            if not alone:
                show(ended, len(cases))

        result = run_cohort(
            cases,
            out,
            settings,
            workers=workers,
            engine=engine,
            on_event=on_event,
            on_slice=show if alone else None,
            command=sys.argv[1:],
        )
    if as_json:
        print_json(json.loads(StudyFolder(out).run.read_text(encoding="utf-8")))
    elif not quiet:
        echo_summary(result, time.perf_counter() - began)
    result.raise_failures()
