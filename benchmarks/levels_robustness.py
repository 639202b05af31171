"""Detection of discs in volumes that are degraded on purpose.

Scores the networks that `lpm train levels … --evaluate` left in OUT on their held-out subjects,
with each volume unchanged and changed: shaded, with dark discs as in degeneration, with a spine
that curves from side to side, with 0.5 mm pixels, with slices of 6 mm, noisy, with inverted
contrast, with a wide empty field of view, with seven slices, rotated by 12 degrees, with a
rudimentary disc between S1 and S2, with voids as of metal. Slices with boxes are scored unchanged
and with the last two.

    python benchmarks/levels_robustness.py OUT DATA… [--fold 0] [--kind dark --kind noisy]
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage, special

from common import argument_parser
from lpm_segmentator.core import Disc, Volume, resample
from lpm_segmentator.levels import load_level_model
from lpm_segmentator.levels.vertebrae import Plane
from lpm_segmentator.train.levels.boxes import TABLE, read_boxed_subjects
from lpm_segmentator.train.levels.evaluation import LevelScore, levels_table, score_volume
from lpm_segmentator.train.levels.recipe import LevelsRecipe, load_levels_recipe
from lpm_segmentator.train.levels.subjects import (
    LevelSubject,
    assign_folds,
    read_level_subjects,
)

FloatArray = npt.NDArray[np.floating]


def array_of(subject: LevelSubject) -> FloatArray:
    """Return the image as float32."""
    return np.asarray(subject.volume.array, dtype=np.float32)


def with_array(subject: LevelSubject, array: FloatArray) -> LevelSubject:
    """Return the subject with another image on the same grid."""
    return dataclasses.replace(subject, volume=subject.volume.with_array(array.astype(np.float32)))


def moved(
    subject: LevelSubject, array: FloatArray, move: Callable[[FloatArray], FloatArray]
) -> LevelSubject:
    """Return the subject with another image, and its discs at the voxels that `move` returns."""
    geometry = subject.volume.geometry
    discs = {
        name: Plane(
            geometry.voxel_to_world(move(geometry.world_to_voxel(plane.centre_mm))), plane.normal
        )
        for name, plane in subject.discs.items()
    }
    return dataclasses.replace(with_array(subject, array), discs=discs)


def shaded(subject: LevelSubject) -> LevelSubject:
    """Brighter to inferior and posterior."""
    array = array_of(subject)
    down, back = (np.indices(array.shape)[a] / array.shape[a] - 0.5 for a in (0, 1))
    return with_array(subject, array * np.exp(1.2 * down + 1.5 * back))


def dark(subject: LevelSubject) -> LevelSubject:
    """Discs as dark as the darkest tissue around them."""
    array, geometry = array_of(subject), subject.volume.geometry
    points = geometry.voxel_to_world(np.moveaxis(np.indices(array.shape), 0, -1))
    for name, plane in subject.discs.items():
        if name == "top":
            continue
        offset = points - plane.centre_mm
        up = offset @ plane.normal
        aside = np.linalg.norm(offset - up[..., None] * plane.normal, axis=-1)
        level = 0.9 * np.percentile(array[(np.abs(up) < 8) & (aside < 18)], 30)
        share = np.exp(-((up / 4.5) ** 4) - (aside / 22) ** 6)
        array = array + share * np.minimum(level - array, 0)
    return with_array(subject, array)


def scoliotic(subject: LevelSubject) -> LevelSubject:
    """Rows shifted to the left and right by up to 16 mm, as in scoliosis."""
    array = array_of(subject)
    rows = np.arange(array.shape[0])
    widest = 16.0 / subject.volume.spacing_mm[2]

    def shift(row: FloatArray) -> FloatArray:
        return widest * np.sin(2 * np.pi * row / len(rows) + 0.5)

    shifted = [
        ndimage.shift(row, (0, by), order=1, mode="nearest")
        for row, by in zip(array, shift(rows.astype(float)), strict=True)
    ]
    return moved(subject, np.stack(shifted), lambda v: v + np.array([0, 0, shift(v[0])]))


def rotated(subject: LevelSubject) -> LevelSubject:
    """Rotated by 12 degrees in the sagittal plane."""
    array, angle = array_of(subject), np.radians(12.0)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = (np.array(array.shape[:2]) - 1) / 2
    slices = [
        ndimage.affine_transform(array[..., k], turn, middle - turn @ middle, order=1)
        for k in range(array.shape[2])
    ]

    def move(voxel: FloatArray) -> FloatArray:
        return np.array([*(turn.T @ (voxel[:2] - middle) + middle), voxel[2]])

    return moved(subject, np.stack(slices, axis=2), move)


def noisy(subject: LevelSubject) -> LevelSubject:
    """With noise of a quarter of the mean signal of the body."""
    array = array_of(subject)
    sigma = 0.25 * array[array > array.mean()].mean()
    return with_array(
        subject, np.abs(array + sigma * np.random.default_rng(1).normal(size=array.shape))
    )


def inverted(subject: LevelSubject) -> LevelSubject:
    """With inverted contrast within the body."""
    array = array_of(subject) / np.percentile(array_of(subject), 99.5)
    return with_array(subject, np.clip(array / 0.12, 0, 1) * (1.1 - np.clip(array, 0, 1)))


def drawn_on(subject: LevelSubject, planes: FloatArray) -> LevelSubject:
    """Return the subject with sagittal planes as its volume."""
    volume = Volume(planes.astype(np.float32), subject.geometry.affine)
    return dataclasses.replace(subject, volume=volume)


def random_of(subject: LevelSubject) -> np.random.Generator:
    """Return random numbers that are always the same for a subject."""
    return np.random.default_rng(zlib.crc32(subject.name.encode()))


def within(distance: FloatArray, limit: float, border: float) -> FloatArray:
    """Return 1 within a limit of 0, and 0 beyond it, with a soft border."""
    share: FloatArray = special.expit((limit - np.abs(distance)) / border)
    return share


def sacral(subject: LevelSubject) -> LevelSubject:
    """With a rudimentary disc between S1 and S2.

    It is 14 to 30 mm deep and 3 to 7 mm high, with about the signal of the other discs and dark
    endplates. The sacrum is inclined further than L5-S1: the disc lies 29 mm below it and 9 mm
    behind its axis.
    """
    random, geometry, lowest = random_of(subject), subject.geometry, subject.discs["L5-S1"]
    planes = subject.planes.numpy()
    back = geometry.affine[:3, 2] / geometry.spacing_mm[2]
    posterior = back - (back @ lowest.normal) * lowest.normal
    posterior /= np.linalg.norm(posterior)
    centre_mm = lowest.centre_mm - random.normal(29, 2) * lowest.normal
    centre_mm = centre_mm + random.normal(9, 2) * posterior
    last = np.array(geometry.shape) - 1
    others = [subject.discs[name].centre_mm for name in ("L2-L3", "L3-L4", "L4-L5")]
    pixels = [np.clip(np.rint(geometry.world_to_voxel(at)), 0, last).astype(int) for at in others]
    signal = random.uniform(0.6, 1.2) * np.median([planes[tuple(at)] for at in pixels])
    offset = geometry.voxel_to_world(np.moveaxis(np.indices(planes.shape), 0, -1)) - centre_mm
    up, front = offset @ lowest.normal, offset @ posterior
    half_depth, half_height = random.uniform(7, 15), random.uniform(1.5, 3.5)
    area = within(front, half_depth, 0.75) * within(offset[..., 0], 20, 1.5)
    plates = within(up, half_height + 1.5, 0.35) * area
    disc = within(up, half_height, 0.35) * area
    return drawn_on(subject, planes * (1 - 0.5 * plates) * (1 - disc) + signal * disc)


def metal(subject: LevelSubject) -> LevelSubject:
    """With one to four voids of 6 to 24 mm near discs, as of implants, bright on one side."""
    random, planes, geometry = random_of(subject), subject.planes.numpy(), subject.geometry
    rows, columns = (np.arange(planes.shape[a]) * geometry.spacing_mm[a] for a in (1, 2))
    for _ in range(random.integers(1, 5)):
        plane = subject.discs[str(random.choice([str(disc) for disc in Disc]))]
        at_mm = geometry.world_to_voxel(plane.centre_mm) * geometry.spacing_mm
        down = (rows - at_mm[1] - random.normal(0, 15))[:, None]
        back = columns - at_mm[2] - random.normal(0, 10)
        distance = np.hypot(down / random.uniform(3, 12), back / random.uniform(3, 12))
        angle = random.uniform(0, 2 * np.pi)
        lit = np.sin(angle) * down + np.cos(angle) * back > 0
        rim = np.exp(-(((distance - 1.15) / 0.12) ** 2)) * lit
        planes = planes * (1 + random.uniform(0.5, 2) * rim)
        planes = planes * (1 - 0.97 * special.expit((1 - distance) / 0.08))
    return drawn_on(subject, planes)


def resampled(subject: LevelSubject, spacing_mm: tuple[float, float, float]) -> LevelSubject:
    """On another grid."""
    volume = subject.volume
    target = volume.geometry.with_spacing(spacing_mm)
    return dataclasses.replace(subject, volume=resample(volume, target, order=1, antialias=True))


def fine(subject: LevelSubject) -> LevelSubject:
    """Pixels of 0.5 mm."""
    return resampled(subject, (0.5, 0.5, subject.volume.spacing_mm[2]))


def thick(subject: LevelSubject) -> LevelSubject:
    """Slices of 6 mm."""
    return resampled(subject, (0.7, 0.7, 6.0))


def wide(subject: LevelSubject) -> LevelSubject:
    """With a wide empty field of view."""
    array = np.pad(array_of(subject), ((60, 60), (60, 60), (0, 0)))
    geometry = subject.volume.geometry.shifted((-60, -60, 0), array.shape)
    return dataclasses.replace(subject, volume=Volume(array, geometry.affine))


def narrow(subject: LevelSubject) -> LevelSubject:
    """With only the seven slices around the spine."""
    geometry, array = subject.volume.geometry, array_of(subject)
    middle = np.median([geometry.world_to_voxel(p.centre_mm)[2] for p in subject.discs.values()])
    start = int(np.clip(round(float(middle)) - 3, 0, array.shape[2] - 7))
    cut = array[..., start : start + 7]
    affine = geometry.shifted((0, 0, start), cut.shape).affine
    return dataclasses.replace(subject, volume=Volume(cut, affine))


KINDS: dict[str, Callable[[LevelSubject], LevelSubject]] = {
    "unchanged": lambda subject: subject,
    **{
        change.__name__: change
        for change in (
            shaded, dark, scoliotic, fine, thick, noisy, inverted, wide, narrow, rotated, sacral,
            metal,
        )
    },
}  # fmt: skip
#: those of slices with boxes
OF_SLICES = ("unchanged", "sacral", "metal")


def read(folder: Path, recipe: LevelsRecipe) -> list[LevelSubject]:
    """Return the volumes of a folder, or its slices with boxes."""
    if (folder / TABLE).exists():
        return read_boxed_subjects(folder, recipe.box_spacing_mm)
    return read_level_subjects(recipe.same_person, folder)


def main() -> None:
    """Score and print."""
    parser = argument_parser(__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--recipe", type=Path, default=Path("recipes/levels.yaml"))
    parser.add_argument("--fold", type=int, action="append")
    parser.add_argument("--kind", choices=list(KINDS), action="append")
    given = parser.parse_args()
    recipe = load_levels_recipe(given.recipe)
    subjects = [subject for folder in given.data for subject in read(folder, recipe)]
    folds = assign_folds([subject.group for subject in subjects], recipe.config.folds)
    scores: list[LevelScore] = []
    for fold in given.fold or range(recipe.config.folds):
        model = load_level_model(given.out / f"fold-{fold}" / "levels.onnx")
        for subject in subjects:
            # Of several scans of a person, one is scored.
            is_other_scan = subject.has_bodies and subject.group != subject.name
            if folds[subject.group] != fold or is_other_scan:
                continue
            for kind in given.kind or KINDS:
                if subject.has_bodies:
                    scores += score_volume(model, KINDS[kind](subject), kind)
                elif kind in OF_SLICES:
                    contrast = subject.name.split("_")[1]
                    scores += score_volume(model, KINDS[kind](subject), f"{contrast}, {kind}")
    print(levels_table(sorted(scores, key=lambda score: score.kind)))


if __name__ == "__main__":
    main()
