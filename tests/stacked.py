"""The phantom in several stacks, and the discs in it: for tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lpm_segmentator.core import Contrast, Disc, Geometry, LabelMap, Source, Volume
from lpm_segmentator.io import write_image
from lpm_segmentator.levels import DiscLocation, GivenLevels, LevelRequest, Levels
from phantoms import SHAPE, phantom

#: half-open ranges of slices of the phantom; the second and third share a slice
PARTS = ((0, 2), (2, 4), (3, 6))
#: the slices of the phantom that show these discs
AT = {Disc.L5_S1: 0, Disc.L4_L5: 1, Disc.L3_L4: 3, Disc.L2_L3: 5}


def geometry() -> Geometry:
    return Geometry(SHAPE, phantom().affine)


def part_of(array: np.ndarray, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """Return some slices of the phantom's grid with their affine."""
    affine = phantom().affine.copy()
    affine[:3, 3] = geometry().voxel_to_world((0, 0, start))
    return np.rint(array[:, :, start:stop]).astype(np.int16), affine


def image_of(start: int, stop: int) -> Volume:
    return Volume(*part_of(phantom().t2w, start, stop), Contrast.T2W)


def mask_of(start: int, stop: int) -> LabelMap:
    return LabelMap(*part_of(phantom().labels, start, stop))


def discs(normal: tuple[float, float, float] = (0.0, 0.0, 1.0)) -> Levels:
    """Discs in the middle of slices of the phantom."""
    middle = [(n - 1) / 2 for n in SHAPE]
    found = []
    for disc, index in sorted(AT.items()):
        x, y, z = (float(v) for v in geometry().voxel_to_world((*middle[:2], index)))
        found.append(DiscLocation(disc, (x, y, z), normal, 1.0))
    return Levels(tuple(found))


def request() -> LevelRequest:
    return LevelRequest(given=GivenLevels(discs(), Source(Path("discs.json"))))


def write_stacks(
    folder: Path, parts: Sequence[tuple[int, int]] = PARTS, name: str = "P1_T2_tra_stack{}"
) -> None:
    """Write ``P1_T2_tra_stack1.nii.gz`` and so on."""
    for number, part in enumerate(parts, start=1):
        write_image(image_of(*part), folder / f"{name.format(number)}.nii.gz")


def write_discs(path: Path, **more: object) -> Path:
    """Write the discs as ``lpm levels`` does, without a grid."""
    content = discs().to_dict(geometry(), case="", image="")
    del content["grid"]
    path.write_text(json.dumps({**content, **more}), encoding="utf-8")
    return path
