"""A recipe: which subjects, which configuration, and what the model says of itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lpm_segmentator.core import FileFormatError, InputError, LabelMap, Volume, reorient
from lpm_segmentator.io import read_image, read_label_map
from lpm_segmentator.train.config import CompactConfig
from lpm_segmentator.train.subjects import TrainingSubject, training_subject

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Recipe", "SubjectFiles", "SubjectImages", "load_recipe", "read_subject"]

_FRAME = ("L", "P", "S")


@dataclass(frozen=True)
class SubjectFiles:
    """Files of a labelled Dixon pair, relative to the data folder."""

    name: str
    water: str
    fat: str
    labels: str


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a model, beside the data themselves.

    Attributes
    ----------
    name, version, citation, licence, description : str
        Written into the model.
    subjects : tuple of SubjectFiles
    config : CompactConfig
    """

    name: str
    version: str
    citation: str
    licence: str
    description: str
    subjects: tuple[SubjectFiles, ...]
    config: CompactConfig

    def without(self, name: str) -> Recipe:
        """Return the recipe with one subject left out."""
        kept = tuple(subject for subject in self.subjects if subject.name != name)
        return replace(self, subjects=kept)


@dataclass(frozen=True, eq=False)
class SubjectImages:
    """A labelled Dixon pair in memory; all three on the water image's grid."""

    name: str
    water: Volume
    fat: Volume
    labels: LabelMap

    def to_training(self) -> TrainingSubject:
        """Return the subject as tensors to draw from."""
        spacing = reorient(self.water, _FRAME).spacing_mm[0]
        return training_subject(
            self.name,
            np.asarray(reorient(self.water, _FRAME).array).T,
            np.asarray(reorient(self.fat, _FRAME).array).T,
            np.asarray(reorient(self.labels, _FRAME).array).T,
            spacing,
        )


def load_recipe(path: Path) -> Recipe:
    """Read a recipe in YAML.

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
        )
    except OSError as error:
        raise FileFormatError(f"cannot be read: {error.strerror}", where=path) from error
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise InputError(
            f"this is no recipe ({error})",
            where=path,
            hint="See recipes/compact.yaml for the entries it needs",
        ) from error


def read_subject(files: SubjectFiles, folder: Path) -> SubjectImages:
    """Read a subject; fat and labels are taken on the water image's grid.

    Raises
    ------
    LpmError
        Whatever is wrong with a file.
    InputError
        If the three differ in shape.
    """
    water = read_image(folder / files.water).volume
    fat = read_image(folder / files.fat).volume
    labels = read_label_map(folder / files.labels)
    if not water.shape == fat.shape == labels.shape:
        raise InputError(
            f"water {water.shape}, fat {fat.shape} and labels {labels.shape} differ in shape",
            where=files.name,
        )
    return SubjectImages(
        files.name,
        water,
        water.with_array(fat.array),
        labels.with_grid(labels.array, water.affine),
    )
