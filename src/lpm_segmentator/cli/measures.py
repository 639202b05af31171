"""``lpm measure`` and ``lpm evaluate``: label maps to tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lpm_segmentator.cli.accuracy_table import echo_accuracy
from lpm_segmentator.cli.common import (
    PATH,
    announce,
    echo_findings,
    output_options,
    read_options,
    take_read_options,
)
from lpm_segmentator.cli.each import Tables, into_tables

if TYPE_CHECKING:
    from lpm_segmentator.segment import Predictor

__all__ = ["evaluate", "measure"]

_CSV = click.option("-o", "--output", "out", type=PATH, required=True, help="The CSV to write.")
_LEVELS = click.option(
    "--levels",
    type=PATH,
    help="JSON of 'lpm levels', or a folder with CASE_levels.json: adds discs and vertebrae.",
)
_FRAME = click.option(
    "--accept-frame-mismatch", is_flag=True, help="Use levels of another case where they lie."
)


@click.command()
@click.option("--labels", type=PATH, required=True, help="A label map, or a folder of them.")
@click.option("--image", type=PATH, help="T1w or T2w image: gives intensity-based fat.")
@click.option("--water", type=PATH, help="Water image (or folder of water and fat images).")
@click.option("--fat", type=PATH, help="Fat image.")
@read_options("origin", "resample", "scheme", "ignore", "header", "contrast")
@_LEVELS
@_FRAME
@_CSV
@click.option("--by-slice", type=PATH, help="CSV of the profile along the spine, slice by slice.")
@click.option("--maps", type=PATH, help="Folder for maps of fat (NIfTI).")
@click.option(
    "--asymmetry",
    type=click.Choice(["mean", "larger"]),
    default="mean",
    show_default=True,
    help="100 (R - L) / ((R + L) / 2), or 100 (larger - smaller) / larger.",
)
@click.option("--no-intensity-fat", is_flag=True, help="Omit the fat of --image; its grid counts.")
@click.option(
    "--no-model-check",
    is_flag=True,
    help="Do not compare masks with the embedded model's, which shows mirrored or turned ones.",
)
@output_options
def measure(labels: Path, out: Path, *, quiet: bool, as_json: bool, **options: Any) -> None:
    """Measure label maps: volume, area, fat and asymmetry per muscle, side and level.

    Fat comes from a Dixon pair (--water, --fat), or from the intensities of a T1w or T2w image
    (--image). In folders, an image without its label map, or the other way round, is reported at
    the end, and the command ends with code 1.
    """
    from lpm_segmentator import api
    from lpm_segmentator.api.measuring import find_measurable
    from lpm_segmentator.measure import AsymmetryFormula
    from lpm_segmentator.study.outputs import refuse_overwriting

    by_slice = options["by_slice"]
    _distinct(output=out, by_slice=by_slice)
    inputs = (labels, options["image"], options["water"], options["fat"], options["levels"])
    refuse_overwriting((out, by_slice), inputs)
    read = take_read_options(options)
    images = {role: options[role] for role in ("image", "water", "fat")}
    cases = {f.case: f for f in find_measurable(labels, **images, header=read.header)}
    settings = api.MeasureOptions(
        read=read,
        accept_frame_mismatch=options["accept_frame_mismatch"],
        levels=options["levels"],
        formula=AsymmetryFormula[options["asymmetry"].upper()],
        intensity_fat=not options["no_intensity_fat"],
        check_with_model=not options["no_model_check"],
        maps=options["maps"],
    )
    with_images = any(files.images for files in cases.values())
    predictor = _embedded() if settings.check_with_model and with_images else None

    def rows_of(case: str) -> Tables:
        measured = api.measure_file(cases[case], settings, predictor=predictor)
        echo_findings(case, measured.findings, quiet=quiet)
        tables: Tables = {out: [row.to_dict() for row in measured.measures.rows]}
        if by_slice is None:
            return tables
        return {**tables, by_slice: [row.to_dict() for row in measured.measures.profile]}

    into_tables(list(cases), rows_of, out, title="measuring", quiet=quiet, as_json=as_json)


@click.command()
@click.option("--reference", type=PATH, required=True, help="Manual label map or folder.")
@click.option("--prediction", type=PATH, required=True, help="Predicted label map or folder.")
@_CSV
@click.option("--by-slice", type=PATH, help="CSV for every slice: shows where a case fails.")
@click.option("--by-level", type=PATH, help="CSV for every disc and vertebra; needs --levels.")
@_LEVELS
@_FRAME
@click.option("--water", type=PATH, help="Water image, or folder: adds fat ratio differences.")
@click.option("--fat", type=PATH, help="Fat image, or folder.")
@read_options("origin", "resample", "scheme", "ignore", "header")
@click.option(
    "--reference-scheme",
    metavar="NAME|FILE",
    help="Label scheme of the references, if it is not that of the predictions (--label-scheme).",
)
@output_options
def evaluate(
    reference: Path, prediction: Path, out: Path, *, quiet: bool, as_json: bool, **options: Any
) -> None:
    """Compare label maps with their references: Dice, surface distances, volumes.

    Cases of two folders are matched by their whole names; one without its partner is reported at
    the end, and the command ends with code 1.
    """
    from lpm_segmentator import api
    from lpm_segmentator.api.evaluating import find_images, pair_label_maps
    from lpm_segmentator.core import InputError
    from lpm_segmentator.io import label_numbering
    from lpm_segmentator.study.outputs import refuse_overwriting

    by_slice, by_level = options["by_slice"], options["by_level"]
    _distinct(output=out, by_slice=by_slice, by_level=by_level)
    inputs = (reference, prediction, options["water"], options["fat"], options["levels"])
    refuse_overwriting((out, by_slice, by_level), inputs)
    if by_level is not None and options["levels"] is None:
        raise InputError("--by-level needs --levels", hint="'lpm levels' writes such files")
    read = take_read_options(options)
    scheme = options["reference_scheme"]
    given = pair_label_maps(reference, prediction, read.header)
    settings = api.EvaluateOptions(
        read=read,
        levels=options["levels"],
        water=options["water"],
        fat=options["fat"],
        accept_frame_mismatch=options["accept_frame_mismatch"],
        reference_scheme=None if scheme is None else label_numbering(scheme),
    )
    images = find_images(settings)

    def rows_of(case: str) -> Tables:
        if case in given.unpaired:
            raise InputError(given.unpaired[case])
        evaluated = api.evaluate_files(case, *given.pairs[case], settings, images=images)
        for note in evaluated.notes:
            announce(f"{case}: {note}", quiet=quiet)
        accuracy = evaluated.accuracy
        tables: Tables = {out: [accuracy.wide()]}
        for path, rows in ((by_slice, accuracy.slices), (by_level, accuracy.rows)):
            if path is not None:
                tables = {**tables, path: [row.to_dict() for row in rows]}
        return tables

    cases = [*given.pairs, *given.unpaired]
    into_tables(
        cases,
        rows_of,
        out,
        title="comparing",
        quiet=quiet,
        as_json=as_json,
        show=echo_accuracy,
        exact=True,
    )


def _embedded() -> Predictor | None:
    """Return the embedded model; None if it cannot be loaded, as each case will state."""
    from lpm_segmentator import api
    from lpm_segmentator.core import LpmError

    try:
        return api.load_predictor()
    except LpmError:
        return None


def _distinct(**targets: Path | None) -> None:
    """Refuse two tables that would go into one file."""
    from lpm_segmentator.core import OutputError

    seen: dict[Path, str] = {}
    for name, path in targets.items():
        if path is not None and (other := seen.setdefault(path.resolve(), name)) != name:
            raise OutputError(
                f"--{other.replace('_', '-')} and --{name.replace('_', '-')} name one file",
                where=path,
                hint="Give each table a name of its own",
            )
