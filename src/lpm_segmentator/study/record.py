"""What is kept of a case and of a run: typed, versioned, read and written as JSON.

``case.json`` holds every number that a table or the report shows; the numbers in it count
(ADR 4). Undefined numbers are null, and a note says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec
import numpy as np

from lpm_segmentator.core import Finding, InputError, RecordError
from lpm_segmentator.dataframes import data_frame
from lpm_segmentator.io import read_json, write_json
from lpm_segmentator.study.record_parts import (
    CoverageRecord,
    DiscSliceRecord,
    ExaminationRecord,
    ImageRecord,
    LevelsRecord,
    MaskRecord,
    QualityRecord,
    StackRecord,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "SCHEMA_VERSION",
    "CaseRecord",
    "CaseState",
    "CoverageRecord",
    "ImageRecord",
    "LevelsRecord",
    "MaskRecord",
    "QualityRecord",
    "Row",
    "RunRecord",
    "Value",
    "json_schema",
    "quality_from_dict",
    "read_case_record",
    "read_run_record",
    "write_record",
]

SCHEMA_VERSION = 2
"""Version of the records; 0.1.0 of the package wrote records without one."""

Value = bool | int | float | str | None
"""An entry of a table; None where a number is undefined."""

Row = dict[str, Value]
"""A row of a table by column."""

State = Literal["pending", "done", "failed", "skipped", "earlier", "empty"]

T = TypeVar("T")
RecordT = TypeVar("RecordT", "CaseRecord", "RunRecord")


def _plain(value: Any) -> Any:
    """Return a number of numpy as one of Python."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} has no place in a record")


