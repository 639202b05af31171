"""The files that a recipe names, read into memory."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from lpm_segmentator.core import (
    AXIAL_FRAME,
    Contrast,
    FileFormatError,
    InputError,
    LabelMap,
    Remedy,
    Volume,
    axial_slices,
    reorient,
)
from lpm_segmentator.io import read_image, read_label_map, read_voxels
from lpm_segmentator.train.synthesis.shapes import shapes_of
from lpm_segmentator.train.synthesis.subjects import TrainingSubject, training_subject

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from lpm_segmentator.train.compact.recipe import ShapeFile, SubjectFiles, UnlabelledFiles

__all__ = ["SubjectImages", "read_shapes", "read_subject", "read_unlabelled"]

#: distance between the slices of a label map that are used as shapes: closer ones are alike
_SHAPE_STEP_MM = 4.0


@dataclass(frozen=True, eq=False)
class SubjectImages:
    """A labelled Dixon pair in memory, all on the grid of the water image.

    Attributes
    ----------
    name : str
    water, fat : Volume
        Their contrasts are those that the recipe states.
    labels : LabelMap
    """

    name: str
    water: Volume
    fat: Volume
    labels: LabelMap

    def to_training(self) -> TrainingSubject:
        """Return the subject as tensors to draw from."""
        return training_subject(
            self.name,
            axial_slices(self.water),
            axial_slices(self.fat),
            axial_slices(self.labels),
            reorient(self.water, AXIAL_FRAME).spacing_mm[0],
        )


def read_subject(files: SubjectFiles, folders: Sequence[Path]) -> SubjectImages:
    """Read a labelled pair; fat image and labels are placed on the grid of the water image.

    Parameters
    ----------
    files : SubjectFiles
    folders : sequence of Path
        Each file is read from the first folder that holds it.

    Raises
    ------
    LpmError
        If a file is missing or invalid.
    InputError
        If the three differ in shape.
    """
    water = read_image(_locate(files.water, folders)).volume
    fat = read_image(_locate(files.fat, folders)).volume
    labels = read_label_map(_locate(files.labels, folders)).labels
    if not water.shape == fat.shape == labels.shape:
        raise InputError(
            f"water {water.shape}, fat {fat.shape} and labels {labels.shape} differ in shape",
            where=files.name,
        )
    return SubjectImages(
        files.name,
        replace(water, contrast=Contrast.WATER),
        replace(water, array=fat.array, contrast=Contrast.FAT),
        labels.with_grid(labels.array, water.affine),
    )


def read_shapes(file: ShapeFile, folders: Sequence[Path]) -> torch.Tensor:
    """Read the muscle shapes of a label map, one every 4 mm, or of single slices.

    Parameters
    ----------
    file : ShapeFile
    folders : sequence of Path
        The file is read from the first folder that holds it.

    Returns
    -------
    torch.Tensor
        ``(n, 80, 96)``, uint8, at 2.5 mm, as `shapes_of` returns them.

    Raises
    ------
    LpmError
        If the file is missing or invalid.
    InputError
        If the spacing of an archive is not stated, or no slice holds all four muscles.
    """
    path = _locate(file.labels, folders)
    planes, spacing_mm = (_archived if path.suffix == ".npz" else _stack)(path, file)
    shapes = shapes_of(torch.from_numpy(planes.copy()), spacing_mm)
    if len(shapes) == 0:
        raise InputError(
            "no slice holds all four muscles",
            where=path,
            hint="Check the recipe's 'values': the file's value of each muscle → 1 … 4",
        )
    return shapes


def _stack(path: Path, file: ShapeFile) -> tuple[NDArray[np.uint8], float]:
    """Return the slices of a label map, one every 4 mm, and their in-plane spacing."""
    values, geometry = read_voxels(path)
    turned = reorient(LabelMap(_renumbered(values, file), geometry.affine), AXIAL_FRAME)
    step = max(1, round(_SHAPE_STEP_MM / turned.spacing_mm[2]))
    return turned.array.T[::step], turned.spacing_mm[0]


def _archived(path: Path, file: ShapeFile) -> tuple[NDArray[np.uint8], float]:
    """Return the slices of an archive, ``(n, rows, columns)``, and their in-plane spacing."""
    if file.spacing_mm is None:
        raise InputError(
            "the archive does not state the in-plane spacing of its slices",
            where=path,
            hint="Add 'spacing_mm' to this entry of the recipe's 'shapes'",
        )
    try:
        with np.load(path, allow_pickle=False) as archive:
            labels = archive["labels"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise FileFormatError(
            f"is not an archive of label maps: {error}",
            where=path,
            hint="A NumPy archive with the array 'labels' is expected",
        ) from error
    if labels.ndim != 3:
        raise FileFormatError(
            f"'labels' has {labels.ndim} dimensions; (slices, rows, columns) are expected",
            where=path,
        )
    return _renumbered(labels[:: file.every], file), file.spacing_mm


def _renumbered(values: NDArray[Any], file: ShapeFile) -> NDArray[np.uint8]:
    """Return a file's label values as 1 … 4; others become 0."""
    labels = np.zeros(values.shape, dtype=np.uint8)
    for value, label in file.values.items():
        labels[values == value] = label
    return labels


def read_unlabelled(files: UnlabelledFiles, folders: Sequence[Path]) -> dict[str, Volume]:
    """Read the water images that match a pattern, by file name.

    Parameters
    ----------
    files : UnlabelledFiles
    folders : sequence of Path
        Each image is read from the first folder that holds it.

    Raises
    ------
    LpmError
        If a file is invalid.
    InputError
        If no file matches.
    """
    paths: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.glob(files.images)):
            paths.setdefault(path.name, path)
    kept = [path for name, path in paths.items() if not name.startswith(files.without)]
    if not kept:
        raise InputError(
            f"no unlabelled image matches {files.images}",
            where=folders[-1],
            hint=f"Name the folder that holds them ({Remedy.DATA})",
            remedy=Remedy.DATA,
        )
    return {path.name: read_image(path).volume for path in kept}


def _locate(name: str, folders: Sequence[Path]) -> Path:
    """Return the file in the first folder that holds it; if none does, in the first folder."""
    paths = [folder / name for folder in folders]
    return next((path for path in paths if path.exists()), paths[0])
