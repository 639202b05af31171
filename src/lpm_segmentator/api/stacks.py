"""An examination in several stacks from files to files."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lpm_segmentator.api.masks import automatic_labels, mask_record, read_mask
from lpm_segmentator.api.timing import timed
from lpm_segmentator.core import (
    Contrast,
    Finding,
    GeometryError,
    InputError,
    KnownContrast,
    Volume,
)
from lpm_segmentator.stacks import run_stacks
from lpm_segmentator.study.cases import CaseFiles
from lpm_segmentator.study.edits import (
    check_series,
    earlier_record,
    edits_in_force,
    kept_findings,
    known_masks,
    mask_in_force,
    unusable_edit,
)
from lpm_segmentator.study.layout import CaseFolder
from lpm_segmentator.study.loading import LoadedCase, load_case
from lpm_segmentator.study.options import RunOptions
from lpm_segmentator.study.record import CaseRecord
from lpm_segmentator.study.stack_writing import write_stacks

if TYPE_CHECKING:
    from lpm_segmentator.segment import Predictor

__all__ = ["process_stacks", "remeasured_stacks"]

#: pixel spacings that differ by less, as a share, are equal
_SAME_SPACING = 0.01


def process_stacks(
    files: CaseFiles,
    folder: CaseFolder,
    options: RunOptions,
    predictor: Predictor,
    fingerprint: str,
) -> CaseRecord:
    """Run the stacks of an examination and write its folder.

    Parameters
    ----------
    files : CaseFiles
        With `stacks`.
    folder : CaseFolder
    options : RunOptions
    predictor : Predictor
    fingerprint : str

    Raises
    ------
    LpmError
        Whatever is wrong with the case; then nothing was written.
    """
    if files.reference is not None or files.mask is not None:
        raise InputError(
            "label maps are not compared or measured where an examination has several stacks",
            where=files.case,
            hint="Run the stacks one by one",
        )
    if options.slices is not None:
        raise InputError(
            "slices were stated, and the examination has several stacks",
            where=files.case,
            hint="Run the stacks one by one",
        )
    began = time.perf_counter()
    files, loaded = _loaded(files, options)
    read_seconds = time.perf_counter() - began
    cases = [one.case for one in loaded]
    result = run_stacks(cases, predictor, options.settings)
    before = earlier_record(folder)
    unusable = _unusable_edits(folder, before, loaded, options)  # before anything is written
    result = replace(result, findings=(*result.findings, *unusable.values()))
    record = write_stacks(
        timed(result, read_seconds, began),
        folder,
        files=files,
        options=options,
        fingerprint=fingerprint,
        contrast=_contrast(loaded),
        before=before,
    )
    in_force = edits_in_force(folder, before)
    places = [here for here in in_force if here not in unusable and here.edited_mask.exists()]
    if places:
        files = replace(files, dicom=None)
        return remeasured_stacks(folder, record, files, places, tuple(unusable.values()))
    return record


def _unusable_edits(
    folder: CaseFolder,
    before: CaseRecord | None,
    loaded: Sequence[LoadedCase],
    options: RunOptions,
) -> dict[CaseFolder, Finding]:
    """Return what to say of edited masks that cannot be measured, by where they lie."""
    found, known = {}, known_masks(folder, before)
    in_force = edits_in_force(folder, before)
    for here, one in zip(folder.parts(len(loaded)), loaded, strict=True):
        if here in in_force:
            read = partial(read_mask, grid=one.case.image.geometry, read=options.read)
            finding = unusable_edit(here, known[here], read, one.case.source.uids.series)
            if finding is not None:
                found[here] = finding
    return found


def _loaded(files: CaseFiles, options: RunOptions) -> tuple[CaseFiles, list[LoadedCase]]:
    """Read the stacks; return the files and them from foot to head.

    Each stack has the request for levels of all.
    """
    found = [
        load_case(
            replace(files, image=path, stacks=(), dicom=None), options.read, levels=options.levels
        )
        for path in files.stacks
    ]
    order = sorted(
        range(len(found)), key=lambda index: float(found[index].case.image.geometry.centre_mm[2])
    )
    loaded = [found[index] for index in order]
    images: list[Volume] = [one.case.image for one in loaded]
    spacings = [_pixel_spacing_mm(image) for image in images]
    if max(spacings) > min(spacings) * (1 + _SAME_SPACING):
        shown = ", ".join(f"{spacing:.3g}" for spacing in spacings)
        raise GeometryError(
            f"the stacks have different pixel spacings ({shown} mm)",
            where=files.case,
            hint="Run the stacks one by one: they are of different scans",
        )
    return replace(files, stacks=tuple(files.stacks[index] for index in order)), loaded


def _pixel_spacing_mm(image: Volume) -> float:
    return math.sqrt(image.geometry.pixel_area_mm2)


def _contrast(loaded: Sequence[LoadedCase]) -> KnownContrast:
    """Return the contrast of the stacks; unknown where they differ."""
    known = loaded[0].contrast
    same = all(one.contrast.contrast is known.contrast for one in loaded)
    return known if same else KnownContrast(Contrast.UNKNOWN)


def remeasured_stacks(
    folder: CaseFolder,
    record: CaseRecord,
    files: CaseFiles,
    places: Sequence[CaseFolder] | None = None,
    findings: Sequence[Finding] = (),
) -> CaseRecord:
    """Measure the masks in the folder of an examination in several stacks.

    Parameters
    ----------
    folder : CaseFolder
    record : CaseRecord
        Of the examination as it was measured before.
    files : CaseFiles
        As they were found.
    places : sequence of CaseFolder, optional
        The stacks whose edited mask is measured; of the others it is the automatic one. By default
        every edited mask is measured.
    findings : sequence of Finding
        What else there is to say.

    Raises
    ------
    LpmError
        If anything is wrong with the files, or the record cannot be written.
    """
    options = RunOptions.from_dict(record.options)
    began = time.perf_counter()
    files, loaded = _loaded(files, options)
    read_seconds = time.perf_counter() - began
    masks, expected, edited = [], [], []
    for number, (stack, one) in enumerate(zip(record.stacks, loaded, strict=True), start=1):
        here, grid = folder.of_stack(number), one.case.image.geometry
        check_series(stack.image, one.case.source.uids.series, one.case.source.path)
        is_automatic = places is not None and here not in places
        path = here.mask if is_automatic else _mask_in_force(here, number)
        labels = read_mask(path, grid, options.read)
        automatic = automatic_labels(here, path, grid, options.read)
        masks.append(labels)
        expected.append(automatic)
        edited.append(mask_record(stack.mask, path, labels, automatic))
    cases = [one.case for one in loaded]
    result = run_stacks(cases, None, options.settings, masks=masks, expected=expected)
    kept = (*kept_findings(record.findings), *findings)
    return write_stacks(
        timed(replace(result, findings=(*result.findings, *kept)), read_seconds, began),
        folder,
        files=files,
        options=options,
        fingerprint=record.fingerprint,
        contrast=_contrast(loaded),
        before=record,
        edited=edited,
    )


def _mask_in_force(here: CaseFolder, number: int) -> Path:
    path = mask_in_force(here)
    if path is None:
        raise InputError(
            f"the mask of stack {number} is not there any more",
            where=here.path,
            hint="Run the case again",
        )
    return path
