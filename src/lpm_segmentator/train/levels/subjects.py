"""Labelled sagittal volumes: images, disc planes, heat maps and folds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
import torch

from lpm_segmentator.core import Disc, Geometry, InputError, Volume
from lpm_segmentator.io import read_image, read_voxels
from lpm_segmentator.levels.model import CHANNELS
from lpm_segmentator.levels.planes import sagittal_planes
from lpm_segmentator.levels.vertebrae import NUMBERINGS, Plane, disc_planes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = [
    "ANY_DISC",
    "BODY",
    "KIND_SHARES",
    "LevelSubject",
    "assign_folds",
    "heat_maps",
    "read_level_subject",
    "read_level_subjects",
    "subjects_by_kind",
]

#: standard deviations of a disc's heat map: across the disc, anterior–posterior, left–right
_SIGMA_MM = (2.8, 8.0, 14.0)
#: channel of any disc
ANY_DISC = len(Disc)
#: channel of vertebral bodies
BODY = ANY_DISC + 1
_SUFFIX = "_image.nii.gz"
#: shares of the training samples, by the kind of subject
KIND_SHARES = {"water": 0.3, "spinecho": 0.25, "boxed": 0.45}


class _HasName(Protocol):
    @property
    def name(self) -> str: ...


Named = TypeVar("Named", bound=_HasName)


@dataclass(frozen=True, eq=False)
class LevelSubject:
    """A labelled sagittal volume on the model's grid.

    Attributes
    ----------
    name, group : str
        Base name of the files, and the subject: all scans of a subject are in one fold.
    volume : Volume
        As read.
    discs : dict of str to Plane
        The reference.
    planes : torch.Tensor
        ``(x, h, w)``.
    geometry : Geometry
        Grid of the planes.
    targets : torch.Tensor
        ``(x, channels + 1, h, w)``; the last channel marks where "any disc" and "body" are known.
        "Body" is nan if no vertebrae are labelled.
    """

    name: str
    group: str
    volume: Volume
    discs: dict[str, Plane]
    planes: torch.Tensor
    geometry: Geometry
    targets: torch.Tensor

    @property
    def kind(self) -> str:
        """The last part of the name: ``water``, ``spinecho`` or ``boxed``."""
        return self.name.rpartition("_")[2]

    @property
    def has_bodies(self) -> bool:
        """Whether vertebral bodies are labelled."""
        return not bool(self.targets[:, BODY].isnan().any())


def read_level_subjects(same_person: Mapping[str, str], data: Path) -> list[LevelSubject]:
    """Read all labelled volumes of a folder.

    Parameters
    ----------
    same_person : mapping of str to str
        Scan → another scan of the same subject.
    data : Path
        Folder of ``NAME_image.nii.gz`` and ``NAME_levels.nii.gz``.

    Raises
    ------
    InputError
        If the folder holds none.
    LpmError
        If a file is missing or invalid.
    """
    names = sorted(path.name[: -len(_SUFFIX)] for path in data.glob(f"*{_SUFFIX}"))
    if not names:
        raise InputError(f"the folder has no file *{_SUFFIX}", where=data)
    return [read_level_subject(name, same_person.get(name, name), data) for name in names]


def read_level_subject(name: str, group: str, folder: Path) -> LevelSubject:
    """Read ``NAME_image.nii.gz`` and ``NAME_levels.nii.gz``.

    If the label map has one slice more than the image, its last slice is ignored.

    Raises
    ------
    LpmError
        If a file is missing or invalid.
    """
    volume = read_image(folder / f"{name}{_SUFFIX}").volume
    values, _ = read_voxels(folder / f"{name}_levels.nii.gz")
    array = values.astype(np.uint8)[tuple(slice(n) for n in volume.shape)]
    discs = disc_planes(array, volume.geometry, NUMBERINGS["levels"])
    planes = sagittal_planes(volume)
    bodies = sagittal_planes(volume.with_array(((array > 0) & (array != 6)).astype(np.float32)))
    points = planes.geometry.voxel_to_world(np.moveaxis(np.indices(planes.geometry.shape), 0, -1))
    targets = heat_maps(points, discs)
    targets[BODY] = bodies.array
    return LevelSubject(
        name,
        group,
        volume,
        discs,
        torch.from_numpy(planes.array),
        planes.geometry,
        torch.from_numpy(np.moveaxis(targets, 0, 1).copy()),
    )


def heat_maps(points_mm: Any, discs: dict[str, Plane]) -> Any:
    """Return the target maps of the marking network; the map of vertebral bodies is left empty.

    Parameters
    ----------
    points_mm : ndarray, shape (x, h, w, 3)
        RAS+ world coordinates of the pixels.
    discs : dict of str to Plane

    Returns
    -------
    ndarray of float32, shape (channels + 1, x, h, w)
        Gaussian maps from 0 to 1; the last map is 1 below the top of the highest labelled vertebra.
    """
    maps = np.zeros((CHANNELS + 1, *points_mm.shape[:-1]), np.float32)
    names = [str(disc) for disc in Disc]
    for name, plane in discs.items():
        offset = points_mm - plane.centre_mm
        if name == "top":  # nothing is labelled above the highest labelled vertebra
            maps[CHANNELS] = offset @ plane.normal < 0
            continue
        front = np.cross(plane.normal, (1.0, 0.0, 0.0))
        front /= np.linalg.norm(front)
        parts = [offset @ plane.normal, offset @ front, offset @ np.cross(plane.normal, front)]
        heat = np.exp(-0.5 * sum((part / s) ** 2 for part, s in zip(parts, _SIGMA_MM, strict=True)))
        maps[ANY_DISC] = np.maximum(maps[ANY_DISC], heat)
        if name in names:
            maps[names.index(name)] = heat
    return maps


def subjects_by_kind(subjects: Sequence[Named]) -> dict[str, list[Named]]:
    """Return the subjects, or what has their names, of each kind in `KIND_SHARES`."""
    return {
        kind: found
        for kind in KIND_SHARES
        if (found := [s for s in subjects if s.name.rpartition("_")[2] == kind])
    }


def assign_folds(groups: Sequence[str], folds: int) -> dict[str, int]:
    """Return the fold of each subject, with every kind of image spread evenly over the folds.

    Parameters
    ----------
    groups : sequence of str
        Subjects, as ``NAME_KIND``.
    folds : int

    Examples
    --------
    >>> assign_folds(["a_water", "b_water", "c_spinecho"], 2)
    {'c_spinecho': 0, 'a_water': 0, 'b_water': 1}
    """
    fold_of: dict[str, int] = {}
    for kind in sorted({group.rpartition("_")[2] for group in groups}):
        members = sorted({group for group in groups if group.rpartition("_")[2] == kind})
        fold_of |= {group: index % folds for index, group in enumerate(members)}
    return fold_of
