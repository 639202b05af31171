"""What the benchmark scripts share: arguments, images with labels, timing and tables.

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

    from lpm_segmentator.core import DixonPair, LabelMap, Volume

Result = TypeVar("Result")

#: label of voxels that readers left undecided
IGNORED = 255


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
    total = one.sum() + other.sum()
    return float(2 * (one & other).sum() / total) if total else float("nan")


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """An image with its manual label map.

    Attributes
    ----------
    name : str
    image : Volume
    labels : LabelMap
        Voxels with the value 255 in the file are ignored.
    """

    name: str
    image: Volume
    labels: LabelMap


def labelled_images(folder: Path) -> Iterator[LabelledImage]:
    """Yield the images ``X_image.nii.gz`` of a folder with ``X_label.nii.gz``."""
    from lpm_segmentator.io import read_image, read_label_map

    paths = sorted(folder.glob("*_image.nii.gz"))
    if not paths:
        raise SystemExit(f"{folder} has no *_image.nii.gz")
    for path in paths:
        labels = path.with_name(path.name.replace("_image.", "_label."))
        yield LabelledImage(
            path.name.partition("_image.")[0],
            read_image(path).volume,
            read_label_map(labels, ignore=[IGNORED]).labels,
        )


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
