"""Write an examination in several stacks: a mask each, one record."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core import KnownContrast, LabelMap, Volume, reorient
from lpm_segmentator.io import to_json
from lpm_segmentator.stacks import StackedResult, StackLevels
from lpm_segmentator.study.layout import CaseFolder
from lpm_segmentator.study.pictures import draw_discs, draw_slices
from lpm_segmentator.study.record import (
    CaseRecord,
    CoverageRecord,
    LevelsRecord,
    MaskRecord,
    write_record,
)
from lpm_segmentator.study.record_parts import DiscSliceRecord, StackRecord
from lpm_segmentator.study.recording import image_record, quality_record, record_of, rows_of
from lpm_segmentator.study.writing import (
    begin,
    remove_stale,
    with_provenance,
    write_levels,
    write_part,
)

if TYPE_CHECKING:
    from lpm_segmentator.study.cases import CaseFiles
    from lpm_segmentator.study.options import RunOptions

__all__ = ["write_stacks"]

#: as images from DICOM are stored: right to left, back to front, foot to head
_FRAME = "LAS"


def write_stacks(
    result: StackedResult,
    folder: CaseFolder,
    *,
    files: CaseFiles,
    options: RunOptions,
    fingerprint: str,
    contrast: KnownContrast,
    before: CaseRecord | None,
    edited: Sequence[MaskRecord] = (),
) -> CaseRecord:
    """Write the folder of an examination in several stacks and return its record.

    Parameters
    ----------
    result : StackedResult
    folder : CaseFolder
    files, options, fingerprint, contrast, before
        As of `lpm_segmentator.study.writing.write_case`.
    edited : sequence of MaskRecord
        Of masks in the folder that were measured and are kept: all stacks, or none.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    places = folder.parts(len(result.stacks))
    text = None if result.located is None else _levels_text(result, result.located)
    new = {} if edited else dict(zip(places, result.stacks, strict=True))
    begun = begin(folder, new, files=files, options=options, levels=text, before=before)
    stacks, current = _write_parts(result, places, contrast, edited)
    image, labels = _side_by_side(result)
    draw_slices(folder, image, labels, names=_slice_names(result), quality=result.quality)
    levels = None if text is None else _write_levels(result, text, folder, begun.requested)
    remove_stale(folder, begun, current, levels)
    base = record_of(
        result.stacks[0],
        files=files,
        options=options,
        image=stacks[0].image,
        mask=_joined_mask(stacks),
        levels=levels,
        findings=(*result.findings, *begun.findings),
        fingerprint=fingerprint,
    )
    case = _with_stacks(base, result, stacks)
    if edited and before is not None:
        case = with_provenance(case, before)
    write_record(case, folder.record)
    return case


def _write_parts(
    result: StackedResult,
    places: Sequence[CaseFolder],
    contrast: KnownContrast,
    edited: Sequence[MaskRecord],
) -> tuple[list[StackRecord], list[Path]]:
    """Write masks and maps of all stacks; return what is recorded of them, and the files."""
    stacks, files = [], []
    known: list[MaskRecord | None] = [*edited] or [None] * len(places)
    for place, stack, offset, kept in zip(
        places, result.stacks, result.offsets, known, strict=True
    ):
        mask, written = write_part(stack, place, kept)
        files += written
        record = StackRecord(
            image=image_record(stack, contrast),
            mask=mask,
            first_slice=offset,
            slices=len(stack.coverage.slices),
            spacing_mm=stack.coverage.spacing_mm,
        )
        stacks.append(record)
    return stacks, files


def _with_stacks(
    base: CaseRecord, result: StackedResult, stacks: Sequence[StackRecord]
) -> CaseRecord:
    """Return the record of the first stack with the numbers of all."""
    discs = result.located.slices if result.located else ()
    splits = [split for stack in result.stacks for split in stack.measures.splits]
    return dataclasses.replace(
        base,
        slices=None,
        coverage=CoverageRecord(
            slices=sum(stack.slices for stack in stacks),
            spacing_mm=stacks[0].spacing_mm,
            covered_mm=result.covered_mm,
            gap_mm=None,
        ),
        measures=rows_of(result.rows),
        profile=rows_of(result.profile),
        volumes={key: value if key == "case" else None for key, value in base.volumes.items()},
        fat_ratios=None,
        intensity=tuple(split.to_dict() for split in splits),
        quality=None if result.quality is None else quality_record(result.quality),
        seconds=dict(result.seconds),
        stacks=tuple(stacks),
        disc_slices=tuple(
            DiscSliceRecord(
                level=str(found.disc),
                stack=found.stack + 1,
                slice=found.slice,
                distance_mm=round(found.distance_mm, 3),
                angle_deg=round(found.angle_deg, 3),
            )
            for found in discs
        ),
    )


