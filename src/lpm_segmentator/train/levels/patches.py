"""Training samples of the network that names and centres discs: patches near the discs."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from lpm_segmentator.core import Disc
from lpm_segmentator.levels.patches import PATCH_PIXELS, cut_patch, standardise
from lpm_segmentator.train.draw import Draw, blur
from lpm_segmentator.train.levels.acquisition import change_contrast, thick_slices
from lpm_segmentator.train.levels.subjects import ANY_DISC

if TYPE_CHECKING:
    import numpy.typing as npt

    from lpm_segmentator.core import Geometry
    from lpm_segmentator.levels.planes import FloatArray
    from lpm_segmentator.levels.vertebrae import Plane
    from lpm_segmentator.train.levels.subjects import LevelSubject

__all__ = ["Place", "SubjectPatches", "draw_patches", "labelled_places"]

#: distance from L5-S1 to S1-S2, of which a remnant is often visible
_S1_MM = 29.0
#: distance from the upper endplate of the highest labelled vertebra to the disc above it
_HALF_DISC_MM = 4.0
#: distance between neighbouring thoracic discs
_THORACIC_STEP_MM = 29.0


@dataclass(frozen=True, eq=False)
class Place:
    """The position of a disc in an image.

    Attributes
    ----------
    voxel : ndarray, shape (3,)
        Its middle, on the grid of the planes.
    front : ndarray, shape (2,)
        Direction of the disc from posterior to anterior in the sagittal plane, as (rows, columns).
    labelled : bool
        Whether it comes from a label; if not, it is an anatomical estimate.
    """

    voxel: npt.NDArray[np.float64]
    front: npt.NDArray[np.float64]
    labelled: bool


def labelled_places(subject: LevelSubject) -> list[list[Place]]:
    """Return the places of each class: thoracic, L1-L2 … L5-S1, within the sacrum.

    Discs above the highest labelled vertebra and within the sacrum have no labels; those inside the
    image are placed at typical distances.
    """
    discs = subject.discs
    top, last = discs["top"], discs["L5-S1"]
    thoracic = [(plane, 0.0, True) for name, plane in discs.items() if name[0] == "T"]
    thoracic += [(top, _HALF_DISC_MM + count * _THORACIC_STEP_MM, count < 1) for count in range(3)]
    classes = [thoracic, *([(discs[str(disc)], 0.0, True)] for disc in Disc)]
    classes.append([(last, -_S1_MM, False)])
    placed = []
    for planes in classes:
        places = [_place(subject.geometry, *plane) for plane in planes]
        shape = np.array(subject.geometry.shape)
        placed.append([p for p in places if np.all((p.voxel >= 0) & (p.voxel <= shape - 1))])
    return placed


def _place(geometry: Geometry, plane: Plane, above_mm: float, labelled: bool) -> Place:
    rows, columns = (geometry.affine[:3, a] / geometry.spacing_mm[a] for a in (1, 2))
    normal = np.array([plane.normal @ rows, plane.normal @ columns])
    front = np.array([normal[1], -normal[0]]) / np.linalg.norm(normal)
    voxel = geometry.world_to_voxel(plane.centre_mm + above_mm * plane.normal)
    return Place(voxel, front if front[1] < 0 else -front, labelled)


@dataclass(frozen=True, eq=False)
class SubjectPatches:
    """The patches of a subject.

    Attributes
    ----------
    name : str
    patches : ndarray of float16, shape (n, 4, 48, 48)
    classes : ndarray of int, shape (n,)
        See `labelled_places`.
    places : ndarray of float32, shape (n, 4)
        Position of the disc relative to the middle of the patch, to the right, inferior and
        posterior (mm), and the angle by which its anterior end lies lower (radians); nan where
        there is no label.
    """

    name: str
    patches: npt.NDArray[np.float16]
    classes: npt.NDArray[np.int64]
    places: npt.NDArray[np.float32]


def draw_patches(subject: LevelSubject, each: int, *, seed: int) -> SubjectPatches:
    """Return `each` patches of every class that is visible.

    Parameters
    ----------
    subject : LevelSubject
    each : int
    seed : int
        The same seed gives the same patches.
    """
    patches, classes, places = [], [], []
    for kind, points in enumerate(labelled_places(subject)):
        for index in range(each if points else 0):
            draw = Draw(
                (seed * 1_000_003 + index) * 1_009 + zlib.crc32(subject.name.encode()) + kind
            )
            patch, position = _patch(subject, points[draw.integer(len(points))], draw)
            patches.append(patch)
            classes.append(kind)
            places.append(position)
    return SubjectPatches(
        subject.name,
        np.stack(patches).astype(np.float16),
        np.array(classes, np.int64),
        np.stack(places),
    )


def _patch(
    subject: LevelSubject, place: Place, draw: Draw
) -> tuple[FloatArray, npt.NDArray[np.float32]]:
    """Return a patch near a disc, and the position of the disc in it."""
    spacing = np.asarray(subject.geometry.spacing_mm)
    # The network sees a disc twice: up to half a vertebra away, then centred.
    far = 7.0 if draw.chance(0.5) else 3.0
    jitter_mm = np.array([draw.normal(8.0), draw.normal(far), draw.normal(far + 1.0)])
    turn = _turn(draw)
    centre = place.voxel + jitter_mm / spacing
    patch, inside = cut_patch(subject.planes.numpy(), spacing, centre, turn)
    inside &= _field_of_view(draw)
    if patch.max() > 0:
        image = torch.from_numpy(patch)
        if draw.chance(0.3):
            discs, _ = cut_patch(subject.targets[:, ANY_DISC].numpy(), spacing, centre, turn)
            image = _degenerate(image, torch.from_numpy(discs), draw)
        patch = _acquire(change_contrast(image, draw), draw).numpy()
    back = np.linalg.inv(turn)
    _, down, behind = back @ (0.0, *place.front)
    position = np.array([*(back @ -jitter_mm), np.arctan2(down, -behind)], np.float32)
    if not place.labelled:
        position[:] = np.nan
    elif not subject.has_bodies:  # a box does not state an angle
        position[3] = np.nan
    return standardise(patch, inside), position


def _degenerate(image: torch.Tensor, discs: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Return the patch ``(3, h, w)`` with some discs as dark as their surroundings, or darker."""
    around = image[(discs > 0.02) & (discs < 0.2)]
    if around.numel() == 0:
        return image
    selected = torch.sigmoid(6 * (draw.smooth((PATCH_PIXELS, PATCH_PIXELS), (3, 2))[0] + 0.7))
    share = draw.uniform(0.5, 1.0) * (discs * draw.uniform(1.2, 4.0)).clamp(0, 1) * selected
    return image + share * (draw.uniform(0.3, 1.1) * around.mean() - image).clamp_max(0)


