"""Whether a case is done: its files are there and were made of the same inputs."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from lpm_segmentator import __version__
from lpm_segmentator.core import LpmError
from lpm_segmentator.io import file_sha256
from lpm_segmentator.measure import intensity_fat_possible
from lpm_segmentator.study.layout import CaseFolder, StudyFolder
from lpm_segmentator.study.record import CaseRecord, read_case_record

if TYPE_CHECKING:
    from pathlib import Path

    from lpm_segmentator.segment import ModelInfo
    from lpm_segmentator.study.cases import CaseFiles
    from lpm_segmentator.study.options import RunOptions

__all__ = ["edited_mask_of", "fingerprint_of", "is_done", "other_options"]

#: field of `RunOptions` → in words
_WORDS = {
    "model": "model",
    "mode": "mode",
    "slices": "slices",
    "levels": "levels",
    "accept_origin_mismatch": "lost origins",
    "resample": "resampling of label maps",
    "ignore": "ignored labels",
    "label_scheme": "label scheme",
    "contrast": "contrast",
    "trust": "trusted header fields",
    "spacing_mm": "spacing",
    "keep_low_confidence": "low-confidence masks",
    "intensity_fat": "intensity-based fat",
    "postprocess": "postprocessing",
}


def is_done(files: CaseFiles, out: Path, options: RunOptions, model: ModelInfo) -> bool:
    """Return whether the folder holds a complete result of these files, options and model."""
    folder = StudyFolder(out).case(files.case)
    try:
        record = read_case_record(folder.record)
        fingerprint = fingerprint_of(files, options, model)
    except (OSError, LpmError):  # no record, or an input is gone: the run will report it
        return False
    expected = [folder.mask, folder.picture]
    if options.levels is not None:
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
    intensity = files.image is not None and options.intensity_fat and intensity_fat_possible()
    contrast = str(files.contrast)
    parts = [__version__, inputs, options.to_dict(), model.to_dict(), intensity, contrast]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def other_options(
    files: CaseFiles, out: Path, options: RunOptions, model: ModelInfo
) -> tuple[str, ...]:
    """Return in words which options an earlier result of a case was made with that differ now.

    Parameters
    ----------
    files : CaseFiles
    out : Path
        The folder with the earlier result.
    options : RunOptions
    model : ModelInfo
        The model that runs now.

    Returns
    -------
    tuple of str
        With "version of the program" if another one made it. Empty if the options are the same, or
        nothing can be read of an earlier result.
    """
    try:
        record = read_case_record(StudyFolder(out).case(files.case).record)
        before = type(options).from_dict(record.options).to_dict()
    except LpmError:
        return ()
    now = options.to_dict()
    words = [_WORDS[name] for name in now if before[name] != now[name]]
    if record.model and record.model != model.to_dict() and _WORDS["model"] not in words:
        words.insert(0, _WORDS["model"])
    if record.version != __version__:
        words.append("version of the program")
    return tuple(words)


def edited_mask_of(folder: CaseFolder, record: CaseRecord) -> Path | None:
    """Return the mask that a user edited in the folder of a case since it was measured, if any.

    That is the mask beside the automatic one (``_desc-edited_dseg``), or the automatic one itself
    where its content has changed.
    """
    for path in (folder.edited_mask, folder.mask):
        if not path.exists():
            continue
        known = record.mask.sha256 if record.mask.file == path.name else ""
        if path == folder.mask and not known:
            known = record.mask.automatic_sha256
        if file_sha256(path) != known:
            return path
    return None
