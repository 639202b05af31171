"""How well intensity-based fat follows the Dixon fat ratio.

Usage: ``python benchmarks/intensity_fat.py FOLDER [--clipped SHARE]``

FOLDER holds Dixon pairs and manual label maps as published (``TUM01_fat_img…``,
``TUM01_water_img…``, ``TUM01_fat_manual_label…``). T1w-like and T2w-like images are made from each
pair: the share of fat of every voxel gives its intensity, multiplied by a smooth bias field of
±25 %, with noise of 2 % added. Fat is added to the muscles in five grades. Each image goes through
bias correction and all methods, and is measured in four vertebral levels and four muscles. Printed
are, for all these values, the correlation with the fat ratio of the (infiltrated) pair, the mean
difference from it, and the limits of agreement, in percentage points; then the same against the
share of fat that the image was made from. With ``--clipped 0.3`` the dark end of each image is
clipped, so that this share of the muscle voxels holds its lowest value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from common import argument_parser, print_table, published_pairs
from lpm_segmentator.core import Disc, DixonPair, LabelMap, Volume
from lpm_segmentator.core.regions import SliceLevels
from lpm_segmentator.measure import (
    CATALOGUE,
    Catalogue,
    IntensityMethod,
    intensity_fat,
    measure_case,
)

Array = npt.NDArray[np.float64]

#: Intensity of muscle and of fat.
CONTRASTS = {"T1w-like": (36.0, 100.0), "T2w-like": (13.0, 75.0)}
#: Share of the muscle's voxels that fat is added to.
GRADES = (0.0, 0.15, 0.3, 0.5, 0.7)
#: Signal of fat over that of muscle water on these pairs.
FAT_GAIN = 2.7
#: Below this share of the muscle's signal a voxel is air.
_AIR = 0.25
#: Without the intervals, which take most of the time.
MEANS = Catalogue(
    tuple(q for q in CATALOGUE.measures if not {"low", "high"} & set(q.name.split("_"))), ()
)
MAPS = tuple(f"{method}_{kind}" for method in IntensityMethod for kind in ("soft", "hard"))


@dataclass(frozen=True)
class Value:
    """One muscle and level of one image: fat by the pair, as made, and by each map."""

    contrast: str
    dixon: float
    made: float
    maps: dict[str, float]


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
    """Return an image of these shares as a sequence would show it, with bias field and noise."""
    muscle, fat = CONTRASTS[contrast]
    rng = np.random.default_rng(seed)
    x, y, z = (np.linspace(-1, 1, n) for n in share.shape)
    field = np.sin(1.3 * x + rng.uniform(0, 3))[:, None, None] * np.cos(
        1.1 * y + rng.uniform(0, 3)
    )[None, :, None] + 0.3 * np.sin(z)
    bias = 1 + 0.25 * field / np.abs(field).max()
    clean = tissue * (muscle + (fat - muscle) * share) * bias
    return np.abs(clean + rng.normal(0, 0.02 * fat, share.shape))


def clipped(image: Array, labels: LabelMap, share: float) -> Array:
    """Clip the dark end, so that a share of the muscle voxels is 0."""
    if share == 0:
        return image
    return np.maximum(image - np.quantile(image[labels.foreground], share), 0.0)


def even_levels(n_slices: int) -> SliceLevels:
    """Spread the five discs evenly over a stack from L5-S1 to L1-L2."""
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
        truth = measure_case(labels, pair=more, levels=levels, catalogue=MEANS).rows
        given = measure_case(labels, pair=made, levels=levels, catalogue=MEANS).rows
        for contrast in CONTRASTS:
            shown = clipped(compose(share, tissue, contrast, seed + number), labels, cut)
            image = Volume(shown, labels.affine)
            measured = measure_case(
                labels,
                intensity=intensity_fat(image, labels),
                levels=levels,
                catalogue=MEANS,
            ).rows
            for row, dixon, share_row in zip(measured, truth, given, strict=True):
                if row.level_kind == "vertebra" and row.side != "both" and "+" not in row.muscle:
                    maps = {name: row[f"fat_{name}"] for name in MAPS}
                    yield Value(contrast, dixon["fat_ratio"], share_row["fat_ratio"], maps)


def agreement(measured: Array, truth: Array) -> tuple[float, float, float]:
    """Return correlation, and mean and limits of the differences in percentage points."""
    difference = 100 * (measured - truth)
    r = float(np.corrcoef(measured, truth)[0, 1])
    return r, float(difference.mean()), float(1.96 * difference.std(ddof=1))


def table(
    values: Iterable[Value], against: str = "dixon"
) -> list[tuple[str, str, float, float, float, int]]:
    """Return contrast, map, correlation, bias, half-width of the limits, and number of values.

    Values of images that a method refused are left out.
    """
    values = list(values)
    rows = []
    for contrast in CONTRASTS:
        chosen = [v for v in values if v.contrast == contrast]
        truth = np.array([getattr(v, against) for v in chosen])
        for name in MAPS:
            measured = np.array([v.maps[name] for v in chosen])
            known = np.isfinite(measured)
            n = int(known.sum())
            rows.append((contrast, name, *agreement(measured[known], truth[known]), n))
    return rows


def main() -> None:
    """Make the images, measure them, print the tables."""
    parser = argument_parser(__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clipped", type=float, default=0.0, metavar="SHARE")
    given = parser.parse_args()
    values = [
        value
        for number, case in enumerate(published_pairs(given.folder))
        for value in values_of(case.labels, case.pair, seed=100 * number, cut=given.clipped)
    ]
    ratios = [v.dixon for v in values]
    each = len(values) // len(CONTRASTS)
    print(f"{each} values per image type, fat ratio {min(ratios):.2f} to {max(ratios):.2f}")
    for against, title in (("dixon", "Dixon fat ratio"), ("made", "share of fat made")):
        print(f"\nagainst the {title}\n")
        print_table(
            ["image", "map", "r", "bias", "limits", "n"],
            (
                [contrast, f"`{name}`", f"{r:.3f}", f"{bias:+.1f}", f"±{limits:.1f}", n]
                for contrast, name, r, bias, limits, n in table(values, against)
            ),
        )


if __name__ == "__main__":
    main()
