"""Whether a case is done: its files are there and were made of the same inputs."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from lpm_segmentator import __version__
from lpm_segmentator.core import LpmError
from lpm_segmentator.io import file_sha256, file_stamp, files_beside
from lpm_segmentator.measure import intensity_fat_possible
from lpm_segmentator.study.dicom.source import is_imported
from lpm_segmentator.study.layout import StudyFolder
from lpm_segmentator.study.record import CaseRecord, read_case_record

if TYPE_CHECKING:
    from pathlib import Path

    from lpm_segmentator.segment import ModelInfo
    from lpm_segmentator.study.cases import CaseFiles
    from lpm_segmentator.study.options import RunOptions

__all__ = ["done_record", "fingerprint_of", "other_options"]

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
#: roles of levels whose files are small
_TEXTS = ("levels", "disc table")


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
    if files.dicom is not None and not is_imported(files.dicom, files.paths):
        return None
    try:
        record = read_case_record(folder.record)
        fingerprint = fingerprint_of(files, options, model)
    except LpmError:  # no record, or an input cannot be read: the run will report it
        return None
    masks = [place.mask for place in folder.parts(len(files.stacks))]
    expected = [*masks, folder.picture]
    if options.levels is not None and options.levels.apply_to(files.sagittal):
        expected.append(folder.levels)
    is_whole = all(path.exists() for path in expected)
    return record if is_whole and record.fingerprint == fingerprint else None


def fingerprint_of(files: CaseFiles, options: RunOptions, model: ModelInfo) -> str:
    """Return a hash that changes when the inputs, the options, model or package change.

    Images count by path, size and time: hashing them would mean to read every image only to skip
    it. Tables, files of levels and sidecars count by their content.

    Raises
    ------
    FileFormatError
        If a table, a file of levels or a sidecar cannot be read.
    """
    images = dict(files.paths)
    texts = {}
    if options.slice_table is not None:
        texts["slices"] = options.slice_table.path
    if options.levels is not None:
        of_levels = options.levels.of_case(files.ids).paths
        texts |= {role: of_levels.pop(role) for role in _TEXTS if role in of_levels}
        images |= of_levels
    inputs = {
        role: [_stamp(path), *map(_stamp, files_beside(path))] for role, path in images.items()
    }
    contents = {role: [str(path.resolve()), file_sha256(path)] for role, path in texts.items()}
    # Installing the packages that it needs gives intensity-based fat to cases that went without.
    is_single = files.image is not None or files.stacks
    intensity = bool(is_single) and options.intensity_fat and intensity_fat_possible()
    contrast = str(files.contrast)
    kept = sorted(files.examination.covariates) if files.examination else []
    parts = [
        __version__,
        inputs,
        kept,
        contents,
        options.to_dict(),
        model.to_dict(),
        intensity,
        contrast,
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _stamp(path: Path) -> list[str | int]:
    """Return what tells whether a file has changed."""
    if path.suffix.lower() == ".json":
        return [str(path.resolve()), file_sha256(path)]
    return [str(path.resolve()), *file_stamp(path)]


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
