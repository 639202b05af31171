"""Write what is known about a case: masks, maps, pictures, levels, and last its record."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lpm_segmentator.core import (
    Contrast,
    DixonPair,
    KnownContrast,
    LabelMap,
    Source,
)
from lpm_segmentator.io import (
    file_sha256,
    remove_file,
    remove_leftovers,
    to_json,
    write_image,
    write_label_map,
    write_text,
)
from lpm_segmentator.measure import (
    IntensityFat,
    fat_fraction_map,
)
from lpm_segmentator.pipeline import CaseResult
from lpm_segmentator.study.edits import (
    is_file,
    keep_corrected_levels,
    keep_edited_mask,
    unedited_masks,
)
from lpm_segmentator.study.layout import CaseFolder
from lpm_segmentator.study.pictures import write_levels_picture, write_pictures
from lpm_segmentator.study.record import (
    CaseRecord,
    LevelsRecord,
    MaskRecord,
    quality_from_dict,
    write_record,
)
from lpm_segmentator.study.recording import image_record, record_of

if TYPE_CHECKING:
    from lpm_segmentator.study.cases import CaseFiles
    from lpm_segmentator.study.options import RunOptions

__all__ = ["EditedMask", "remove_stale", "with_provenance", "write_case", "write_fat_maps"]

_QUALITY = "quality"  # key in what the model reports, while an edited mask is in force


@dataclasses.dataclass(frozen=True)
class EditedMask:
    """A mask that was edited in the folder of a case.

    Attributes
    ----------
    record : MaskRecord
    before : CaseRecord
        Of the case before it was measured again.
    """

    record: MaskRecord
    before: CaseRecord


def write_case(
    result: CaseResult,
    folder: CaseFolder,
    *,
    files: CaseFiles,
    options: RunOptions,
    fingerprint: str,
    contrast: KnownContrast,
    edited: EditedMask | None = None,
) -> CaseRecord:
    """Write the folder of a case and return its record.

    An older record is removed first and the new one written last: no mixture of two runs is done.

    Parameters
    ----------
    result : CaseResult
    folder : CaseFolder
    files : CaseFiles
    options : RunOptions
    fingerprint : str
        Of the inputs, options, model and version.
    contrast : KnownContrast
        Of the image.
    edited : EditedMask, optional
        Mask in the folder that was edited and is kept; otherwise the result's mask is written.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    remove_leftovers(folder.path)
    requested = options.levels.of_case(files.ids).written if options.levels else None
    levels_text = _levels_text(result, files)
    findings = [*result.findings, *keep_corrected_levels(folder, levels_text, requested)]
    if edited is None:
        findings += keep_edited_mask(folder, result.labels, result.case.source.uids.series)
    unedited = unedited_masks(folder, files.paths.values())
    remove_file(folder.record)
    mask = _write_mask(result, folder) if edited is None else edited.record
    current = [folder.mask, *_write_fat(result, folder)]
    write_pictures(result, folder)
    levels = _write_levels(result, levels_text, folder, requested)
    current += [folder.levels, folder.levels_picture] if levels else []
    remove_stale(folder, unedited, current)
    record = record_of(
        result,
        files=files,
        options=options,
        image=image_record(result, contrast),
        mask=mask,
        levels=levels,
        findings=tuple(findings),
        fingerprint=fingerprint,
    )
    if edited is not None:
        record = with_provenance(record, edited)
    write_record(record, folder.record)
    return record


def with_provenance(record: CaseRecord, edited: EditedMask) -> CaseRecord:
    """Return the record of an edited mask with what is known of the mask before it was edited.

    The quality that the model expects is that of its own mask; it counts again if the edit is
    undone.
    """
    before, prediction = edited.before, dict(edited.before.prediction)
    quality = before.quality
    if (kept := prediction.pop(_QUALITY, None)) is not None:
        quality = quality_from_dict(kept)
    is_edited = edited.record.kind == "edited"
    if is_edited and quality is not None:
        prediction[_QUALITY] = dataclasses.asdict(quality)
    return dataclasses.replace(
        record,
        inputs=before.inputs,
        model=before.model,
        prediction=prediction,
        quality=None if is_edited else quality,
    )


