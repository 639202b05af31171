"""How well fat by brightness follows the Dixon fat ratio.

Usage: ``python benchmarks/brightness_fat.py FOLDER [--clipped SHARE]``

FOLDER holds Dixon pairs and manual label maps as published (``TUM01_fat_img…``,
``TUM01_water_img…``, ``TUM01_fat_manual_label…``). Images like T1w and T2w are made from each pair:
the share of fat of every voxel gives its brightness, a smooth field of ±25 % and noise of 2 % are
laid over it. Fat is added to the muscles in five grades. Each image goes through bias correction
and all methods, and is measured in four vertebral levels and four muscles. Printed are, for all
these values, the correlation with the fat ratio of the (infiltrated) pair, the mean difference
from it, and the limits of agreement, in percentage points; then the same against the share of fat
that the image was made from. With ``--clipped 0.3`` the dark end of each image is cut off, so that
this share of the muscle voxels holds its lowest value.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lpm_segmentator.core import Disc, DixonPair, LabelMap, Volume
from lpm_segmentator.io import read_image, read_label_map
from lpm_segmentator.measure import (
    IntensityMethod,
    SliceLevels,
    intensity_fat,
    measure_case,
)

Array = npt.NDArray[np.float64]

#: Brightness of muscle and of fat.
CONTRASTS = {"T1w-like": (36.0, 100.0), "T2w-like": (13.0, 75.0)}
#: Share of the muscle's voxels that fat is added to.
GRADES = (0.0, 0.15, 0.3, 0.5, 0.7)
#: Signal of fat over that of muscle water on these pairs.
FAT_GAIN = 2.7
#: Below this share of the muscle's signal a voxel is air.
_AIR = 0.25
MAPS = tuple(f"{method}_{kind}" for method in IntensityMethod for kind in ("soft", "hard"))


@dataclass(frozen=True)
class Value:
    """One muscle of one level of one image: the pair's fat ratio, the share made, and the maps'."""

    contrast: str
    dixon: float
    made: float
    maps: dict[str, float]


def read_pairs(folder: Path) -> Iterator[tuple[LabelMap, DixonPair]]:
    """Yield labels and pair of each subject; the water images have lost their origin."""
    for path in sorted(folder.glob("*_fat_manual_label*.nii.gz")):
        subject = path.name.split("_", maxsplit=1)[0]
        (water,) = folder.glob(f"{subject}_water_img*.nii.gz")
        (fat,) = folder.glob(f"{subject}_fat_img*.nii.gz")
        bright = read_image(fat).volume
        pair = DixonPair(
            read_image(water).volume.with_grid(read_image(water).volume.array, bright.affine),
            bright,
        )
        yield read_label_map(path), pair


def infiltrated(labels: LabelMap, pair: DixonPair, grade: float, seed: int) -> DixonPair:
    """Return the pair with streaks of fat in a share of the muscles' voxels."""
    rng = np.random.default_rng(seed)
    inside = labels.foreground
    streaks = np.abs(ndimage.gaussian_filter(rng.standard_normal(labels.shape), (3, 4, 0.5)))
    amount = inside & (streaks < np.quantile(streaks[inside], grade))
    # A streak has blurred edges: voxels there are half of each.
    added = 0.9 * inside * ndimage.gaussian_filter(amount.astype(np.float64), (0.7, 0.7, 0))
    water, fat = (np.asarray(v.array, dtype=np.float64) for v in (pair.water, pair.fat))
    return DixonPair(
        Volume(water * (1 - added), labels.affine),
        Volume(fat + FAT_GAIN * added * water, labels.affine),
    )


