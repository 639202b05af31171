"""The single steps: ``lpm crop``, ``segment``, ``clean``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lpm_segmentator.cli.common import (
    INPUTS,
    OUT,
    PATH,
    announce,
    echo_findings,
    low_confidence_option,
    model_options,
    output_options,
    read_options,
    slice_options,
    take_read_options,
)
from lpm_segmentator.cli.each import each_file

if TYPE_CHECKING:
    from lpm_segmentator.segment import Connectivity
    from lpm_segmentator.study.listing import ImageFile

__all__ = ["clean", "crop", "segment"]

_CONNECTIVITY: dict[str, Connectivity] = {"6": 6, "18": 18, "26": 26}


@click.command()
@INPUTS
@click.option("--slices", type=PATH, required=True, help="Table: pid, slice_start, slice_stop.")
@slice_options
@OUT
@read_options("header")
@output_options
def crop(
    inputs: tuple[Path, ...],
    slices: Path,
    slice_end: Any,
    out: Path,
    *,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Crop images and label maps to the slices that a table names.

    The pid of the table is the file name without .nii.gz, exactly. A crop keeps its place in the
    world: its origin moves.
    """
    from lpm_segmentator import api
    from lpm_segmentator.study.listing import list_volumes
    from lpm_segmentator.study.options import SliceTable
    from lpm_segmentator.study.outputs import output_paths

    table = SliceTable(slices, slice_end)
    table.read()
    items = list_volumes(inputs)
    header = take_read_options(options).header
    announce(f"slice_stop of {slices.name} is {slice_end}", quiet=quiet or as_json)

    def work(item: ImageFile, target: Path) -> None:
        for note in api.crop_file(item, target, table, header):
            announce(f"{item.case}: {note}", quiet=quiet)

    targets = output_paths(items, out)
    each_file(items, targets, work, title="cropping", quiet=quiet, as_json=as_json)


@click.command()
@INPUTS
@OUT
@model_options
@read_options("header", "contrast")
@low_confidence_option
@click.option(
    "--no-postprocess", is_flag=True, help="Write the network's own answer, all components."
)
@output_options
def segment(
    inputs: tuple[Path, ...], out: Path, *, quiet: bool, as_json: bool, **options: Any
) -> None:
    """Segment images: masks only.

    One image and -o NAME.nii.gz gives that file; otherwise -o names a folder that gets one
    CASE_dseg.nii.gz an image.
    """
    from lpm_segmentator import api
    from lpm_segmentator.pipeline import Settings
    from lpm_segmentator.study.listing import list_images
    from lpm_segmentator.study.outputs import output_paths

    items = list_images(inputs)
    targets = output_paths(items, out, suffix="_dseg")
    predictor = api.load_predictor(options["model"], mode=options["mode"])
    read = take_read_options(options)
    settings = Settings(
        keep_low_confidence=options["keep_low_confidence"],
        postprocess=not options["no_postprocess"],
    )

    def work(item: ImageFile, target: Path) -> None:
        findings = api.segment_file(
            item.path, target, predictor=predictor, settings=settings, read=read
        )
        echo_findings(item.case, findings, quiet=quiet)

    each_file(items, targets, work, title="segmenting", quiet=quiet, as_json=as_json)


@click.command()
@INPUTS
@OUT
@click.option(
    "--connectivity",
    type=click.Choice(list(_CONNECTIVITY)),
    default="6",
    show_default=True,
    help="Neighbours of a voxel: those that share a face; an edge too; a corner too.",
)
@read_options("scheme", "ignore", "header")
@output_options
def clean(
    inputs: tuple[Path, ...],
    out: Path,
    connectivity: str,
    *,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Keep the largest connected component of each label."""
    from lpm_segmentator import api
    from lpm_segmentator.study.listing import list_label_maps
    from lpm_segmentator.study.outputs import output_paths

    items = list_label_maps(inputs)
    read = take_read_options(options)

    def work(item: ImageFile, target: Path) -> None:
        removed = api.postprocess_file(
            item.path, target, connectivity=_CONNECTIVITY[connectivity], read=read
        )
        announce(f"{item.case}: {removed} voxels removed", quiet=quiet or as_json)

    targets = output_paths(items, out)
    each_file(items, targets, work, title="cleaning", quiet=quiet, as_json=as_json)
