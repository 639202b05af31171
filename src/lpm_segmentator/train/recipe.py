"""A recipe: which subjects, which configuration, and what the model says of itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from lpm_segmentator.core import FileFormatError, InputError, LabelMap, Volume, reorient
from lpm_segmentator.io import read_image, read_label_map
from lpm_segmentator.train.config import CompactConfig
from lpm_segmentator.train.shapes import shapes_of
from lpm_segmentator.train.subjects import TrainingSubject, training_subject

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = [
    "Recipe",
    "ShapeFile",
    "SubjectFiles",
    "SubjectImages",
    "UnlabelledFiles",
    "load_recipe",
    "read_shapes",
    "read_subject",
    "read_unlabelled",
]

_FRAME = ("L", "P", "S")

#: slices of a label map nearer than this to the last one show the same shape again
_SHAPE_STEP_MM = 4.0


@dataclass(frozen=True)
class SubjectFiles:
    """Files of a labelled Dixon pair, relative to the data folder."""

    name: str
    water: str
    fat: str
    labels: str


@dataclass(frozen=True)
class ShapeFile:
    """A label map without an image, relative to the data folder.

    Attributes
    ----------
    labels : str
        The file.
    values : dict of int to int
        Its values of ES right, MF right, MF left and ES left → 1 … 4; others are left out.
    """

    labels: str
    values: dict[int, int]


@dataclass(frozen=True)
class UnlabelledFiles:
    """Water images of other people, which the starting model labels.

    Attributes
    ----------
    images : str
        Pattern of the files' names, in any of the data folders.
    without : tuple of str
        Beginnings of names to leave out: who may be a labelled subject under another name.
    """

    images: str
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a model, beside the data themselves.

    Attributes
    ----------
    name, version, citation, licence, description : str
        Written into the model.
    subjects : tuple of SubjectFiles
    config : CompactConfig
    shapes : tuple of ShapeFile
        Muscles of other people, which the subjects are bent to.
    unlabelled : UnlabelledFiles, optional
        Needs a model to start from.
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
            shapes=tuple(ShapeFile(**shape) for shape in values.get("shapes", ())),
            unlabelled=_unlabelled(values.get("unlabelled")),
        )
    except OSError as error:
        raise FileFormatError(f"cannot be read: {error.strerror}", where=path) from error
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise InputError(
            f"this is no recipe ({error})",
            where=path,
            hint="See recipes/compact.yaml of the source repository for the entries it needs",
        ) from error


def read_subject(files: SubjectFiles, folders: Sequence[Path]) -> SubjectImages:
    """Read a subject from the first folder that holds each file.

    Fat and labels are taken on the water image's grid.

    Raises
    ------
    LpmError
        Whatever is wrong with a file.
    InputError
        If the three differ in shape.
    """
    water = read_image(_found(files.water, folders)).volume
    fat = read_image(_found(files.fat, folders)).volume
    labels = read_label_map(_found(files.labels, folders))
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


def read_shapes(file: ShapeFile, folders: Sequence[Path]) -> torch.Tensor:
    """Read the shapes of a label map, every few millimetres, from the first folder that holds it.

    Raises
    ------
    LpmError
        Whatever is wrong with the file.
    InputError
        If no slice holds all four muscles.
    """
    path = _found(file.labels, folders)
    volume = reorient(read_image(path).volume, _FRAME)
    labels = np.zeros(volume.shape, dtype=np.uint8)
    for value, label in file.values.items():
        labels[np.asarray(volume.array) == value] = label
    step = max(1, round(_SHAPE_STEP_MM / volume.spacing_mm[2]))
    shapes = shapes_of(torch.from_numpy(labels.T[::step].copy()), volume.spacing_mm[0])
    if len(shapes) == 0:
        raise InputError(
            "no slice holds all four muscles",
            where=path,
            hint="Check the recipe's 'values': the file's value of each muscle → 1 … 4",
        )
    return shapes


def read_unlabelled(files: UnlabelledFiles, folders: Sequence[Path]) -> dict[str, Volume]:
    """Read the water images that a pattern names, by file name.

    Raises
    ------
    LpmError
        Whatever is wrong with a file.
    InputError
        If there is none.
    """
    paths = {path.name: path for folder in folders for path in sorted(folder.glob(files.images))}
    kept = [path for name, path in paths.items() if not name.startswith(files.without)]
    if not kept:
        raise InputError(
            f"no unlabelled image is called {files.images}",
            where=folders[-1],
            hint="Give the folder that holds them with another --data",
        )
    return {path.name: read_image(path).volume for path in kept}


def _unlabelled(values: dict[str, Any] | None) -> UnlabelledFiles | None:
    if values is None:
        return None
    return UnlabelledFiles(values["images"], tuple(values.get("without", ())))


def _found(name: str, folders: Sequence[Path]) -> Path:
    """Return the file in the first folder that holds it; where none does, where it should be."""
    paths = [folder / name for folder in folders]
    return next((path for path in paths if path.exists()), paths[0])
