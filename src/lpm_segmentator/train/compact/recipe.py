"""A recipe: subjects, settings, and the model's own description, in a YAML file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lpm_segmentator.core import FileFormatError, InputError
from lpm_segmentator.train.compact.config import CompactConfig

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Recipe", "ShapeFile", "SubjectFiles", "UnlabelledFiles", "load_recipe"]


@dataclass(frozen=True)
class SubjectFiles:
    """The files of a labelled Dixon pair, relative to a data folder.

    Attributes
    ----------
    name : str
        The subject.
    water, fat, labels : str
    """

    name: str
    water: str
    fat: str
    labels: str


@dataclass(frozen=True)
class ShapeFile:
    """A label map without an image, relative to a data folder.

    Attributes
    ----------
    labels : str
        The file.
    values : dict of int to int
        The file's values of ES right, MF right, MF left and ES left → 1 … 4; others are ignored.
    """

    labels: str
    values: dict[int, int]


@dataclass(frozen=True)
class UnlabelledFiles:
    """Water images of other subjects, which the starting model labels.

    Attributes
    ----------
    images : str
        Pattern of the file names, in any of the data folders.
    without : tuple of str
        Beginnings of names to leave out: files that may show a labelled subject.
    """

    images: str
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """Everything that determines a model, except the data themselves.

    Attributes
    ----------
    name, version, citation, licence, description : str
        Stored in the model.
    subjects : tuple of SubjectFiles
    config : CompactConfig
    shapes : tuple of ShapeFile
        Muscle shapes of other subjects, which the subjects are warped to.
    unlabelled : UnlabelledFiles, optional
        Requires a model to start from.
    """

    name: str
    version: str
    citation: str
    licence: str
    description: str
    subjects: tuple[SubjectFiles, ...]
    config: CompactConfig
    shapes: tuple[ShapeFile, ...] = ()
    unlabelled: UnlabelledFiles | None = None

    def without(self, name: str) -> Recipe:
        """Return the recipe with one subject left out."""
        kept = tuple(subject for subject in self.subjects if subject.name != name)
        return replace(self, subjects=kept)


def load_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises
    ------
    InputError
        If it cannot be read or lacks entries.
    """
    import yaml

    try:
        values: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Recipe(
            name=values["name"],
            version=str(values["version"]),
            citation=values["citation"],
            licence=values["licence"],
            description=values["description"],
            subjects=tuple(SubjectFiles(**subject) for subject in values["subjects"]),
            config=CompactConfig.from_dict(values.get("config", {})),
            shapes=tuple(ShapeFile(**shape) for shape in values.get("shapes", ())),
            unlabelled=_unlabelled(values.get("unlabelled")),
        )
    except OSError as error:
        raise FileFormatError(f"cannot be read: {error.strerror}", where=path) from error
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise InputError(
            f"is not a valid recipe ({error})",
            where=path,
            hint="See recipes/compact.yaml in the source repository for the required entries",
        ) from error


def _unlabelled(values: dict[str, Any] | None) -> UnlabelledFiles | None:
    if values is None:
        return None
    return UnlabelledFiles(values["images"], tuple(values.get("without", ())))
