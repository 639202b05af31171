"""How often a sagittal series of another person is recognised by the discs of the axial stack.

An axial stack of 4 mm slices is made from each sagittal volume of DATA, and its discs are compared
with those of its own series and of all others: as their headers place them, with the centres of
both spines aligned, and aligned except for a random offset (standard deviation 10 mm
anterior–posterior, 20 mm superior–inferior). The table gives the share of the series that a run
would refuse.

    python benchmarks/levels_consistency.py DATA [--every 3]
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from common import argument_parser, print_table
from lpm_segmentator.core import Geometry, InputError, reorient, resample
from lpm_segmentator.io import read_image
from lpm_segmentator.levels import (
    APART_MM,
    Levels,
    discs_apart_mm,
    embedded_level_model,
    find_levels,
)

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Person:
    """The discs detected in a series and in the stack made from it."""

    name: str
    series: Levels
    stack: Levels
    series_grid: Geometry
    stack_grid: Geometry


def detected(path: Path) -> Person | None:
    """Return the discs of a volume; None if none are detected in the series or the stack."""
    volume = read_image(path).volume
    turned = reorient(volume, "LAS")
    x, y, _ = turned.spacing_mm
    stack = resample(turned, turned.geometry.with_spacing((x, y, 4.0)), order=1, antialias=True)
    model = embedded_level_model()
    try:
        series, own = find_levels(volume, model), find_levels(stack, model)
    except InputError:
        return None
    return Person(path.name, series, own, volume.geometry, stack.geometry)


def centre(levels: Levels) -> Vector:
    """Return the mean of the disc centres."""
    return np.mean([disc.centre_mm for disc in levels.discs], axis=0)


def moved(levels: Levels, by: Vector) -> Levels:
    """Return the discs moved by an offset in mm."""
    discs = (replace(d, centre_mm=tuple(np.add(d.centre_mm, by))) for d in levels.discs)
    return replace(levels, discs=tuple(discs))


def refused(pairs: list[tuple[Levels, Levels]]) -> str:
    """Return the share of the pairs of stack and series that a run would refuse."""
    apart = np.array([discs_apart_mm(stack, series) for stack, series in pairs])
    return f"{100 * float((apart > APART_MM).mean()):.1f} % of {len(apart)}"


def main() -> None:
    """Detect, compare, print."""
    parser = argument_parser(__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--every", type=int, default=1, help="use every n-th volume")
    given = parser.parse_args()
    paths = sorted(given.data.glob("*_image.nii.gz"))[:: given.every]
    people = [person for path in paths if (person := detected(path)) is not None]
    print(f"{len(people)} of {len(paths)} volumes have discs in series and stack\n")
    others = [(a, b) for a in people for b in people if a is not b]
    placed = [(a, b) for a, b in others if min(a.stack_grid.overlap_mm(b.series_grid)) > 0]
    aligned = [(a.stack, moved(b.series, centre(a.stack) - centre(b.series))) for a, b in others]
    rng = np.random.default_rng(0)
    offset = [(a, moved(b, rng.normal(0, (0, 10, 20)))) for a, b in aligned]
    kinds = {
        "own": [(p.stack, p.series) for p in people],
        "others, as their headers place them": [(a.stack, b.series) for a, b in placed],
        "others, aligned": aligned,
        "others, aligned except for an offset": offset,
    }
    print_table(["series", "refused"], ([name, refused(pairs)] for name, pairs in kinds.items()))


if __name__ == "__main__":
    main()
