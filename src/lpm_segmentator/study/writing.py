"""Write what is known about a case: masks, maps, pictures, levels, and last its record."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
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
    known_masks,
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
    from lpm_segmentator.core import Finding
    from lpm_segmentator.study.cases import CaseFiles
    from lpm_segmentator.study.options import RunOptions

__all__ = [
    "Begun",
    "begin",
    "remove_stale",
    "with_provenance",
    "write_case",
    "write_fat_maps",
    "write_levels",
    "write_part",
]

_QUALITY = "quality"  # key in what the model reports, while an edited mask is in force


@dataclasses.dataclass(frozen=True)
class Begun:
    """What is known of the folder of a case once it may be written to.

    Attributes
    ----------
    findings : tuple of Finding
        Where work of the user was kept.
    unedited : tuple of Path
        Masks of the earlier run that may be removed.
    requested : Path or None
        The file of levels that the run uses.
    """

    findings: tuple[Finding, ...]
    unedited: tuple[Path, ...]
    requested: Path | None


def write_case(
    result: CaseResult,
    folder: CaseFolder,
    *,
    files: CaseFiles,
    options: RunOptions,
    fingerprint: str,
    contrast: KnownContrast,
    before: CaseRecord | None,
    edited: MaskRecord | None = None,
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
    before : CaseRecord or None
        That is in the folder, see `lpm_segmentator.study.edits.earlier_record`.
    edited : MaskRecord, optional
        Of the mask in the folder that was measured and is kept; otherwise the result's mask is
        written. Then `before` is the record of the case before it was edited.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    text = _levels_text(result, files)
    new = {folder: result} if edited is None else {}
    begun = begin(folder, new, files=files, options=options, levels=text, before=before)
    mask, current = write_part(result, folder, edited)
    write_pictures(result, folder)
    levels = None if text is None else _write_levels(result, text, folder, begun.requested)
    remove_stale(folder, begun, current, levels)
    record = record_of(
        result,
        files=files,
        options=options,
        image=image_record(result, contrast),
        mask=mask,
        levels=levels,
        findings=(*result.findings, *begun.findings),
        fingerprint=fingerprint,
    )
    if edited is not None and before is not None:
        record = with_provenance(record, before)
    write_record(record, folder.record)
    return record


def begin(
    folder: CaseFolder,
    new: Mapping[CaseFolder, CaseResult],
    *,
    files: CaseFiles,
    options: RunOptions,
    levels: str | None,
    before: CaseRecord | None,
) -> Begun:
    """Save what a user edited in the folder of a case, and remove its record.

    Parameters
    ----------
    folder : CaseFolder
    new : mapping of CaseFolder to CaseResult
        The results whose masks will be written, by where.
    files : CaseFiles
    options : RunOptions
    levels : str or None
        The content of the file of levels that will be written.
    before : CaseRecord or None
        That is in the folder.

    Raises
    ------
    OutputError
        If something cannot be saved or removed.
    """
    remove_leftovers(folder.path)
    requested = options.levels.of_case(files.ids).written if options.levels else None
    findings = keep_corrected_levels(folder, before, levels, requested)
    masks = known_masks(folder, before)
    for place, result in new.items():
        series_uid = result.case.source.uids.series
        findings += keep_edited_mask(place, masks.get(place), result.labels, series_uid)
    unedited = unedited_masks(masks, files.paths.values())
    remove_file(folder.record)
    return Begun(tuple(findings), unedited, requested)


def with_provenance(record: CaseRecord, before: CaseRecord) -> CaseRecord:
    """Return the record of a mask in the folder with what is known of it before it was edited.

    The quality that the model expects is that of its own mask; it counts again if the edit is
    undone.
    """
    prediction, quality = dict(before.prediction), before.quality
    if (kept := prediction.pop(_QUALITY, None)) is not None:
        quality = quality_from_dict(kept)
    is_edited = record.mask.kind == "edited"
    if is_edited and quality is not None:
        prediction[_QUALITY] = dataclasses.asdict(quality)
    return dataclasses.replace(
        record,
        inputs=before.inputs,
        model=before.model,
        prediction=prediction,
        quality=None if is_edited else quality,
    )


def write_part(
    result: CaseResult, place: CaseFolder, edited: MaskRecord | None
) -> tuple[MaskRecord, list[Path]]:
    """Write mask and maps of a case or of one of its stacks.

    Parameters
    ----------
    result : CaseResult
    place : CaseFolder
        Of a stack: that of `CaseFolder.of_stack`.
    edited : MaskRecord or None
        Of the mask in the folder that was measured and is kept.

    Returns
    -------
    mask : MaskRecord
    files : list of Path
        Those that belong to the result.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    case = result.case
    if edited is None:
        write_label_map(result.labels, place.mask, like=case.source)
        edited = MaskRecord(result.mask, place.mask.name, file_sha256(place.mask))
    maps = write_fat_maps(
        place, result.labels, pair=case.pair, intensity=result.intensity, like=case.source
    )
    return edited, [place.mask, *maps]


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
    result: CaseResult, text: str, folder: CaseFolder, requested: Path | None
) -> LevelsRecord | None:
    located = result.located
    if located is None:
        return None
    draw = partial(write_levels_picture, result, located) if located.levels.discs else None
    sha256, corrected = write_levels(text, folder, requested, draw)
    content = json.loads(text)
    return LevelsRecord(
        source=located.source.name,
        discs=tuple(content["discs"]),
        warnings=tuple(content["warnings"]),
        named=located.slice_levels is not None,
        sha256=sha256,
        corrected=corrected,
    )


def write_levels(
    text: str,
    folder: CaseFolder,
    requested: Path | None,
    draw: Callable[[Path], object] | None,
) -> tuple[str, bool]:
    """Write the levels of a case, and draw them where there are any.

    A file that the user corrected in place and requested is the user's, and stays as it is.

    Parameters
    ----------
    text : str
        What to write.
    folder : CaseFolder
    requested : Path or None
        The file of levels that the run uses.
    draw : callable or None
        Draws the discs into a file; None if there are none.

    Returns
    -------
    sha256 : str
        Of the file.
    corrected : bool
        Whether it is the user's.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    corrected = is_file(folder.levels, requested)
    if not corrected:
        write_text(text, folder.levels)
    if draw is None:
        remove_file(folder.levels_picture)
    else:
        draw(folder.levels_picture)
    return file_sha256(folder.levels), corrected


def remove_stale(
    folder: CaseFolder, begun: Begun, current: Sequence[Path], levels: LevelsRecord | None
) -> None:
    """Remove masks, maps and levels of an earlier run that this one did not write.

    Parameters
    ----------
    folder : CaseFolder
    begun : Begun
        Masks that were edited are kept.
    current : sequence of Path
        Masks and maps of this run.
    levels : LevelsRecord or None
        Of this run.

    Raises
    ------
    OutputError
        If a file cannot be removed.
    """
    stale = [path for path in (*folder.fat_maps(), *begun.unedited) if path not in current]
    stale += [folder.levels, folder.levels_picture] if levels is None else []
    for path in stale:
        remove_file(path)
