"""Measure masks that were edited in the folder of a run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lpm_segmentator.api.masks import automatic_labels, mask_record, read_mask
from lpm_segmentator.api.stacks import remeasured_stacks
from lpm_segmentator.api.timing import timed
from lpm_segmentator.core import (
    Contrast,
    ContrastSource,
    InputError,
    KnownContrast,
    RecordError,
)
from lpm_segmentator.pipeline import measure_labels
from lpm_segmentator.study.cases import CaseFiles
from lpm_segmentator.study.edits import check_series, edited_mask_of, kept_findings
from lpm_segmentator.study.layout import CaseFolder, StudyFolder
from lpm_segmentator.study.loading import load_case
from lpm_segmentator.study.lock import run_lock
from lpm_segmentator.study.options import RunOptions
from lpm_segmentator.study.record import CaseRecord, read_case_record
from lpm_segmentator.study.results import no_finished_case
from lpm_segmentator.study.writing import write_case

__all__ = ["recorded_files", "remeasure", "remeasured"]


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
            if edited is not None and record.stacks:
                records.append(remeasured_stacks(folder, record, recorded_files(record)))
            elif edited is not None:
                records.append(remeasured(folder, record, edited))
    return records


def remeasured(folder: CaseFolder, record: CaseRecord, mask: Path) -> CaseRecord:
    """Measure a mask in the folder of a case with the inputs and options that were recorded.

    Parameters
    ----------
    folder : CaseFolder
    record : CaseRecord
        Of the case as it was measured before.
    mask : Path

    Raises
    ------
    LpmError
        If anything is wrong with the files of the case, or the record cannot be written.
    """
    options = RunOptions.from_dict(record.options)
    files = recorded_files(record)
    began = time.perf_counter()
    loaded = load_case(files, options.read, slices=options.slices, levels=options.levels)
    source = loaded.case.source
    check_series(record.image, source.uids.series, source.path)
    labels = read_mask(mask, loaded.case.image.geometry, options.read)
    read_seconds = time.perf_counter() - began
    case = replace(loaded.case, slices=record.slices)
    automatic = automatic_labels(folder, mask, labels.geometry, options.read)
    result = measure_labels(case, labels, "edited", options.settings, expected=automatic)
    result = replace(result, findings=(*result.findings, *kept_findings(record.findings)))
    imported = "mask" in record.inputs
    new = mask_record(record.mask, mask, labels, automatic, imported=imported)
    return write_case(
        timed(result, read_seconds, began),
        folder,
        files=files,
        options=options,
        fingerprint=record.fingerprint,
        contrast=loaded.contrast,
        before=record,
        edited=new,
    )


def recorded_files(record: CaseRecord) -> CaseFiles:
    """Return the files of a case as they were found; the mask to measure is another one."""
    roles = {role: Path(path) for role, path in record.inputs.items() if role != "mask"}
    try:
        contrast = KnownContrast(
            Contrast(record.image.contrast), ContrastSource(record.image.contrast_source)
        )
        return CaseFiles.from_paths(
            record.case,
            roles,
            contrast=contrast,
            notes=tuple(f.message for f in record.findings if f.code == "input"),
            examination=record.examination,
        )
    except (TypeError, ValueError) as error:
        raise RecordError(
            f"the record is damaged ({error})", where=record.case, hint="Run the case again"
        ) from error
