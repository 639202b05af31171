"""Training data of the network that names discs: patches around them, drawn at random."""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from lpm_segmentator.core import Disc
from lpm_segmentator.levels.patches import PATCH_PIXELS, cut_patch, standardise
from lpm_segmentator.train.draw import Draw, blur
from lpm_segmentator.train.levels_data import change_contrast

if TYPE_CHECKING:
    import numpy.typing as npt

    from lpm_segmentator.levels.planes import FloatArray
    from lpm_segmentator.train.levels_data import LevelSubject

__all__ = ["draw_patches", "labelled_places"]

#: S1-S2, of which a remnant is often seen, lies about here below L5-S1
_S1_MM = 29.0
#: from the upper endplate of the highest labelled vertebra to the middle of the disc above it
_HALF_DISC_MM = 4.0
_THORACIC_STEP_MM = 29.0


def labelled_places(subject: LevelSubject) -> list[list[npt.NDArray[np.float64]]]:
    """Return the places in voxels of each class: thoracic, L1-L2 … L5-S1, within the sacrum.

    Discs above the highest labelled vertebra and within the sacrum are not labelled; they are
    placed where anatomy has them, as far as the image reaches.
    """
    discs = subject.discs
    thoracic = [plane.centre_mm for name, plane in discs.items() if name[0] == "T"]
    top = discs["top"]
    thoracic += [
        top.centre_mm + (_HALF_DISC_MM + count * _THORACIC_STEP_MM) * top.normal
        for count in range(3)
    ]
    last = discs["L5-S1"]
    places = [thoracic, *([discs[str(disc)].centre_mm] for disc in Disc)]
    places.append([last.centre_mm - _S1_MM * last.normal])
    found = []
    for points in places:
        voxels = [subject.geometry.world_to_voxel(point) for point in points]
        shape = np.array(subject.geometry.shape)
        found.append([v for v in voxels if np.all((v >= 0) & (v <= shape - 1))])
    return found


def draw_patches(
    subject: LevelSubject, each: int, *, seed: int
) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.int64]]:
    """Return `each` patches of every class that an image shows, and their classes.

    Returns
    -------
    patches : ndarray of float16, shape (n, 4, 48, 48)
    classes : ndarray of int, shape (n,)
        See `labelled_places`.
    """
    patches, classes = [], []
    for kind, points in enumerate(labelled_places(subject)):
        for index in range(each if points else 0):
            draw = Draw(
                (seed * 1_000_003 + index) * 1_009 + zlib.crc32(subject.name.encode()) + kind
            )
            patches.append(_patch(subject, points[draw.integer(len(points))], draw))
            classes.append(kind)
    return np.stack(patches).astype(np.float16), np.array(classes, np.int64)


def _patch(subject: LevelSubject, centre: npt.NDArray[np.float64], draw: Draw) -> FloatArray:
    spacing = np.asarray(subject.geometry.spacing_mm)
    jitter = np.array([draw.normal(7.0), draw.normal(3.0), draw.normal(4.0)]) / spacing
    patch, inside = cut_patch(subject.planes.numpy(), spacing, centre + jitter, _turn(draw))
    inside &= _field_of_view(draw)
    if patch.max() > 0:
        patch = _acquire(change_contrast(torch.from_numpy(patch), draw), draw).numpy()
    return standardise(patch, inside)


def _turn(draw: Draw) -> npt.NDArray[np.float64]:
    """Return a random map of the patch: turned, larger or smaller, sheared, mirrored."""
    angle, scale = math.radians(draw.normal(8.0)), math.exp(draw.normal(0.1))
    stretch, cos, sin = math.exp(draw.normal(0.05)), math.cos(angle), math.sin(angle)
    side = (-1.0 if draw.chance(0.5) else 1.0) * draw.uniform(0.5, 1.3)
    return np.array(
        [
            [side, draw.normal(0.08), 0.0],  # a spine that leans to one side
            [0.0, cos * scale * stretch, sin * scale],
            [0.0, -sin * scale, cos * scale / stretch],
        ]
    )


def _field_of_view(draw: Draw) -> npt.NDArray[np.bool_]:
    """Return what an image that ends near the disc still shows."""
    middle, inside = PATCH_PIXELS / 2, np.ones((PATCH_PIXELS, PATCH_PIXELS), bool)
    # Images end as close below any disc as below L5-S1: the edge must not tell which it is.
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
    """Return the patch ``(3, h, w)`` with shading, lower resolution and noise."""
    size = (PATCH_PIXELS, PATCH_PIXELS)
    if draw.chance(0.5):
        image = image * torch.exp(draw.uniform(0, 0.5) * draw.smooth(size, (2, 2))[0])
    if draw.chance(0.3):  # a coil at the back
        ramp = torch.arange(PATCH_PIXELS) / PATCH_PIXELS - 0.5
        image = image * torch.exp(draw.uniform(0, 3.0) * ramp)
    if draw.chance(0.4):  # axial slices of 4 mm and thicker
        rows = round(PATCH_PIXELS * 2.75 / draw.uniform(3.0, 7.0))
        thin = functional.interpolate(image[None], size=(rows, PATCH_PIXELS), mode="area")
        image = functional.interpolate(thin, size=size, mode="bilinear", align_corners=False)[0]
    if draw.chance(0.2):
        image = blur(image, draw.uniform(0.4, 0.9))
    if draw.chance(0.6):
        level = image.mean().clamp_min(1e-6)
        image = (image + draw.uniform(0, 0.2) * level * draw.noise(image.shape)).abs()
    return image
