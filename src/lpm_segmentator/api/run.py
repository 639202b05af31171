"""One case from files to files: load, run, write.

``OUT/cases/CASE/`` holds the results of a case; ``case.json`` is written last and holds every
number, so a folder with it is complete.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lpm_segmentator.api.masks import read_mask
from lpm_segmentator.api.remeasuring import remeasured
from lpm_segmentator.api.stacks import process_stacks
from lpm_segmentator.api.timing import timed
from lpm_segmentator.models import load_predictor
from lpm_segmentator.pipeline import CaseResult, Settings, measure_labels, run_case, segment_case
from lpm_segmentator.study.cases import CaseFiles
from lpm_segmentator.study.dicom.source import DicomSource, import_images
from lpm_segmentator.study.edits import earlier_record, edits_in_force, known_masks, unusable_edit
from lpm_segmentator.study.layout import CaseFolder, StudyFolder
from lpm_segmentator.study.loading import LoadedCase, load_case
from lpm_segmentator.study.options import RunOptions
from lpm_segmentator.study.outputs import refuse_overwriting
from lpm_segmentator.study.record import CaseRecord
from lpm_segmentator.study.resume import fingerprint_of
from lpm_segmentator.study.writing import write_case

if TYPE_CHECKING:
    from lpm_segmentator.segment import Predictor

__all__ = ["process_case"]

Progress = Callable[[int, int], None]


def process_case(
    files: CaseFiles,
    out: str | Path,
    options: RunOptions | None = None,
    *,
    predictor: Predictor | None = None,
    progress: Progress | None = None,
) -> CaseRecord:
    """Run one case and write its folder.

    Masks that a user edited in the folder are kept, beside the new ones. If numbers of the case
    were about an edited mask, of its image or of one of its stacks, they are again, unless it is
    of an image of another DICOM series, cannot be read, or does not fit the image. Masks that were
    edited and not measured since are measured by `remeasure`.

    Parameters
    ----------
    files : CaseFiles
    out : path-like
        The output folder of the whole run.
    options : RunOptions, optional
    predictor : Predictor, optional
        Loaded from the options if not given.
    progress : callable, optional
        Called with the slices done and the slices there are.

    Returns
    -------
    CaseRecord
        As in ``case.json``.

    Raises
    ------
    LpmError
        Whatever is wrong with the case; then nothing was written.
    """
    options = options or RunOptions()
    folder = StudyFolder(Path(out)).case(files.case)
    refuse_overwriting([folder.mask], files.paths.values())
    if predictor is None:
        predictor = load_predictor(options.model, mode=options.mode, progress=progress)
    began = time.perf_counter()
    if files.dicom is not None:
        files = _imported(files, files.dicom)
    fingerprint = fingerprint_of(files, options, predictor.info)
    if files.stacks:
        return process_stacks(files, folder, options, predictor, fingerprint)
    return _process_image(files, folder, options, predictor, fingerprint, began=began)


def _process_image(
    files: CaseFiles,
    folder: CaseFolder,
    options: RunOptions,
    predictor: Predictor,
    fingerprint: str,
    *,
    began: float,
) -> CaseRecord:
    loaded = load_case(files, options.read, slices=options.slices, levels=options.levels)
    read_seconds = time.perf_counter() - began
    result = _result(loaded, predictor, options.settings)
    before = earlier_record(folder)
    in_force, unusable = folder in edits_in_force(folder, before), None
    if in_force:  # whatever is wrong with the mask is known before anything is written
        case = loaded.case
        read = partial(read_mask, grid=case.image.geometry, read=options.read)
        known = known_masks(folder, before).get(folder)
        unusable = unusable_edit(folder, known, read, case.source.uids.series)
    if unusable is not None:
        result = replace(result, findings=(*result.findings, unusable))
    record = write_case(
        timed(result, read_seconds, began),
        folder,
        files=files,
        options=options,
        fingerprint=fingerprint,
        contrast=loaded.contrast,
        before=before,
    )
    if in_force and unusable is None and folder.edited_mask.exists():
        return remeasured(folder, record, folder.edited_mask)
    return record


def _imported(files: CaseFiles, source: DicomSource) -> CaseFiles:
    """Write the images of a case from DICOM; a sagittal series that cannot be read is left out."""
    error = import_images(source, files.paths)
    if error is None:
        return files
    note = f"the sagittal series was not used: {error}"
    return replace(files, sagittal=None, notes=(*files.notes, note))


def _result(loaded: LoadedCase, predictor: Predictor, settings: Settings) -> CaseResult:
    """Segment a case, or measure the mask that it comes with."""
    if loaded.mask is None:
        return run_case(loaded.case, predictor, settings)
    expected = segment_case(loaded.case, predictor).labels
    return measure_labels(loaded.case, loaded.mask, "imported", settings, expected=expected)
