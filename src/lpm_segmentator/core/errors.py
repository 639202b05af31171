"""Every error a user can meet, under one root.

::

    LpmError
    ├── InputError            the user's input is wrong
    │   ├── FileFormatError   missing, empty, truncated, not an image, wrong dimension or type
    │   ├── GeometryError     singular affine, grids differ, not axial, range outside
    │   ├── LabelError        unknown label values, empty label map
    │   ├── TableError        a table's columns or cases
    │   └── PairingError      water without fat, ambiguous names, grids differ
    ├── OutputError           a folder that cannot be written, a full disk
    ├── ModelError            a model that is missing, unsafe or unsupported
    ├── MissingExtraError     an optional package that is not installed
    └── CasesFailedError      some cases of a cohort failed

The command line prints ``str(error)`` and exits with ``error.exit_code``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = [
    "CasesFailedError",
    "FileFormatError",
    "GeometryError",
    "InputError",
    "LabelError",
    "LpmError",
    "MissingExtraError",
    "ModelError",
    "OutputError",
    "PairingError",
    "TableError",
]


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
        What to do about it, with the flag to use.
    """

    exit_code = 2

    def __init__(self, what: str, *, where: object = None, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = None if where is None else str(where)
        self.hint = hint

    def __str__(self) -> str:
        """Return ``where: what. hint``, leaving out what is not known."""
        text = f"{self.where}: {_sentence(self.what)}" if self.where else _sentence(self.what)
        return f"{text} {_sentence(self.hint)}" if self.hint else text

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle with all fields: worker processes hand their errors back whole."""
        return _revive, (type(self), self.args, self.__dict__.copy())


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


class PairingError(InputError):
    """A water and a fat image cannot be paired."""


class OutputError(LpmError):
    """A result cannot be written."""


class ModelError(LpmError):
    """A model is missing, unsafe or unsupported."""


class MissingExtraError(LpmError):
    """An optional package is not installed.

    Parameters
    ----------
    feature : str
        What was asked for, e.g. ``"training"``.
    extra : str
        The extra of this package that brings it, e.g. ``"train"``.
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
