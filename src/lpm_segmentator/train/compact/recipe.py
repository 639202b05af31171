"""A recipe: subjects, settings, and the model's own description, in a YAML file."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lpm_segmentator.train.compact.config import CompactConfig
from lpm_segmentator.train.recipe import Count, ModelDescription, read_recipe

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Recipe", "ShapeFile", "SubjectFiles", "UnlabelledFiles", "load_recipe"]

logger = logging.getLogger(__name__)

#: former name -> name of settings of the synthesis; former names work for one version after 0.1
_RENAMED = {"foreign": "negatives", "retreat": "atrophy"}


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
    """Label maps without images, relative to a data folder.

    Attributes
    ----------
    labels : str
        A NIfTI file, or a NumPy archive ``.npz`` whose array ``labels``, shape (n, rows, columns),
        holds single axial slices: rows to posterior, columns to the patient's left.
    values : dict of int to int
        The file's values of ES right, MF right, MF left and ES left → 1 … 4; others are ignored.
    spacing_mm : float, optional
        In-plane spacing of the slices of an archive, which does not state it.
    every : int
        Of an archive, each how manyth slice is used: fitting a shape takes a quarter of a second
        for each subject.
    """

    labels: str
    values: dict[int, int]
    spacing_mm: float | None = None
    every: Count = 1


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
class Recipe(ModelDescription):
    """Everything that determines a model, except the data themselves.

    Attributes
    ----------
    name, version, citation, licence, description : str
        See `ModelDescription`.
    subjects : tuple of SubjectFiles
    config : CompactConfig
    shapes : tuple of ShapeFile
        Muscle shapes of other subjects, which the subjects are warped to.
    unlabelled : UnlabelledFiles, optional
        Requires a model to start from.
    """

    subjects: tuple[SubjectFiles, ...]
    config: CompactConfig = field(default_factory=CompactConfig)
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
        If it cannot be read, lacks entries, or holds unknown or invalid ones.
    """
    return read_recipe(path, Recipe, example="compact.yaml", prepare=_with_current_names)


def _with_current_names(values: dict[str, Any]) -> dict[str, Any]:
    """Return the entries with former names of settings replaced, each with a warning."""
    config = values.get("config")
    synthesis = config.get("synthesis") if isinstance(config, dict) else None
    if not isinstance(synthesis, dict):
        return values
    for former in _RENAMED.keys() & synthesis.keys():
        current = _RENAMED[former]
        logger.warning("the setting %r is now called %r; change it in the recipe", former, current)
        synthesis[current] = synthesis.pop(former)
    return values
