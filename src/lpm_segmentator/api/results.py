"""Tables and report of the folder of a run, made again."""

from __future__ import annotations

from pathlib import Path

from lpm_segmentator.study.layout import StudyFolder
from lpm_segmentator.study.lock import run_lock
from lpm_segmentator.study.results import no_finished_case
from lpm_segmentator.study.results import write_results as write_unlocked

__all__ = ["write_results"]


def write_results(out: str | Path) -> Path:
    """Write the tables and the report of what the folder of a run holds; return the report.

    Raises
    ------
    InputError
        If the folder holds no finished case; then nothing was changed.
    RecordError
        If a record is damaged or of another version.
    OutputError
        If a file cannot be written or removed, or a run is writing to the folder.
    """
    folder = StudyFolder(Path(out))
    if not folder.is_study():
        raise no_finished_case(folder)
    with run_lock(folder.path):
        return write_unlocked(folder.path)
