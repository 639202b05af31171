"""The single steps: ``lpm crop``, ``segment``, ``clean``, ``measure``, ``evaluate``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lpm_segmentator.cli.common import (
    INPUTS,
    OUT,
    PATH,
    announce,
    doubtful_option,
    ignore_option,
    output_options,
    print_json,
    progress_bar,
    slice_options,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from lpm_segmentator.api import Mode
    from lpm_segmentator.io import ImageCase
    from lpm_segmentator.segment import Connectivity

_CONNECTIVITY: dict[str, Connectivity] = {"6": 6, "18": 18, "26": 26}

__all__ = ["clean", "crop", "evaluate", "measure", "segment"]


def _each(
    items: Sequence[ImageCase],
    targets: dict[str, Path],
    work: Callable[[ImageCase, Path], None],
    *,
    title: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Do one step for each file, with a bar; name what failed at the end."""
    from lpm_segmentator import api

    by_case = {item.case: item for item in items}
    done = 0
    with progress_bar(title, quiet=quiet) as show:

        def ended(case: str) -> None:
            nonlocal done
            done += 1
            show(done, len(items))

        failures = api.for_each(
            list(targets), lambda case: work(by_case[case], targets[case]), progress=ended
        )
    failed = {failure.case: failure.message for failure in failures}
    written = {case: str(path) for case, path in targets.items() if case not in failed}
    if as_json:
        print_json({"written": written, "failed": failed})
    elif not quiet:
        for path in written.values():
            click.echo(path)
    _raise_failed(failed, len(items))


def _raise_failed(failed: Mapping[str, str], count: int) -> None:
    from lpm_segmentator.core import CasesFailedError

    if failed:
        raise CasesFailedError(f"{len(failed)} of {count} failed", failures=failed)


Tables = Mapping[Path, Sequence[Mapping[str, Any]]]


