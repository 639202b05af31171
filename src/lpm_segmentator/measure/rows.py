"""The rows of the tables: what identifies a row, the values of a catalogue, and a note."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # in typing only from Python 3.11 on
    from typing_extensions import Self

    from lpm_segmentator.measure.catalogue.quantity import Value

__all__ = ["AccuracyRow", "MeasureRow", "ProfileRow", "Row", "fat_ratio_row", "volume_row"]

NAN = float("nan")
_REMARKS = ("valid", "note")


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of a table; subclasses add the columns that identify it.

    Attributes
    ----------
    values : mapping of str to float or str
        By the name of the quantity, in the order of the catalogue.
    note : str
        Why values are nan or not valid; empty if none is.
    """

    values: Mapping[str, Value]
    note: str = ""

    @classmethod
    def key_columns(cls) -> tuple[str, ...]:
        """Return the columns that identify a row, in their order."""
        return tuple(f.name for f in fields(cls) if f.name not in ("values", *_REMARKS))

    def __getitem__(self, name: str) -> float:
        """Return the number of a quantity, e.g. ``row["volume_ml"]``.

        Raises
        ------
        KeyError
            If the row has no number of this name.
        """
        value = self.values[name]
        if isinstance(value, str):
            raise KeyError(f"{name} is no number")
        return value

    def to_dict(self) -> dict[str, Any]:
        """Return the row as it stands in CSV files: identifying columns, values, validity, note."""
        keys, remarks = (
            {name: getattr(self, name) for name in names}
            for names in (self.key_columns(), self._remarks())
        )
        return {**keys, **self.values, **remarks}

    @classmethod
    def _remarks(cls) -> tuple[str, ...]:
        """Return the columns about the values, in their order."""
        known = {f.name for f in fields(cls)}
        return tuple(name for name in _REMARKS if name in known)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the row that `to_dict` gave; None, as in JSON, is nan."""
        keys = cls.key_columns()
        values = {
            name: NAN if value is None else value
            for name, value in data.items()
            if name not in (*keys, *_REMARKS)
        }
        return cls(**{key: data[key] for key in (*keys, *cls._remarks())}, values=values)


@dataclass(frozen=True, kw_only=True)
class SizedRow(Row):
    """A row of sizes that the edge of the image may have cut off.

    Attributes
    ----------
    valid : bool
        Whether the sizes (`Quantity.needs_whole_muscle`) are those of the whole muscle; not where
        the edge of the image cuts it off (`lpm_segmentator.measure.checks.border_contact`).
    """

    valid: bool = True


@dataclass(frozen=True, kw_only=True)
class MeasureRow(SizedRow):
    """One muscle on one side over one region.

    Attributes
    ----------
    case : str
    muscle : str
        ``"ES"``, ``"MF"`` or ``"ES+MF"``.
    side : str
        ``"R"``, ``"L"`` or ``"both"``.
    level, level_kind : str
        Region: see `SliceLevels.regions`.
    """

    case: str
    muscle: str
    side: str
    level: str
    level_kind: str


@dataclass(frozen=True, kw_only=True)
class ProfileRow(SizedRow):
    """One muscle on one side in one slice: the profile of the measures along the spine.

    Attributes
    ----------
    case, muscle, side : str
        As in `MeasureRow`.
    slice : int
        Index along the slice axis.
    position_mm : float
        Height of the slice's centre in the world (superior is positive).
    level : str
        Disc or vertebra that the slice belongs to; empty where none is known.
    """

    case: str
    muscle: str
    side: str
    slice: int
    position_mm: float
    level: str


@dataclass(frozen=True, kw_only=True)
class AccuracyRow(Row):
    """Agreement of a prediction with its reference for one structure over one region.

    Attributes
    ----------
    case : str
    structure : str
        ``"ES_R"``, ..., or ``"foreground"`` for all structures as one.
    label : int
        Its value; 0 for the foreground.
    level, level_kind : str
        Region: see `SliceLevels.regions`; in the slice-wise table ``level_kind`` is ``"slice"``
        and ``level`` the slice's index.
    """

    case: str
    structure: str
    label: int
    level: str
    level_kind: str


def volume_row(
    case: str,
    prediction: Mapping[int, float],
    reference: Mapping[int, float] | None = None,
) -> dict[str, float | str]:
    """Return a row of the published volume table: ``case, volume1_gd, volume1_ai, ...``.

    Parameters
    ----------
    case : str
    prediction, reference : mapping of int to float
        Volumes in mL by label value. Without a reference the ``_gd`` columns are left out. A
        structure that the reference does not show anywhere was not segmented in it: its volume is
        nan.

    Examples
    --------
    >>> volume_row("TUM01", {1: 201.5}, {1: 203.1})
    {'case': 'TUM01', 'volume1_gd': 203.1, 'volume1_ai': 201.5}
    """
    if reference is not None:
        reference = {label: volume or NAN for label, volume in reference.items()}
    return _wide("volume", case, prediction, reference)


def fat_ratio_row(
    case: str,
    prediction: Mapping[int, float],
    reference: Mapping[int, float] | None = None,
) -> dict[str, float | str]:
    """Return a row of the published fat ratio table: ``case, ratio1_gd, ratio1_ai, ...``.

    Parameters
    ----------
    case : str
    prediction, reference : mapping of int to float
        ΣF / Σ(F + W), 0–1, by label value. Without a reference the ``_gd`` columns are left out.
    """
    return _wide("ratio", case, prediction, reference)


def _wide(
    name: str, case: str, prediction: Mapping[int, float], reference: Mapping[int, float] | None
) -> dict[str, float | str]:
    row: dict[str, float | str] = {"case": case}
    for value in sorted(set(prediction) | set(reference or {})):
        if reference is not None:
            row[f"{name}{value}_gd"] = reference.get(value, NAN)
        row[f"{name}{value}_ai"] = prediction.get(value, NAN)
    return row