@dataclass(frozen=True, kw_only=True)
class CaseRecord:
    """Everything that is kept of a case.

    Attributes
    ----------
    case : str
    version : str
        Of the package.
    created : str
        When the record was written (ISO 8601).
    fingerprint : str
        Hash of the inputs, options, model and version: an equal one means that nothing is to do.
    inputs : mapping of str to str
        Path of each input by role.
    image : ImageRecord
    mask : MaskRecord
    slices : tuple of int or None
        Half-open range that was measured; None for all slices.
    levels : LevelsRecord or None
    options, model, prediction : mapping
        What was requested, the model that ran (empty for a mask that none drew), and what it
        reports; with ``quality`` of its own mask where that was edited since.
    coverage : CoverageRecord
        The slices behind the volumes.
    asymmetry_formula : str
    measures, profile : tuple of Row
        Rows of ``measures.csv`` and ``profiles.csv``.
    volumes, fat_ratios : Row
        Rows of the published method's tables; fat_ratios is None without a Dixon pair.
    reference_measures : tuple of Row or None
        The same measures on the reference.
    intensity : tuple of mapping
        How intensity-based fat was determined, one entry a method.
    accuracy : Row or None
        Row of ``accuracy.csv``, where there is a reference.
    accuracy_levels, accuracy_slices : tuple of Row
    quality : QualityRecord or None
        None for a mask that no model drew, or that was edited.
    findings : tuple of Finding
        What there is to say about the case.
    seconds : mapping of str to float
        Time of each step.
    examination : ExaminationRecord or None
        The DICOM examination that the case comes from.
    stacks : tuple of StackRecord
        Of an examination in several stacks, from foot to head; then `image` and `mask` are those
        of the first one, and there is no volume.
    disc_slices : tuple of DiscSliceRecord
        Where the discs of several stacks were measured.
    schema_version : int
    """

    case: str
    version: str
    created: str
    fingerprint: str
    inputs: dict[str, str]
    image: ImageRecord
    mask: MaskRecord
    slices: tuple[int, int] | None
    levels: LevelsRecord | None
    options: dict[str, Any]
    model: dict[str, Any]
    prediction: dict[str, Any]
    coverage: CoverageRecord
    asymmetry_formula: str
    measures: tuple[Row, ...]
    profile: tuple[Row, ...]
    volumes: Row
    fat_ratios: Row | None
    reference_measures: tuple[Row, ...] | None
    intensity: tuple[dict[str, Any], ...]
    accuracy: Row | None
    accuracy_levels: tuple[Row, ...]
    accuracy_slices: tuple[Row, ...]
    quality: QualityRecord | None
    findings: tuple[Finding, ...]
    seconds: dict[str, float]
    examination: ExaminationRecord | None = None
    stacks: tuple[StackRecord, ...] = ()
    disc_slices: tuple[DiscSliceRecord, ...] = ()
    schema_version: int = SCHEMA_VERSION

    @property
    def is_empty(self) -> bool:
        """Whether no muscle was segmented."""
        return not any(row["voxels"] for row in self.measures)

    def to_dataframe(self) -> pd.DataFrame:
        """Return the measures as a table, one row a muscle, side and level."""
        return data_frame(self.measures)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Messages of the findings that are more than notes."""
        return tuple(f.message for f in self.findings if f.severity != "note")

    @property
    def notes(self) -> tuple[str, ...]:
        """Messages of the notes."""
        return tuple(f.message for f in self.findings if f.severity == "note")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as in ``case.json``; the messages are repeated as plain text."""
        values: dict[str, Any] = msgspec.to_builtins(self, enc_hook=_plain)
        return {**values, "warnings": list(self.warnings), "notes": list(self.notes)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CaseRecord:
        """Read what `to_dict` gave.

        Raises
        ------
        RecordError
            If entries are missing or of the wrong type, or another version wrote it.
        """
        return _converted(cls, values, "Run the case again")


@dataclass(frozen=True)
class CaseState:
    """What became of a case in a run.

    Attributes
    ----------
    state : str
        ``"pending"``, ``"done"``, ``"failed"``, ``"skipped"`` (done before), ``"empty"`` (no
        muscle was segmented) or ``"earlier"`` (done by an earlier run, no input of this one).
    error : str, optional
        Why it failed.
    seconds : float
    """

    state: State
    error: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What ``run.json`` holds.

    Attributes
    ----------
    version, python, platform : str
    started : str
        When the run began (ISO 8601).
    seconds : float
        Its duration so far.
    command : tuple of str
        Arguments of the command line; empty for a run from Python.
    processors : int
        Of the machine.
    packages : mapping of str to str
        Versions of the packages that numbers depend on.
    model, options : mapping
    cases : mapping of str to CaseState
    schema_version : int
    """

    version: str
    python: str
    platform: str
    packages: dict[str, str]
    model: dict[str, Any]
    options: dict[str, Any]
    started: str = ""
    seconds: float = 0.0
    command: tuple[str, ...] = ()
    processors: int = 0
    cases: dict[str, CaseState] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as in ``run.json``."""
        values: dict[str, Any] = msgspec.to_builtins(self, enc_hook=_plain)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RunRecord:
        """Read what `to_dict` gave.

        Raises
        ------
        RecordError
            If entries are missing or of the wrong type, or another version wrote it.
        """
        return _converted(cls, values, "Run the cases again")


def _converted(kind: type[RecordT], values: Mapping[str, Any], hint: str) -> RecordT:
    version = values.get("schema_version", 1) if isinstance(values, Mapping) else None
    if version != SCHEMA_VERSION and version is not None:
        raise RecordError(
            f"the record has version {version}, this program reads version {SCHEMA_VERSION}",
            hint=f"{hint}: records of another version are made again from the images",
        )
    return _typed(kind, values, hint)


def _typed(kind: type[T], values: Any, hint: str) -> T:
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise RecordError(f"the record is damaged ({error})", hint=hint) from error


def quality_from_dict(values: Mapping[str, Any]) -> QualityRecord:
    """Read the entries of a `QualityRecord`.

    Raises
    ------
    RecordError
        If entries are missing or of the wrong type.
    """
    return _typed(QualityRecord, values, "Run the case again")


def read_case_record(path: Path) -> CaseRecord:
    """Read ``case.json``.

    Raises
    ------
    RecordError
        If it is missing, damaged or of another version.
    """
    return _read(path, CaseRecord.from_dict, "Run the case again")


def read_run_record(path: Path) -> RunRecord | None:
    """Read ``run.json``; None if there is none.

    Raises
    ------
    RecordError
        If it is damaged or of another version.
    """
    return _read(path, RunRecord.from_dict, "Run the cases again") if path.exists() else None


def _read(path: Path, convert: Callable[[Mapping[str, Any]], T], hint: str) -> T:
    try:
        return convert(read_json(path))
    except InputError as error:
        raise RecordError(error.what, where=path, hint=error.hint or hint) from error


def write_record(record: CaseRecord | RunRecord, path: Path) -> None:
    """Write a record as JSON, whole or not at all.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    write_json(record.to_dict(), path)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``case.json``, as in ``docs/case.schema.json``."""
    return msgspec.json.schema(CaseRecord)