def _write_fat(result: CaseResult, folder: CaseFolder) -> list[Path]:
    return write_fat_maps(
        folder,
        result.labels,
        pair=result.case.pair,
        intensity=result.intensity,
        like=result.case.source,
    )


def _write_mask(result: CaseResult, folder: CaseFolder) -> MaskRecord:
    write_label_map(result.labels, folder.mask, like=result.case.source)
    return MaskRecord(result.mask, folder.mask.name, file_sha256(folder.mask))


def write_fat_maps(
    folder: CaseFolder,
    labels: LabelMap,
    *,
    pair: DixonPair | None,
    intensity: IntensityFat | None,
    like: Source,
) -> list[Path]:
    """Write ``CASE_fatmap-….nii.gz`` of a case and return the paths.

    Parameters
    ----------
    folder : CaseFolder
    labels : LabelMap
        The muscles: intensity tells fat in them alone.
    pair : DixonPair or None
        Gives ``fatmap-dixon``, F / (F + W) of the whole image, nan without signal.
    intensity : IntensityFat or None
        Gives ``fatmap-gmm3-soft`` and the like: the share of fat, or 1 for fat and 0 for not; nan
        outside the muscles. A method that failed gives none.
    like : Source
        Of the image.

    Raises
    ------
    OutputError
        If a map cannot be written.
    """
    maps = {}
    if pair is not None:
        maps["dixon"] = fat_fraction_map(pair)
    for name, values in intensity.maps() if intensity is not None else ():
        inside = np.where(labels.foreground, values.array, np.float32("nan"))
        if np.isfinite(inside).any():
            fraction = values.with_array(inside, contrast=Contrast.FAT_FRACTION)
            maps[name.replace("_", "-")] = fraction
    written = []
    for name, volume in maps.items():
        path = folder.fat_map(name)
        write_image(volume, path, like=like)
        written.append(path)
    return written


def _levels_text(result: CaseResult, files: CaseFiles) -> str | None:
    """Return the content of ``CASE_levels.json``; None where no levels were requested."""
    if result.located is None:
        return None
    image = files.main_image
    content = result.located.levels.to_dict(
        result.case.image.geometry, case=files.case, image="" if image is None else image.name
    )
    return to_json(content) + "\n"


def _write_levels(
    result: CaseResult, text: str | None, folder: CaseFolder, requested: Path | None
) -> LevelsRecord | None:
    """Write the levels of a case, and draw them where there are any.

    A file that the user corrected in place and requested is the user's, and stays as it is.
    """
    located = result.located
    if located is None or text is None:
        return None
    corrected = is_file(folder.levels, requested)
    if not corrected:
        write_text(text, folder.levels)
    if located.levels.discs:
        write_levels_picture(result, located, folder.levels_picture)
    else:
        remove_file(folder.levels_picture)
    content = json.loads(text)
    return LevelsRecord(
        source=located.source.name,
        discs=tuple(content["discs"]),
        warnings=tuple(content["warnings"]),
        named=located.slice_levels is not None,
        sha256=file_sha256(folder.levels),
        corrected=corrected,
    )


def remove_stale(folder: CaseFolder, unedited: Sequence[Path], current: Sequence[Path]) -> None:
    """Remove masks, maps and levels of an earlier run that this one did not write.

    Parameters
    ----------
    folder : CaseFolder
    unedited : sequence of Path
        Masks of the earlier run, as of more stacks; those that were edited are kept.
    current : sequence of Path
        What this run wrote.

    Raises
    ------
    OutputError
        If a file cannot be removed.
    """
    for path in (folder.levels, folder.levels_picture, *folder.fat_maps(), *unedited):
        if path not in current:
            remove_file(path)