def _into_tables(
    cases: Sequence[str],
    rows_of: Callable[[str], Tables],
    out: Path,
    *,
    title: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write the rows of each case to one table or more; name the cases that failed at the end."""
    from lpm_segmentator import api

    tables: dict[Path, list[Mapping[str, Any]]] = {}
    with progress_bar(title, quiet=quiet) as show:
        done = 0

        def work(case: str) -> None:
            nonlocal done
            for path, rows in rows_of(case).items():
                tables.setdefault(path, []).extend(rows)
            done += 1
            show(done, len(cases))

        failures = api.for_each(cases, work)
    for path, rows in tables.items():
        api.write_table(rows, path)
    if as_json:
        print_json(tables.get(out, []))
    elif not quiet:
        for path in tables:
            click.echo(path)
    _raise_failed({failure.case: failure.message for failure in failures}, len(cases))


def _distinct(**targets: Path | None) -> None:
    """Refuse two tables that would go into one file."""
    from lpm_segmentator.core import OutputError

    seen: dict[Path, str] = {}
    for flag, path in targets.items():
        if path is not None and (other := seen.setdefault(path.resolve(), flag)) != flag:
            raise OutputError(
                f"--{other} and --{flag.replace('_', '-')} name one file",
                where=path,
                hint="Give each table a name of its own",
            )


@click.command()
@INPUTS
@click.option("--slices", type=PATH, required=True, help="Table: pid, slice_start, slice_stop.")
@slice_options
@OUT
@output_options
def crop(
    inputs: tuple[Path, ...],
    slices: Path,
    slice_end: Any,
    out: Path,
    *,
    quiet: bool,
    as_json: bool,
) -> None:
    """Cut images and label maps to the slices that a table names.

    The pid of the table is the file name without .nii.gz, exactly. A crop keeps its place in the
    world: its origin moves.
    """
    from lpm_segmentator import api

    table = api.SliceTable(slices, slice_end)
    table.read()
    items = api.find_volumes(inputs)
    announce(f"slice_stop of {slices.name} is {slice_end}", quiet=quiet or as_json)
    _each(
        items,
        api.output_paths(items, out),
        lambda item, target: api.crop_file(item, target, table),
        title="cropping",
        quiet=quiet,
        as_json=as_json,
    )


@click.command()
@INPUTS
@OUT
@click.option(
    "--model", default="embedded", show_default=True, metavar="NAME|PATH", help="Which model."
)
@click.option(
    "--mode",
    type=click.Choice(["fast", "exact"]),
    help="Default: exact for the embedded model, fast for nnU-Net models.",
)
@doubtful_option
@output_options
def segment(
    inputs: tuple[Path, ...],
    out: Path,
    model: str,
    mode: Mode | None,
    *,
    keep_doubtful: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Segment images: masks only.

    One image and -o NAME.nii.gz gives that file; otherwise -o names a folder that gets one
    CASE_dseg.nii.gz an image.
    """
    from lpm_segmentator import api

    items = api.find_images(inputs)
    targets = api.output_paths(items, out, suffix="_dseg")
    predictor = api.load_predictor(model, mode=mode)

    def work(item: ImageCase, target: Path) -> None:
        for warning in api.segment_files(
            item, target, predictor=predictor, keep_doubtful=keep_doubtful
        ):
            announce(f"{item.case}: {warning}", quiet=quiet)

    _each(items, targets, work, title="segmenting", quiet=quiet, as_json=as_json)


@click.command()
@INPUTS
@OUT
@click.option(
    "--connectivity",
    type=click.Choice(list(_CONNECTIVITY)),
    default="6",
    show_default=True,
    help="Neighbours of a voxel: by faces, edges too, corners too.",
)
@ignore_option
@output_options
def clean(
    inputs: tuple[Path, ...],
    out: Path,
    connectivity: str,
    ignore_label: tuple[int, ...],
    *,
    quiet: bool,
    as_json: bool,
) -> None:
    """Keep the largest connected component of each label."""
    from lpm_segmentator import api

    items = api.find_label_maps(inputs)

    def work(item: ImageCase, target: Path) -> None:
        removed = api.clean_file(
            item, target, connectivity=_CONNECTIVITY[connectivity], ignore=ignore_label
        )
        announce(f"{item.case}: {removed} voxels removed", quiet=quiet or as_json)

    _each(
        items,
        api.output_paths(items, out),
        work,
        title="cleaning",
        quiet=quiet,
        as_json=as_json,
    )


_LEVELS = click.option(
    "--levels",
    type=PATH,
    help="JSON of 'lpm levels', or a folder with CASE_levels.json: adds discs and vertebrae.",
)
_FRAME = click.option(
    "--accept-frame-mismatch", is_flag=True, help="Take levels of another case as they lie."
)
_MISMATCH = click.option(
    "--accept-origin-mismatch", is_flag=True, help="An image or label map has lost its origin."
)


@click.command()
@click.option("--labels", type=PATH, required=True, help="A label map, or a folder of them.")
@click.option("--image", type=PATH, help="T1w or T2w image: gives fat by brightness.")
@click.option("--water", type=PATH, help="Water image (or folder of water and fat images).")
@click.option("--fat", type=PATH, help="Fat image.")
@_MISMATCH
@_LEVELS
@_FRAME
@ignore_option
@click.option("-o", "--output", "out", type=PATH, required=True, help="The CSV to write.")
@click.option("--by-slice", type=PATH, help="CSV for the course along the spine, slice by slice.")
@click.option("--maps", type=PATH, help="Folder for maps of fat (NIfTI).")
@click.option(
    "--asymmetry",
    type=click.Choice(["mean", "larger"]),
    default="mean",
    show_default=True,
    help="100 (R - L) / ((R + L) / 2), or 100 (larger - smaller) / larger.",
)
@click.option("--no-brightness-fat", is_flag=True, help="Leave --image's fat out; its grid counts.")
@output_options
def measure(labels: Path, out: Path, *, quiet: bool, as_json: bool, **options: Any) -> None:
    """Measure label maps: volume, area, fat and asymmetry per muscle, side and level.

    Fat comes from a Dixon pair (--water, --fat), or by brightness from a T1w or T2w image
    (--image). In folders, an image without its label map, or the other way round, is told of at
    the end, and the command ends with code 1.
    """
    from lpm_segmentator import api
    from lpm_segmentator.measure import AsymmetryFormula

    by_slice = options["by_slice"]
    _distinct(output=out, by_slice=by_slice)
    read = (labels, options["image"], options["water"], options["fat"], options["levels"])
    api.refuse_overwriting((out, by_slice), read)
    found = {
        files.case: files
        for files in api.find_measurable(
            labels, image=options["image"], water=options["water"], fat=options["fat"]
        )
    }
    settings = api.MeasureOptions(
        ignore=options["ignore_label"],
        accept_origin_mismatch=options["accept_origin_mismatch"],
        accept_frame_mismatch=options["accept_frame_mismatch"],
        levels=options["levels"],
        formula=AsymmetryFormula[options["asymmetry"].upper()],
        brightness=not options["no_brightness_fat"],
        maps=options["maps"],
    )

    def rows_of(case: str) -> Tables:
        measured = api.measure_files(found[case], settings)
        for warning in (*measured.notes, *measured.measures.warnings):
            announce(f"{case}: {warning}", quiet=quiet)
        tables: Tables = {out: api.measure_rows(measured.measures)}
        if by_slice is None:
            return tables
        return {**tables, by_slice: api.measure_rows(measured.measures, profile=True)}

    _into_tables(list(found), rows_of, out, title="measuring", quiet=quiet, as_json=as_json)


@click.command()
@click.option("--reference", type=PATH, required=True, help="Manual label map or folder.")
@click.option("--prediction", type=PATH, required=True, help="Predicted label map or folder.")
@click.option("-o", "--output", "out", type=PATH, required=True, help="The CSV to write.")
@click.option("--by-slice", type=PATH, help="CSV for every slice: shows where a case fails.")
@click.option("--by-level", type=PATH, help="CSV for every disc and vertebra; needs --levels.")
@_LEVELS
@_FRAME
@click.option("--water", type=PATH, help="Water image, or folder: adds fat ratio differences.")
@click.option("--fat", type=PATH, help="Fat image, or folder.")
@_MISMATCH
@ignore_option
@click.option("--resample", is_flag=True, help="Bring predictions to the reference's grid.")
@output_options
def evaluate(
    reference: Path, prediction: Path, out: Path, *, quiet: bool, as_json: bool, **options: Any
) -> None:
    """Compare label maps with their references: Dice, surface distances, volumes.

    Cases of two folders are matched by their whole names; one without its partner is told of at
    the end, and the command ends with code 1.
    """
    from dataclasses import asdict

    from lpm_segmentator import api
    from lpm_segmentator.core import InputError

    by_slice, by_level = options["by_slice"], options["by_level"]
    _distinct(output=out, by_slice=by_slice, by_level=by_level)
    read = (reference, prediction, options["water"], options["fat"], options["levels"])
    api.refuse_overwriting((out, by_slice, by_level), read)
    if by_level is not None and options["levels"] is None:
        raise InputError("--by-level needs --levels", hint="'lpm levels' finds them")
    given = api.pair_label_maps(reference, prediction)
    settings = api.EvaluateOptions(
        ignore=options["ignore_label"],
        on_grid=options["resample"],
        levels=options["levels"],
        water=options["water"],
        fat=options["fat"],
        accept_origin_mismatch=options["accept_origin_mismatch"],
        accept_frame_mismatch=options["accept_frame_mismatch"],
    )

    def rows_of(case: str) -> Tables:
        if case in given.lonely:
            raise InputError(given.lonely[case])
        truth, found = given.pairs[case]
        accuracy = api.evaluate_files(case, truth, found, settings)
        tables: Tables = {out: [accuracy.wide()]}
        for path, rows in ((by_slice, accuracy.slices), (by_level, accuracy.rows)):
            if path is not None:
                tables = {**tables, path: [asdict(row) for row in rows]}
        return tables

    cases = [*given.pairs, *given.lonely]
    _into_tables(cases, rows_of, out, title="comparing", quiet=quiet, as_json=as_json)
