"""Check that records hold what the tables and the report show."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from lpm_segmentator.core import LPM_SCHEME, RecordError
from lpm_segmentator.measure import (
    ACCURACY,
    CATALOGUE,
    IntensityMethod,
    MeasureRow,
    ProfileRow,
    groups_of,
)
from lpm_segmentator.study.record import CaseRecord, Row, RunRecord

__all__ = ["check_complete", "check_run_complete"]

_PLACES = frozenset((group.muscle, group.side) for group in groups_of(LPM_SCHEME))
_METHODS = tuple(method.value for method in IntensityMethod)
_TEXTS = frozenset({"asymmetry_formula", "note"})
_SUFFIXES = ("global", *map(str, LPM_SCHEME.values))


def check_complete(record: CaseRecord) -> None:
    """Refuse the record of a case that lacks something that is shown, or holds what cannot be.

    Raises
    ------
    RecordError
        The message names the first entry that is missing or of the wrong kind.
    """
    wrong = next(_problems(record), None)
    if wrong is not None:
        raise RecordError(f"the record is damaged ({wrong})", hint="Run the case again")


def check_run_complete(record: RunRecord) -> None:
    """Refuse the record of a run whose model is not named; otherwise as `check_complete`.

    Raises
    ------
    RecordError
        If an entry is missing or of the wrong kind.
    """
    wrong = next(_in_model(record.model), None)
    if wrong is not None:
        raise RecordError(f"the record is damaged ({wrong})", hint="Run the cases again")


def _problems(record: CaseRecord) -> Iterator[str]:
    measures = (*MeasureRow.key_columns(), *(q.name for q in CATALOGUE.measures))
    profile = (*ProfileRow.key_columns(), *(q.name for q in CATALOGUE.profile))
    yield from _in_measures("measures", record.measures, measures)
    yield from _in_measures("reference_measures", record.reference_measures or (), measures)
    yield from _in_rows("profile", record.profile, profile, _is_profile)
    if record.accuracy is not None:
        shown = [f"{q.wide_name}_{suffix}" for q in ACCURACY if q.wide_name for suffix in _SUFFIXES]
        yield from _in_rows("accuracy", (record.accuracy,), shown, lambda _row: True)
    yield from _in_model(record.model)
    yield from _in_levels(() if record.levels is None else record.levels.discs)
    yield from (f"intensity: {split}" for split in record.intensity if not _is_split(split))
    if not _is_number(record.seconds.get("total")):
        yield "seconds has no total"
    rows = [*record.accuracy_levels, *record.accuracy_slices, record.volumes]
    rows += [] if record.fat_ratios is None else [record.fat_ratios]
    plain: list[Any] = [rows, record.image, record.coverage, record.quality, record.seconds]
    if not _is_finite(plain):
        yield "a number is infinite"


def _in_measures(name: str, rows: Sequence[Row], columns: Sequence[str]) -> Iterator[str]:
    yield from _in_rows(name, rows, columns, _is_measure)
    found = {(row.get("muscle"), row.get("side")) for row in rows if row.get("level") == "all"}
    if rows and not found >= _PLACES:
        yield f"{name}: rows are missing"


def _in_rows(
    name: str, rows: Sequence[Row], columns: Sequence[str], fits: Callable[[Row], bool]
) -> Iterator[str]:
    """Yield what is wrong with rows of numbers; None is an undefined one."""
    texts = _TEXTS | {*MeasureRow.key_columns()}
    for row in rows:
        missing = [column for column in columns if column not in row]
        if missing:
            yield f"{name}: {missing[0]} is missing"
        for column, value in row.items():
            if column in texts or column == "valid":
                continue
            if value is not None and not _is_number(value):
                yield f"{name}: {column} is {value!r}"
        if not fits(row):
            yield f"{name}: {', '.join(f'{k} {row.get(k)!r}' for k in ('muscle', 'side', 'level'))}"


def _is_measure(row: Row) -> bool:
    keys = [*MeasureRow.key_columns(), "note"]
    named = (row.get("muscle"), row.get("side")) in _PLACES
    return named and type(row.get("valid")) is bool and _are_texts(row, keys)


def _is_profile(row: Row) -> bool:
    return type(row.get("slice")) is int and type(row.get("valid")) is bool


def _in_model(model: Mapping[str, Any]) -> Iterator[str]:
    if model and not _are_texts(model, ("name", "version", "sha256")):
        yield "the model has no name, version or hash"


def _in_levels(discs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for disc in discs:
        index = disc.get("slice", "")
        is_slice = index is None or type(index) is int
        if not (_are_texts(disc, ("name",)) and is_slice and _is_number(disc.get("confidence"))):
            yield f"a disc is {disc}"


def _is_split(split: Mapping[str, Any]) -> bool:
    """Return whether an entry tells how intensity-based fat was determined."""
    means, weights = split.get("means"), split.get("weights")
    if not isinstance(means, Sequence) or not isinstance(weights, Sequence):
        return False
    threshold = split.get("threshold", "")
    known = split.get("method") in _METHODS and _are_texts(split, ("reason",))
    numbers = all(map(_is_number, (*means, *weights))) and len(means) == len(weights)
    enough = bool(split.get("reason")) or len(means) > 1
    return known and numbers and enough and (threshold is None or _is_number(threshold))


def _are_texts(values: Mapping[str, Any], names: Sequence[str]) -> bool:
    return all(isinstance(values.get(name), str) for name in names)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_finite(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return all(map(_is_finite, value))
    if hasattr(value, "__dataclass_fields__"):
        return all(_is_finite(getattr(value, name)) for name in value.__dataclass_fields__)
    return not isinstance(value, float) or math.isfinite(value)