def fat_share(labels: LabelMap, pair: DixonPair) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Return the share of fat of each voxel, and where there is tissue."""
    water, lipid = pair.water.array, pair.fat.array / FAT_GAIN
    total = water + lipid
    tissue = total > _AIR * np.median(total[labels.foreground])
    return np.where(tissue, lipid / np.maximum(total, 1e-9), 0.0), tissue


def compose(share: Array, tissue: npt.NDArray[np.bool_], contrast: str, seed: int) -> Array:
    """Return an image of these shares as a sequence would show it, unevenly lit and noisy."""
    muscle, fat = CONTRASTS[contrast]
    rng = np.random.default_rng(seed)
    x, y, z = (np.linspace(-1, 1, n) for n in share.shape)
    field = np.sin(1.3 * x + rng.uniform(0, 3))[:, None, None] * np.cos(
        1.1 * y + rng.uniform(0, 3)
    )[None, :, None] + 0.3 * np.sin(z)
    lit = 1 + 0.25 * field / np.abs(field).max()
    clean = tissue * (muscle + (fat - muscle) * share) * lit
    return np.abs(clean + rng.normal(0, 0.02 * fat, share.shape))


def clipped(image: Array, labels: LabelMap, share: float) -> Array:
    """Cut the dark end off, so that a share of the muscle voxels is 0."""
    if share == 0:
        return image
    return np.maximum(image - np.quantile(image[labels.foreground], share), 0.0)


def even_levels(n_slices: int) -> SliceLevels:
    """Lay the five discs evenly over a stack from L5-S1 to L1-L2."""
    places = np.linspace(n_slices - 1, 0, len(Disc)).round().astype(int)
    return SliceLevels(dict(zip(Disc, map(int, places), strict=True)), n_slices)


def values_of(
    labels: LabelMap,
    pair: DixonPair,
    grades: Sequence[float] = GRADES,
    seed: int = 0,
    cut: float = 0.0,
) -> Iterator[Value]:
    """Yield every level and muscle of every image made from one pair."""
    levels = even_levels(labels.shape[labels.slice_axis])
    for number, grade in enumerate(grades):
        more = infiltrated(labels, pair, grade, seed + number)
        share, tissue = fat_share(labels, more)
        made = DixonPair(Volume(1 - share, labels.affine), Volume(share, labels.affine))
        truth = measure_case(labels, pair=more, levels=levels, with_reliability=False).rows
        given = measure_case(labels, pair=made, levels=levels, with_reliability=False).rows
        for contrast in CONTRASTS:
            shown = clipped(compose(share, tissue, contrast, seed + number), labels, cut)
            image = Volume(shown, labels.affine)
            found = measure_case(
                labels,
                brightness=intensity_fat(image, labels),
                levels=levels,
                with_reliability=False,
            ).rows
            for row, dixon, share_row in zip(found, truth, given, strict=True):
                if row.level_kind == "vertebra" and row.side != "both" and "+" not in row.muscle:
                    maps = {name: getattr(row, f"fat_{name}") for name in MAPS}
                    yield Value(contrast, dixon.fat_ratio, share_row.fat_ratio, maps)


def agreement(found: Array, truth: Array) -> tuple[float, float, float]:
    """Return correlation, and mean and limits of the differences in percentage points."""
    difference = 100 * (found - truth)
    r = float(np.corrcoef(found, truth)[0, 1])
    return r, float(difference.mean()), float(1.96 * difference.std(ddof=1))


def table(
    values: Iterable[Value], against: str = "dixon"
) -> list[tuple[str, str, float, float, float, int]]:
    """Return contrast, map, correlation, bias, half the width of the limits, and of how many.

    Values of images that a method refused are left out.
    """
    values = list(values)
    rows = []
    for contrast in CONTRASTS:
        chosen = [v for v in values if v.contrast == contrast]
        truth = np.array([getattr(v, against) for v in chosen])
        for name in MAPS:
            found = np.array([v.maps[name] for v in chosen])
            told = np.isfinite(found)
            rows.append((contrast, name, *agreement(found[told], truth[told]), int(told.sum())))
    return rows


def main() -> None:
    """Make the images, measure them, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clipped", type=float, default=0.0, metavar="SHARE")
    given = parser.parse_args()
    folder = given.folder
    values = [
        value
        for number, (labels, pair) in enumerate(read_pairs(folder))
        for value in values_of(labels, pair, seed=100 * number, cut=given.clipped)
    ]
    if not values:
        raise SystemExit(f"{folder} holds no *_fat_manual_label*.nii.gz")
    ratios = [v.dixon for v in values]
    each = len(values) // len(CONTRASTS)
    print(f"{each} values an image type, fat ratio {min(ratios):.2f} to {max(ratios):.2f}")
    for against, title in (("dixon", "Dixon fat ratio"), ("made", "share of fat made")):
        print(f"\nagainst the {title}\n")
        print("| image | map | r | bias | limits | n |\n|---|---|---|---|---|---|")
        for contrast, name, r, bias, limits, n in table(values, against):
            print(f"| {contrast} | `{name}` | {r:.3f} | {bias:+.1f} | ±{limits:.1f} | {n} |")


if __name__ == "__main__":
    main()
