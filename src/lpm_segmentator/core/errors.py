"""Every error a user can meet, under one root, and the remedies that errors name.

::

    LpmError
    ├── InputError            the user's input is wrong
    │   ├── FileFormatError   missing, empty, truncated, not an image, wrong dimension or type
    │   ├── GeometryError     singular affine, grids differ, not axial, range outside
    │   ├── LabelError        unknown label values, empty label map
    │   ├── TableError        a table's columns or cases
    │   │   └── AgreementError  a table that cannot be compared
    │   │       └── NoPairsError  a table without any complete pair
    │   ├── PairingError      water without fat, ambiguous names, grids differ
    │   └── RecordError       a record of a case that is damaged or of another version
    ├── OutputError           a folder that cannot be written, a full disk
    ├── ModelError            a model that is missing, unsafe or unsupported
    ├── MissingExtraError     an optional package that is not installed
    └── CasesFailedError      some cases of a cohort failed

An error names its remedy (`Remedy`), never a flag: Python callers read the argument to pass, the
command line replaces it by its flag, the page by a button.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

__all__ = [
    "AgreementError",
    "CasesFailedError",
    "FileFormatError",
    "GeometryError",
    "InputError",
    "LabelError",
    "LpmError",
    "MissingExtraError",
    "ModelError",
    "NoPairsError",
    "OutputError",
    "PairingError",
    "RecordError",
    "Remedy",
    "TableError",
]


class Remedy(str, Enum):
    """A setting that resolves an error; the value is the Python argument to pass.

    Use a member in an f-string (``f"pass {Remedy.RESAMPLE}"``) and hand the same member to the
    error: faces replace the argument by what they offer in its place.
    """

    ACCEPT_ORIGIN_MISMATCH = "accept_origin_mismatch=True"
    ACCEPT_FRAME_MISMATCH = "accept_frame_mismatch=True"
    ANCHOR = "anchor=(disc, slice)"
    CONFIGURATION = "configuration=NAME"
    CONTRAST = "contrast=CONTRAST"
    DATA = "data=FOLDER"
    FEWER_WORKERS = "workers=1"
    FOLDS = "folds=NUMBER"
    FORCE = "force=True"
    IGNORE_LABEL = "ignore=VALUES"
    KEEP_LOW_CONFIDENCE = "keep_low_confidence=True"
    LABEL_SCHEME = "label_scheme=SCHEME"
    LABELS = "labels=FOLDER"
    LEAVE_ONE_OUT = "leave_one_out=True"
    LEVELS = "levels=PATH"
    MODEL = "model=NAME"
    NAME = "name=NAME"
    NAME_PAIR = "water=PATH and fat=PATH"
    NO_UNIT_CHECK = "check_units=False"
    NUMBERING = "numbering=NAME"
    OUTPUT = "out=PATH"
    PICK_SLICES = "slices=(first, last)"
    REFERENCE = "reference=PATH"
    REPLACE = "replace_existing=True"
    RESAMPLE = "resample=True"
    ROLES = "roles=(reference, prediction)"
    SAGITTAL = "sagittal=PATH"
    SERIES = "series=(UID, NUMBER or TEXT)"
    SLICE_END = "slice_end=END"
    SLICE_TABLE = "slices=TABLE"
    SPACING = "spacing_mm=(i, j, k)"
    START = "start=PATH"
    SUBJECT = "subject=COLUMN"
    SUBJECT_PATTERN = "subject_pattern=REGEX"
    TRUST = "trust=FORM"

    def __str__(self) -> str:
        """Return the Python argument."""
        return self.value


def _sentence(text: str) -> str:
    text = text.strip()
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


def _revive(cls: type[LpmError], args: tuple[Any, ...], state: dict[str, Any]) -> LpmError:
    """Rebuild an error in another process without calling its constructor."""
    error = cls.__new__(cls, *args)
    error.__dict__.update(state)
    return error


class LpmError(Exception):
    """Root of all errors of this package.

    Parameters
    ----------
    what : str
        What is wrong, in one sentence.
    where : object, optional
        The file, case or column it is about; printed in front.
    hint : str, optional
        The likely cause and what to do about it.
    remedy : Remedy or iterable of Remedy, optional
        The settings that resolve it. One that the hint does not mention is appended to it.
    """

    exit_code = 2

    def __init__(
        self,
        what: str,
        *,
        where: object = None,
        hint: str | None = None,
        remedy: Remedy | Iterable[Remedy] | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = None if where is None else str(where)
        self.remedies: tuple[Remedy, ...] = _as_remedies(remedy)
        self.hint = _with_remedies(hint, self.remedies)

    def __str__(self) -> str:
        """Return ``where: what. hint``, leaving out what is not known."""
        text = f"{self.where}: {_sentence(self.what)}" if self.where else _sentence(self.what)
        return f"{text} {_sentence(self.hint)}" if self.hint else text

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle with all fields: worker processes hand their errors back whole."""
        return _revive, (type(self), self.args, self.__dict__.copy())


def _as_remedies(remedy: Remedy | Iterable[Remedy] | None) -> tuple[Remedy, ...]:
    if remedy is None:
        return ()
    return (remedy,) if isinstance(remedy, Remedy) else tuple(remedy)


def _with_remedies(hint: str | None, remedies: tuple[Remedy, ...]) -> str | None:
    """Append the remedies that the hint does not mention."""
    unsaid = [str(remedy) for remedy in remedies if str(remedy) not in (hint or "")]
    if not unsaid:
        return hint
    listed = " or ".join(unsaid)
    return f"{hint.rstrip('. ')} ({listed})" if hint else f"Use {listed}"


class InputError(LpmError):
    """The user's input is wrong."""


class FileFormatError(InputError):
    """A file is missing, empty, truncated, or not the image it should be."""


class GeometryError(InputError):
    """An affine is singular, grids differ, or a range lies outside the image."""


class LabelError(InputError):
    """A label map holds unknown values, or none at all."""


class TableError(InputError):
    """A table lacks columns or cases, or holds values that cannot be used."""


class AgreementError(TableError):
    """A table cannot be compared."""


class NoPairsError(AgreementError):
    """A table is well formed, but no row holds both values of any pair."""


class PairingError(InputError):
    """Two files that belong together cannot be paired."""


class RecordError(InputError):
    """The record of a case or a run is damaged or of another version."""


class OutputError(LpmError):
    """A result cannot be written."""


class ModelError(LpmError):
    """A model is missing, unsafe or unsupported."""


class MissingExtraError(LpmError):
    """An optional package is not installed.

    Parameters
    ----------
    feature : str
        What was requested, e.g. ``"training"``.
    extra : str
        The extra of this package that installs it, e.g. ``"train"``.
    """

    def __init__(self, feature: str, *, extra: str) -> None:
        super().__init__(
            f"{feature} needs an optional package",
            hint=f"Install it with: pip install 'lpm-segmentator[{extra}]'",
        )
        self.extra = extra


class CasesFailedError(LpmError):
    """Some cases of a cohort failed; the others are done.

    Parameters
    ----------
    what : str
        What is wrong, in one sentence.
    where, hint
        As in `LpmError`.
    failures : mapping of str to str, optional
        Message of each failed case, by case id.
    """

    exit_code = 1

    def __init__(
        self,
        what: str,
        *,
        where: object = None,
        hint: str | None = None,
        failures: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.failures = dict(failures or {})
