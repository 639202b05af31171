"""Whether a case is done: its files are there and were made of the same inputs."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from lpm_segmentator import __version__
from lpm_segmentator.core import LpmError
from lpm_segmentator.measure import intensity_fat_possible
from lpm_segmentator.study.dicom.source import is_imported
from lpm_segmentator.study.layout import StudyFolder
from lpm_segmentator.study.record import read_case_record

if TYPE_CHECKING:
    from pathlib import Path

    from lpm_segmentator.segment import ModelInfo
    from lpm_segmentator.study.cases import CaseFiles
    from lpm_segmentator.study.options import RunOptions

__all__ = ["fingerprint_of", "is_done"]


def is_done(files: CaseFiles, out: Path, options: RunOptions, model: ModelInfo) -> bool:
    """Return whether the folder holds a complete result of these files, options and model."""
    folder = StudyFolder(out).case(files.case)
    if files.dicom is not None and not is_imported(files.dicom, files.paths):
        return False
    try:
        record = read_case_record(folder.record)
        fingerprint = fingerprint_of(files, options, model)
    except (OSError, LpmError):  # no record, or an input is gone: the run will report it
        return False
    masks = [folder.of_stack(n).mask for n in range(1, len(files.stacks) + 1)] or [folder.mask]
    expected = [*masks, folder.picture]
    if options.levels is not None and options.levels.apply_to(files.sagittal):
        expected.append(folder.levels)
    return all(path.exists() for path in expected) and record.fingerprint == fingerprint


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
    is_single = files.image is not None or files.stacks
    intensity = bool(is_single) and options.intensity_fat and intensity_fat_possible()
    contrast = str(files.contrast)
    parts = [__version__, inputs, options.to_dict(), model.to_dict(), intensity, contrast]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
