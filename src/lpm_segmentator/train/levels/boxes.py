"""Mid-sagittal slices on which each disc has a box: training data of single planes.

A box gives the middle of a disc, not its inclination. The inclination is that of the line through
the neighbouring discs; at L5-S1, where the line ends, the box is as high as the disc is inclined.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from lpm_segmentator.core import Disc, FileFormatError, InputError, Volume
from lpm_segmentator.levels.planes import sagittal_planes
from lpm_segmentator.levels.vertebrae import Plane
from lpm_segmentator.train.levels.subjects import BODY, LevelSubject, heat_maps

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["BOXED", "TABLE", "read_boxed_subjects", "slice_volume"]

#: last part of the names of these subjects
BOXED = "boxed"
#: the table of the boxes, in the folder that holds the folder ``images``
TABLE = "discs.csv"
#: thickness that is stated for a slice
_SLICE_MM = 4.0
#: half the height of a disc, and its depth from front to back
_HALF_HEIGHT_MM, _DEPTH_MM = 4.0, 36.0
#: steepest L5-S1 that is assumed
_STEEPEST_DEG = 55.0


def read_boxed_subjects(folder: Path, spacing_mm: float) -> list[LevelSubject]:
    """Read all slices of a folder on which L1-L2 … L5-S1 have boxes.

    Parameters
    ----------
    folder : Path
        Holds ``discs.csv`` with the columns ``image``, ``patient``, ``level``, ``x``, ``y``,
        ``width`` and ``height`` (pixels; x to posterior, y to inferior, of the middle of a box),
        and ``images/IMAGE.png``.
    spacing_mm : float
        Of the pixels.

    Raises
    ------
    InputError
        If no slice has all boxes.
    FileFormatError
        If the table lacks a column or an image is missing.
    """
    images: dict[str, list[dict[str, str]]] = {}
    path = folder / TABLE
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            missing = {"image", "patient", "level", "x", "y", "width", "height"} - row.keys()
            if missing:
                raise FileFormatError(f"lacks columns: {', '.join(sorted(missing))}", where=path)
            images.setdefault(row["image"], []).append(row)
    names = {str(disc) for disc in Disc}
    subjects = [
        _subject(folder / "images" / f"{image}.png", rows, spacing_mm)
        for image, rows in images.items()
        if names <= {row["level"] for row in rows}
    ]
    if not subjects:
        raise InputError("no slice has a box for each disc from L1-L2 to L5-S1", where=path)
    return subjects


def slice_volume(pixels: npt.NDArray[np.number], spacing_mm: float) -> Volume:
    """Return a sagittal slice, rows to inferior and columns to posterior, as a volume."""
    affine = np.zeros((4, 4))
    affine[0, 0], affine[2, 1], affine[1, 2], affine[3, 3] = _SLICE_MM, -spacing_mm, -spacing_mm, 1
    return Volume(np.asarray(pixels, np.float32)[None], affine)


def _subject(path: Path, rows: list[dict[str, str]], spacing_mm: float) -> LevelSubject:
    volume = slice_volume(_pixels(path), spacing_mm)
    boxes = {
        row["level"]: spacing_mm * np.array([float(row[k]) for k in ("x", "y", "width", "height")])
        for row in rows
    }
    discs = _planes(boxes)
    planes = sagittal_planes(volume)
    points = planes.geometry.voxel_to_world(np.moveaxis(np.indices(planes.geometry.shape), 0, -1))
    targets = heat_maps(points, discs)
    targets[BODY] = np.nan
    return LevelSubject(
        f"{path.stem}_{BOXED}",
        f"{rows[0]['patient']}_{BOXED}",
        volume,
        discs,
        torch.from_numpy(planes.array),
        planes.geometry,
        torch.from_numpy(np.moveaxis(targets, 0, 1).copy()),
    )


def _pixels(path: Path) -> npt.NDArray[np.float32]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("F"), np.float32)
    except (OSError, UnidentifiedImageError) as error:
        raise FileFormatError("is not a readable image", where=path) from error


def _planes(boxes: dict[str, npt.NDArray[np.float64]]) -> dict[str, Plane]:
    """Return the discs of boxes (x, y, width, height; mm) in the world of `slice_volume`."""
    ordered = sorted(boxes.items(), key=lambda item: float(item[1][1]))
    centres = np.array([[0.0, -box[0], -box[1]] for _, box in ordered])
    along = -np.gradient(centres, axis=0)  # to the head
    normals = along / np.linalg.norm(along, axis=1, keepdims=True)
    normals[-1] = _lowest_normal(ordered[-1][1])
    found = {
        name: Plane(centre, normal)
        for (name, _), centre, normal in zip(ordered, centres, normals, strict=True)
    }
    # As in a map of vertebrae: the upper endplate of the highest vertebra, below the highest disc.
    found["top"] = Plane(centres[0] - _HALF_HEIGHT_MM * normals[0], normals[0])
    return found


def _lowest_normal(box: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the normal of L5-S1: its front is lower by the height of the box less the disc's."""
    rise = max(0.0, float(box[3]) - 2 * _HALF_HEIGHT_MM)
    tilt = np.radians(min(_STEEPEST_DEG, float(np.degrees(np.arctan2(rise, _DEPTH_MM)))))
    return np.array([0.0, np.sin(tilt), np.cos(tilt)])
