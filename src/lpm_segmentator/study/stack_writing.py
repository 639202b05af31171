"""Write an examination in several stacks: a mask each, one record."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lpm_segmentator.case import CaseResult
from lpm_segmentator.core import Finding, LabelMap, Volume, reorient
from lpm_segmentator.io import (
    file_sha256,
    remove_file,
    remove_leftovers,
    write_json,
    write_label_map,
)
from lpm_segmentator.stacks import StackedResult, StackLevels
from lpm_segmentator.study.layout import CaseFolder
from lpm_segmentator.study.pictures import SliceNames, write_pictures_of
from lpm_segmentator.study.record import (
    CaseRecord,
    CoverageRecord,
    LevelsRecord,
    MaskRecord,
    write_record,
)
from lpm_segmentator.study.record_parts import DiscSliceRecord, StackRecord
from lpm_segmentator.study.writing import (
    image_record,
    record_of,
    rows_of,
    save_corrected_levels,
    write_fat_maps,
)

if TYPE_CHECKING:
    from pathlib import Path

    from lpm_segmentator.core import KnownContrast
    from lpm_segmentator.study.cases import CaseFiles
    from lpm_segmentator.study.options import RunOptions

__all__ = ["write_stacks"]

_FRAME = "LAS"


def write_stacks(
    result: StackedResult,
    folder: CaseFolder,
    *,
    files: CaseFiles,
    options: RunOptions,
    fingerprint: str,
    contrast: KnownContrast,
) -> CaseRecord:
    """Write the folder of an examination in several stacks and return its record.

    Parameters
    ----------
    result : StackedResult
    folder : CaseFolder
    files, options, fingerprint, contrast
        As of `lpm_segmentator.study.writing.write_case`.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    remove_leftovers(folder.path)
    findings = [*result.findings, *save_corrected_levels(folder, None)]
    remove_file(folder.record)
    stacks = []
    written: list[Path] = []
    for number, (stack, offset) in enumerate(zip(result.stacks, result.offsets, strict=True), 1):
        mask = folder.stack_mask(number)
        write_label_map(stack.labels, mask, like=stack.case.source)
        written += write_fat_maps(
            folder.of_stack(number),
            stack.labels,
            pair=None,
            intensity=stack.intensity,
            like=stack.case.source,
        )
        stacks.append(
            StackRecord(
                image=image_record(stack, contrast),
                mask=MaskRecord(stack.mask, mask.name, file_sha256(mask)),
                first_slice=offset,
                slices=len(stack.coverage.slices),
                spacing_mm=stack.coverage.spacing_mm,
            )
        )
    _write_pictures(result, folder)
    levels = None if result.located is None else _write_levels(result, result.located, folder)
    record = _record(
        result, stacks, levels, findings, files=files, options=options, fingerprint=fingerprint
    )
    write_record(record, folder.record)
    return record
