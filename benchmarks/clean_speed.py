"""Times the largest component of each label against the published notebook's loop.

Usage: ``python benchmarks/clean_speed.py LABELS.nii.gz``

0.05 % of the voxels get random labels first. The notebook finds components with scipy and copies
the largest one voxel by voxel in Python.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import ndimage

from common import argument_parser, best_of, environment
from lpm_segmentator.io import read_label_map
from lpm_segmentator.segment import keep_largest


def per_component_copy(array: np.ndarray) -> np.ndarray:
    """Copy each component into a mask of its own, voxel by voxel, and keep the largest."""
    cleaned = np.zeros_like(array)
    for value in (1, 2, 3, 4):
        components, count = ndimage.label(array == value)
        best: list[tuple[int, int, int]] = []
        for component in range(1, count + 1):
            voxels = [tuple(v) for v in np.argwhere(components == component)]
            mask = np.zeros_like(array)
            for voxel in voxels:
                mask[voxel] = value
            if len(voxels) > len(best):
                best = voxels
        for voxel in best:
            cleaned[voxel] = value
    return cleaned


def scipy_argmax(array: np.ndarray) -> np.ndarray:
    """Return the largest component by scipy's labelling: the definition."""
    cleaned = np.zeros_like(array)
    for value in (1, 2, 3, 4):
        components, _ = ndimage.label(array == value)
        sizes = np.bincount(components.ravel())
        sizes[0] = 0
        cleaned[components == sizes.argmax()] = value
    return cleaned


def main() -> None:
    """Print the table."""
    parser = argument_parser(__doc__)
    parser.add_argument("labels", type=Path)
    labels = read_label_map(parser.parse_args().labels).labels
    rng = np.random.default_rng(0)
    noisy = labels.array.copy()
    where = rng.random(noisy.shape) < 0.0005
    noisy[where] = rng.integers(1, 5, int(where.sum()))
    dirty = labels.with_array(noisy)
    ours, cleaned = best_of(lambda: keep_largest(dirty).labels.array, 5)
    scipys, truth = best_of(lambda: scipy_argmax(noisy), 1)
    peers, copied = best_of(lambda: per_component_copy(noisy), 1)
    print(environment())
    print(f"same result as scipy.ndimage.label + argmax: {np.array_equal(cleaned, truth)}")
    print(f"same result as the per-component copy:       {np.array_equal(cleaned, copied)}")
    for name, seconds in (("ours", ours), ("scipy + argmax", scipys), ("notebook", peers)):
        print(f"{name:16s} {seconds:9.3f} s   {seconds / ours:9.1f} x")


if __name__ == "__main__":
    main()
