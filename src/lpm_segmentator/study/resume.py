"""Whether a case is done: its files are there and were made of the same inputs."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from lpm_segmentator import __version__
from lpm_segmentator.core import LpmError
from lpm_segmentator.measure import intensity_fat_possible
from lpm_segmentator.study.layout import StudyFolder
from lpm_segmentator.study.record import CaseRecord, read_case_record

if TYPE_CHECKING:
    from pathlib import Path

    from lpm_segmentator.segment import ModelInfo
    from lpm_segmentator.study.cases import CaseFiles
    from lpm_segmentator.study.options import RunOptions

__all__ = ["done_record", "fingerprint_of"]


def done_record(
    files: CaseFiles, out: Path, options: RunOptions, model: ModelInfo
) -> CaseRecord | None:
    """Return the record of a case if its folder is complete and of these files, options and model.

    Parameters
    ----------
    files : CaseFiles
    out : Path
        The output folder of the run.
    options : RunOptions
    model : ModelInfo
    """
    if files.problem:
        return None
    folder = StudyFolder(out).case(files.case)
    try:
        record = read_case_record(folder.record)
        fingerprint = fingerprint_of(files, options, model)
    except (OSError, LpmError):  # no record, or an input is gone: the run will report it
        return None
    expected = [folder.mask, folder.picture]
    if options.levels is not None:
        expected.append(folder.levels)
    is_whole = all(path.exists() for path in expected)
    return record if is_whole and record.fingerprint == fingerprint else None


def fingerprint_of(files: CaseFiles, options: RunOptions, model: ModelInfo) -> str:
    """Return a hash that changes when the inputs, the options, model or package change.

    Input files count by path, size and time: hashing them would mean to read every image only to
    skip it.

    Raises
    ------
    OSError
        If an input is gone.
    """
    inputs = {}
    paths = dict(files.paths)
    if options.slice_table is not None:
        paths["slices"] = options.slice_table.path
    if options.levels is not None:
        paths |= options.levels.of_case(files.case).paths
    for role, path in paths.items():
        stat = path.stat()
        inputs[role] = [str(path.resolve()), stat.st_size, stat.st_mtime_ns]
    # Installing the packages that it needs gives intensity-based fat to cases that went without.
    intensity = files.image is not None and options.intensity_fat and intensity_fat_possible()
    contrast = str(files.contrast)
    parts = [__version__, inputs, options.to_dict(), model.to_dict(), intensity, contrast]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
