"""One case from files to files: load, run, write.

``OUT/cases/CASE/`` holds the results of a case; ``case.json`` is written last and holds every
number, so a folder with it is complete.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lpm_segmentator.core import Geometry, InputError, LabelMap, LpmError
from lpm_segmentator.io import file_sha256, read_label_map, read_sidecar
from lpm_segmentator.models import load_predictor
from lpm_segmentator.pipeline import CaseResult, measure_labels, run_case, segment_case
from lpm_segmentator.study.cases import CaseFiles
from lpm_segmentator.study.edits import edited_mask_of, is_about_an_edit, kept_findings
from lpm_segmentator.study.grids import on_grid_of
from lpm_segmentator.study.layout import CaseFolder, StudyFolder
from lpm_segmentator.study.loading import load_case
from lpm_segmentator.study.lock import run_lock
from lpm_segmentator.study.options import RunOptions
from lpm_segmentator.study.outputs import refuse_overwriting
from lpm_segmentator.study.record import CaseRecord, MaskRecord, read_case_record
from lpm_segmentator.study.results import no_finished_case
from lpm_segmentator.study.resume import fingerprint_of
from lpm_segmentator.study.writing import EditedMask, write_case

if TYPE_CHECKING:
    from lpm_segmentator.segment import Predictor

__all__ = ["process_case", "remeasure"]

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

    A mask that a user edited in the folder is kept, beside the new one. If the case's numbers were
    about it, they are again.

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
    began = time.perf_counter()
    loaded = load_case(files, options.read, slices=options.slices, levels=options.levels)
    read_seconds = time.perf_counter() - began
    if predictor is None:
        predictor = load_predictor(options.model, mode=options.mode, progress=progress)
    if loaded.mask is None:
        result = run_case(loaded.case, predictor, options.settings)
    else:
        expected = segment_case(loaded.case, predictor).labels
        result = measure_labels(
            loaded.case, loaded.mask, "imported", options.settings, expected=expected
        )
    was_edited = is_about_an_edit(folder)
    fingerprint = fingerprint_of(files, options, predictor.info)
    record = write_case(
        _timed(result, read_seconds, began),
        folder,
        files=files,
        options=options,
        fingerprint=fingerprint,
        contrast=loaded.contrast,
    )
    if was_edited and folder.edited_mask.exists():
        return _remeasured(folder, record, folder.edited_mask)
    return record


def remeasure(out: str | Path, cases: Sequence[str] = ()) -> list[CaseRecord]:
    """Measure masks again that were edited since their case was measured.

    An edited mask is ``CASE_desc-edited_dseg.nii.gz`` in the folder of the case, or the automatic
    mask itself where its content has changed. The images are read from where they were.

    Parameters
    ----------
    out : path-like
        The output folder of a run.
    cases : sequence of str
        Cases to look at; by default all of the folder.

    Returns
    -------
    list of CaseRecord
        The new records, of cases whose mask was edited since. `write_results` makes tables and
        report again.

    Raises
    ------
    LpmError
        If no case is finished or a case is not there, anything is wrong with its files, or a run
        is writing to the folder.
    """
    study = StudyFolder(Path(out))
    folders = {folder.case: folder for folder in study.done()}
    if not folders:
        raise no_finished_case(study)
    unknown = [case for case in cases if case not in folders]
    if unknown:
        raise InputError(
            f"there is no finished case {', '.join(map(repr, unknown))}",
            where=study.path,
            hint="Give the output folder of 'lpm run' and names of its cases",
        )
    records = []
    with run_lock(study.path):
        for case in cases or folders:
            folder = folders[case]
            record = read_case_record(folder.record)
            edited = edited_mask_of(folder, record)
            if edited is not None:
                records.append(_remeasured(folder, record, edited))
    return records


def _remeasured(folder: CaseFolder, record: CaseRecord, mask: Path) -> CaseRecord:
    """Measure a mask in the folder of a case with the inputs and options that were recorded."""
    options = RunOptions.from_dict(record.options)
    roles = {role: Path(path) for role, path in record.inputs.items() if role != "mask"}
    files = CaseFiles(record.case, **roles)  # type: ignore[arg-type]
    began = time.perf_counter()
    loaded = load_case(files, options.read, slices=options.slices, levels=options.levels)
    image = read_label_map(mask, options=options.read.header)
    labels, _ = on_grid_of(image, loaded.case.image.geometry)
    read_seconds = time.perf_counter() - began
    case = replace(loaded.case, slices=record.slices)
    automatic = _automatic_labels(folder, mask, labels.geometry)
    result = measure_labels(case, labels, "edited", options.settings, expected=automatic)
    result = replace(result, findings=(*result.findings, *kept_findings(record.findings)))
    return write_case(
        _timed(result, read_seconds, began),
        folder,
        files=files,
        options=options,
        fingerprint=record.fingerprint,
        contrast=loaded.contrast,
        edited=EditedMask(_mask_record(record, mask, labels, automatic), record),
    )


def _mask_record(
    record: CaseRecord, mask: Path, labels: LabelMap, automatic: LabelMap | None
) -> MaskRecord:
    before, sha256 = _automatic_sha256(record), file_sha256(mask)
    if sha256 == before:  # an edit that was undone
        return MaskRecord("automatic", mask.name, sha256)
    changed = None if automatic is None else int(np.count_nonzero(automatic.array != labels.array))
    return MaskRecord(
        kind="edited",
        file=mask.name,
        sha256=sha256,
        edited=_modified(mask),
        editor=str(read_sidecar(mask).get("Editor") or ""),
        changed_voxels=changed,
        automatic_sha256=before,
    )


def _automatic_sha256(record: CaseRecord) -> str:
    return record.mask.automatic_sha256 or record.mask.sha256


def _modified(path: Path) -> str:
    seconds = path.stat().st_mtime
    return datetime.fromtimestamp(seconds, tz=timezone.utc).isoformat(timespec="seconds")


def _automatic_labels(folder: CaseFolder, mask: Path, grid: Geometry) -> LabelMap | None:
    """Return the automatic mask beside an edited one; None where it is not there."""
    if mask == folder.mask or not folder.mask.exists():
        return None
    try:
        automatic = read_label_map(folder.mask).labels
    except LpmError:
        return None
    return None if automatic.geometry.describe_difference(grid) else automatic


def _timed(result: CaseResult, read_seconds: float, began: float) -> CaseResult:
    seconds = {
        "read": round(read_seconds, 3),
        **result.seconds,
        "total": round(time.perf_counter() - began, 3),
    }
    return replace(result, seconds=seconds)
