"""What the benchmark scripts share: arguments, Dixon pairs with labels, timing and tables.

Heavy imports are inside the functions, since one script runs in an environment without this
package.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lpm_segmentator.core import DixonPair, LabelMap

Result = TypeVar("Result")


def argument_parser(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser whose help shows a script's docstring."""
    return argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def best_of(call: Callable[[], Result], repeats: int = 1) -> tuple[float, Result]:
    """Return the shortest time of several runs in seconds, and the last result."""
    times = []
    for _ in range(max(1, repeats)):
        started = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - started)
    return min(times), result


def environment() -> str:
    """Return versions, number of cores and load of the machine, in one line."""
    packages = []
    for name in ("lpm-segmentator", "numpy", "scipy", "onnxruntime", "torch"):
        try:
            packages.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"Python {platform.python_version()}, {', '.join(packages)}; {os.cpu_count()} cores{load}"
    )


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a Markdown table, each row as soon as it is known."""
    print(f"| {' | '.join(columns)} |")
    print("|---" * len(columns) + "|", flush=True)
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |", flush=True)


def dice(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    """Return the Dice coefficient of two masks; nan if both are empty."""
    from lpm_segmentator import measure

    return measure.dice(measure.overlap(one, other))


@dataclass(frozen=True, eq=False)
class LabelledPair:
    """A Dixon pair with its manual label map, all on one grid.

    Attributes
    ----------
    name : str
    pair : DixonPair
    labels : LabelMap
    """

    name: str
    pair: DixonPair
    labels: LabelMap


def published_pairs(folder: Path) -> Iterator[LabelledPair]:
    """Yield the Dixon pairs of a folder of MyoSegmenTUM files as LPM_Segmentator publishes them.

    The files are named ``TUM01_water_img…``, ``TUM01_fat_img…`` and ``TUM01_fat_manual_label…``.
    The water images have lost their origin; they are placed on the grid of the fat images.
    """
    from lpm_segmentator.core import DixonPair
    from lpm_segmentator.io import read_image, read_label_map

    paths = sorted(folder.glob("*_fat_manual_label*.nii.gz"))
    if not paths:
        raise SystemExit(f"{folder} has no *_fat_manual_label*.nii.gz")
    for path in paths:
        name = path.name.split("_", maxsplit=1)[0]
        images: dict[str, Any] = {}
        for contrast in ("water", "fat"):
            (image,) = folder.glob(f"{name}_{contrast}_img*.nii.gz")
            images[contrast] = read_image(image).volume
        water = images["water"].with_grid(images["water"].array, images["fat"].affine)
        yield LabelledPair(name, DixonPair(water, images["fat"]), read_label_map(path).labels)
