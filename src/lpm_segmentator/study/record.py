"""What is kept of a case and of a run: typed, versioned, read and written as JSON.

``case.json`` holds every number that a table or the report shows; the numbers in it count
(ADR 4). Undefined numbers are null, and a note says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
import numpy as np

from lpm_segmentator.core import Finding, InputError, RecordError
from lpm_segmentator.io import read_json, write_json

__all__ = [
    "SCHEMA_VERSION",
    "CaseRecord",
    "CaseState",
    "ImageRecord",
    "LevelsRecord",
    "MaskRecord",
    "QualityRecord",
    "Row",
    "RunRecord",
    "Value",
    "json_schema",
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


@dataclass(frozen=True)
class ImageRecord:
    """The image that was measured.

    Attributes
    ----------
    shape : tuple of int
    spacing_mm : tuple of float
        Along the array axes.
    axis_codes : str
        Direction each array axis grows to, such as ``"LPS"``.
    obliquity_deg : float
        Angle between the normal of the slices and superior.
    contrast : str
        As `Contrast`.
    contrast_source : str
        Where the contrast is known from, as `ContrastSource`.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    axis_codes: str
    obliquity_deg: float
    contrast: str = "unknown"
    contrast_source: str = "nothing"


@dataclass(frozen=True)
class MaskRecord:
    """The mask that the numbers are about.

    Attributes
    ----------
    kind : {'automatic', 'edited', 'imported'}
        Drawn by the model, corrected by a user, or taken from elsewhere.
    file : str
        Name of its file in the case's folder.
    sha256 : str
        Of that file, as it was measured: another hash means that it was edited since.
    edited : str
        When it was edited (ISO 8601); empty unless `kind` is ``"edited"``.
    editor : str
        Who edited it, where a tool recorded that; empty otherwise.
    changed_voxels : int, optional
        Voxels that differ from the automatic mask; None where that is not there.
    automatic_sha256 : str
        Of the automatic mask; empty where there is none.
    """

    kind: Literal["automatic", "edited", "imported"]
    file: str
    sha256: str
    edited: str = ""
    editor: str = ""
    changed_voxels: int | None = None
    automatic_sha256: str = ""


@dataclass(frozen=True)
class LevelsRecord:
    """The levels of a case.

    Attributes
    ----------
    source : str
        File that they come from.
    discs : tuple of mapping
        As in the file that ``lpm levels`` writes.
    warnings : tuple of str
    named : bool
        Whether the names are certain, so that rows of the tables carry them.
    sha256 : str
        Of ``CASE_levels.json`` as it was written: another hash means that it was corrected since.
    corrected : bool
        Whether that file was corrected before and is a user's work.
    """

    source: str
    discs: tuple[dict[str, Any], ...]
    warnings: tuple[str, ...]
    named: bool
    sha256: str
    corrected: bool


@dataclass(frozen=True)
class QualityRecord:
    """How far to trust a mask that a model drew; as `lpm_segmentator.segment.Quality`."""

    score: float | None
    slice_scores: dict[str, float]
    expected_dice: float | None
    low_confidence_slices: tuple[int, ...]
    minimum_expected_dice: float


@dataclass(frozen=True)
class CoverageRecord:
    """The slices behind the volumes.

    Attributes
    ----------
    slices : int
        Slices that show any muscle.
    spacing_mm : float
        Distance between slice centres.
    covered_mm : float
        Length that the volumes describe, gaps included.
    gap_mm : float or None
        Gap between slices; None where the slice thickness is unknown.
    """

    slices: int
    spacing_mm: float
    covered_mm: float
    gap_mm: float | None


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
        reports.
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
        None for a mask that no model drew.
    findings : tuple of Finding
        What there is to say about the case.
    seconds : mapping of str to float
        Time of each step.
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
    schema_version: int = SCHEMA_VERSION

    @property
    def is_empty(self) -> bool:
        """Whether no muscle was segmented."""
        return not any(row["voxels"] for row in self.measures)

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
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise RecordError(f"the record is damaged ({error})", hint=hint) from error


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
