"""Whether a sagittal series of another person is told by the discs of the axial stack.

An axial stack of 4 mm slices is made from each sagittal volume of DATA, and its discs are compared
with those of the own series and of everybody else's: as the headers place them, with the middles of
both backs laid over each other, and laid so but for a random offset (deviation 10 mm front to back,
20 mm head to foot). Printed is the share that a run would refuse.

    python benchmarks/levels_apart.py DATA [--every 3]
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lpm_segmentator.api.levels import APART_MM
from lpm_segmentator.api.sagittal import overlap
from lpm_segmentator.core import Geometry, InputError, reorient, resample
from lpm_segmentator.io import read_image
from lpm_segmentator.levels import Levels, discs_apart_mm, embedded_level_model, find_levels

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Person:
    """Where the discs of a series and of the stack made from it were found."""

    name: str
    series: Levels
    stack: Levels
    series_grid: Geometry
    stack_grid: Geometry


def found_in(path: Path) -> Person | None:
    """Return the discs of a volume; None where series or stack show none."""
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


def middle(levels: Levels) -> Vector:
    """Return the mean of the discs' middles."""
    return np.mean([disc.centre_mm for disc in levels.discs], axis=0)


def moved(levels: Levels, by: Vector) -> Levels:
    """Return the discs elsewhere."""
    discs = (replace(d, centre_mm=tuple(np.add(d.centre_mm, by))) for d in levels.discs)
    return replace(levels, discs=tuple(discs))


def refused(pairs: list[tuple[Levels, Levels]]) -> str:
    """Return how many pairs of stack and series are told apart."""
    apart = np.array([discs_apart_mm(stack, series) for stack, series in pairs])
    return f"{100 * float((apart > APART_MM).mean()):.1f} % of {len(apart)}"


def main() -> None:
    """Find, compare, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take every n-th volume")
    given = parser.parse_args()
    paths = sorted(given.data.glob("*_image.nii.gz"))[:: given.every]
    people = [person for path in paths if (person := found_in(path)) is not None]
    print(f"{len(people)} of {len(paths)} volumes show discs in series and stack")
    others = [(a, b) for a in people for b in people if a is not b]
    placed = [(a, b) for a, b in others if min(overlap(a.stack_grid, b.series_grid)) > 0]
    laid = [(a.stack, moved(b.series, middle(a.stack) - middle(b.series))) for a, b in others]
    rng = np.random.default_rng(0)
    offset = [(a, moved(b, rng.normal(0, (0, 10, 20)))) for a, b in laid]
    print("\n| series | refused |\n|---|---|")
    for name, pairs in (
        ("own", [(p.stack, p.series) for p in people]),
        ("others', as their headers place them", [(a.stack, b.series) for a, b in placed]),
        ("others', laid over each other", laid),
        ("others', laid so but for an offset", offset),
    ):
        print(f"| {name} | {refused(pairs)} |")


if __name__ == "__main__":
    main()