def _turn(draw: Draw) -> npt.NDArray[np.float64]:
    """Return a random linear map (3, 3): rotated, scaled, sheared, mirrored left to right."""
    angle, scale = math.radians(draw.normal(12.0)), math.exp(draw.normal(0.1))
    stretch, cos, sin = math.exp(draw.normal(0.05)), math.cos(angle), math.sin(angle)
    side = (-1.0 if draw.chance(0.5) else 1.0) * draw.uniform(0.5, 1.3)
    return np.array(
        [
            [side, draw.normal(0.08), 0.0],  # a laterally inclined spine
            [0.0, cos * scale * stretch, sin * scale],
            [0.0, -sin * scale, cos * scale / stretch],
        ]
    )


def _field_of_view(draw: Draw) -> npt.NDArray[np.bool_]:
    """Return the visible part of a patch when the image ends near the disc."""
    middle, inside = PATCH_PIXELS / 2, np.ones((PATCH_PIXELS, PATCH_PIXELS), bool)
    # The image ends as close to any disc as to L5-S1, so that the edge does not reveal its name.
    if draw.chance(0.55):
        inside[round(middle + draw.uniform(4, 23)) :] = False
    if draw.chance(0.25):
        inside[: round(middle - draw.uniform(5, 23))] = False
    if draw.chance(0.2):
        inside[:, : round(middle - draw.uniform(8, 23))] = False
    if draw.chance(0.2):
        inside[:, round(middle + draw.uniform(8, 23)) :] = False
    return inside


def _acquire(image: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Return the patch ``(3, h, w)`` with coil shading, lower resolution and noise."""
    size = (PATCH_PIXELS, PATCH_PIXELS)
    if draw.chance(0.5):
        image = image * torch.exp(draw.uniform(0, 0.5) * draw.smooth(size, (2, 2))[0])
    if draw.chance(0.3):  # a spine coil
        ramp = torch.arange(PATCH_PIXELS) / PATCH_PIXELS - 0.5
        image = image * torch.exp(draw.uniform(0, 3.0) * ramp)
    if draw.chance(0.4):  # axial slices of 4 mm and thicker
        rows = round(PATCH_PIXELS * 2.75 / draw.uniform(3.0, 7.0))
        image = thick_slices(image, rows)
    if draw.chance(0.2):
        image = blur(image, draw.uniform(0.4, 0.9))
    if draw.chance(0.6):
        level = image.mean().clamp_min(1e-6)
        image = (image + draw.uniform(0, 0.2) * level * draw.noise(image.shape)).abs()
    return image
