"""Recipes: YAML files that determine a training, and their reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

import msgspec

from lpm_segmentator import __version__
from lpm_segmentator.core import FileFormatError, InputError

__all__ = ["Count", "ModelDescription", "Positive", "Share", "read_recipe"]

RecipeT = TypeVar("RecipeT", bound="ModelDescription")

Count = Annotated[int, msgspec.Meta(ge=1)]
"""A number of steps, channels, pixels and the like: 1 or more."""
Positive = Annotated[float, msgspec.Meta(gt=0)]
"""A length or a rate."""
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
"""A share or a probability: 0 to 1."""


@dataclass(frozen=True)
class ModelDescription:
    """What a recipe states about its model, whatever the training.

    Attributes
    ----------
    name, version, citation, licence, description : str
        Stored in the model.
    """

    name: str
    version: str
    citation: str
    licence: str
    description: str

    def metadata(self) -> dict[str, Any]:
        """Return the description as it is stored in a model, with the program's version."""
        return {
            "name": self.name,
            "version": self.version,
            "citation": self.citation,
            "licence": self.licence,
            "description": self.description,
            "made_with": f"lpm-segmentator {__version__}",
        }


def read_recipe(
    path: Path,
    kind: type[RecipeT],
    *,
    example: str,
    prepare: Callable[[dict[str, Any]], dict[str, Any]] = dict,
) -> RecipeT:
    """Read a recipe whose entries are the fields of a dataclass.

    An entry without a value counts as not given.

    Parameters
    ----------
    path : Path
    kind : type
        A dataclass derived from `ModelDescription`.
    example : str
        A recipe of the repository, for messages.
    prepare : callable, optional
        Changes the entries before they are checked.

    Raises
    ------
    FileFormatError
        If the file cannot be read or is not UTF-8 text.
    InputError
        If an entry is missing or unknown, or its type or value is not one of its field.
    """
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise FileFormatError(f"cannot be read: {error.strerror}", where=path) from error
    except UnicodeDecodeError as error:
        raise FileFormatError("is not UTF-8 text", where=path) from error
    try:
        values = yaml.safe_load(text)
        if not isinstance(values, dict):
            raise ValueError("it has no entries")
        values = prepare(_given(values))
        if isinstance(values.get("version"), int | float):
            values["version"] = str(values["version"])
        if unknown := list(_unknown(kind, values)):
            raise ValueError(f"unknown entries: {', '.join(unknown)}")
        return msgspec.convert(values, kind)
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(
            f"is not a valid recipe ({error})",
            where=path,
            hint=f"See recipes/{example} in the source repository for the entries",
        ) from error


def _given(values: Any) -> Any:
    """Return the entries that have a value, at all depths."""
    if not isinstance(values, dict):
        return values
    return {name: _given(value) for name, value in values.items() if value is not None}


def _unknown(kind: Any, values: Any, place: str = "") -> Iterator[str]:
    """Yield the entries that are no fields of a dataclass, at all depths."""
    owner = next((part for part in (kind, *get_args(kind)) if is_dataclass(part)), None)
    if owner is None:
        return
    if isinstance(values, list):
        for value in values:
            yield from _unknown(owner, value, place)
    elif isinstance(values, dict):
        fields = get_type_hints(owner)
        for name, value in values.items():
            if name in fields:
                yield from _unknown(fields[name], value, f"{place}{name}.")
            else:
                yield f"{place}{name}"