def _joined_mask(stacks: Sequence[StackRecord]) -> MaskRecord:
    """Return the record of the first mask, as that of an edited one if any was edited."""
    edited = [stack.mask for stack in stacks if stack.mask.kind == "edited"]
    return edited[0] if edited else stacks[0].mask


def _slice_names(result: StackedResult) -> dict[int, str]:
    """Return the disc of each slice that a disc is measured in, and the stack of each other."""
    names = {
        offset + index: f"stack {number}"
        for number, (stack, offset) in enumerate(
            zip(result.stacks, result.offsets, strict=True), start=1
        )
        for index in range(stack.labels.shape[stack.labels.slice_axis])
    }
    for found in result.located.slices if result.located else ():
        names[result.offsets[found.stack] + found.slice] = str(found.disc)
    return names


def _side_by_side(result: StackedResult) -> tuple[Volume, LabelMap]:
    """Return the slices of all stacks as one image, for pictures only: it lies nowhere.

    Slices keep their order along the slice axis of their stack.
    """
    images: list[npt.NDArray[Any]] = []
    masks: list[npt.NDArray[Any]] = []
    turned = [(reorient(s.case.image, _FRAME), reorient(s.labels, _FRAME)) for s in result.stacks]
    width, height = (max(image.shape[axis] for image, _ in turned) for axis in (0, 1))
    for stack, (image, labels) in zip(result.stacks, turned, strict=True):
        missing = [(0, width - image.shape[0]), (0, height - image.shape[1]), (0, 0)]
        is_down = stack.case.image.affine[2, stack.case.image.slice_axis] < 0
        order = slice(None, None, -1 if is_down else 1)
        images.append(np.pad(image.array, missing)[:, :, order])
        masks.append(np.pad(labels.array, missing)[:, :, order])
    spacing = turned[0][0].spacing_mm
    affine = np.diag([-spacing[0], spacing[1], spacing[2], 1.0])
    volume = Volume(np.concatenate(images, axis=2), affine, turned[0][0].contrast)
    return volume, LabelMap(np.concatenate(masks, axis=2), affine)


def _levels_text(result: StackedResult, located: StackLevels) -> str:
    """Return the content of ``CASE_levels.json``: each disc with its stack and slice in it."""
    geometry = result.stacks[0].case.image.geometry
    content = located.levels.to_dict(geometry, case=result.name, image=located.source.name)
    del content["grid"]  # the discs have a place in the world, and several grids
    at = {str(found.disc): found for found in located.slices}
    for disc in content["discs"]:
        found = at.get(disc["name"])
        disc["slice"] = None
        if found is not None:
            disc |= {"stack": found.stack + 1, "stack_slice": found.slice}
    return to_json(content) + "\n"


def _write_levels(
    result: StackedResult, text: str, folder: CaseFolder, requested: Path | None
) -> LevelsRecord | None:
    located = result.located
    if located is None:
        return None
    geometries = [stack.case.image.geometry for stack in result.stacks]
    shown_in = dict.fromkeys((str(found.disc) for found in located.levels.discs), "not measured")
    shown_in |= {str(f.disc): f"stack {f.stack + 1}, slice {f.slice}" for f in located.slices}
    draw = partial(
        draw_discs,
        located.shown_on,
        located.levels,
        stacks=geometries,
        shown_in=shown_in,
        sure=bool(located.slices),
    )
    shown = draw if located.levels.discs else None
    sha256, corrected = write_levels(text, folder, requested, shown)
    slices = {str(f.disc): result.offsets[f.stack] + f.slice for f in located.slices}
    discs = located.levels.to_dict(geometries[0], case=result.name, image="")["discs"]
    return LevelsRecord(
        source=located.source.name,
        discs=tuple({**disc, "slice": slices.get(disc["name"])} for disc in discs),
        warnings=located.levels.warnings,
        named=bool(located.slices),
        sha256=sha256,
        corrected=corrected,
    )
