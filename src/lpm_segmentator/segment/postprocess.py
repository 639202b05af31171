"""Step 3 of the method: keep the largest connected component of each label."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from lpm_segmentator.core import bounding_box

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from lpm_segmentator.core import LabelMap

__all__ = ["CleanResult", "Connectivity", "keep_largest"]

Connectivity = Literal[6, 18, 26]
"""Neighbours of a voxel: those that share a face; or also an edge; or also a corner."""


@dataclass(frozen=True)
class CleanResult:
    """A cleaned label map and the number of voxels removed.

    Attributes
    ----------
    labels : LabelMap
        The largest component of each label.
    removed_voxels : mapping of int to int
        Number of voxels removed, by label value; labels that are absent are omitted.
    """

    labels: LabelMap
    removed_voxels: Mapping[int, int]

    @property
    def removed_share(self) -> float:
        """Removed voxels as a share of the voxels labelled before; 0 for an empty map."""
        removed = sum(self.removed_voxels.values())
        kept = int(np.count_nonzero(self.labels.array))
        return removed / (removed + kept) if removed else 0.0


def keep_largest(labels: LabelMap, *, connectivity: Connectivity = 6) -> CleanResult:
    """Keep the largest connected component of each label.

    All labels are processed in one pass. Of components of equal size the one whose first voxel
    comes first in the array's order is kept, as with ``scipy.ndimage.label`` and ``argmax``.
    Values that the scheme ignores (such as 255) are not changed.

    Parameters
    ----------
    labels : LabelMap
    connectivity : {6, 18, 26}

    Returns
    -------
    CleanResult

    Raises
    ------
    ValueError
        If the connectivity is none of these.
    """
    if connectivity not in get_args(Connectivity):
        raise ValueError(f"connectivity must be 6, 18 or 26, got {connectivity}")
    box = bounding_box(labels.array)
    if box is None:
        return CleanResult(labels, {})
    inner = labels.array[box]
    voxels = np.flatnonzero(inner)
    components, sizes = _components(inner, voxels, connectivity)
    values = np.zeros(len(sizes), dtype=np.uint8)
    values[components] = inner.ravel()[voxels]
    keep = np.isin(values, list(labels.scheme.ignored))
    removed: dict[int, int] = {}
    for value in np.unique(values[~keep]):
        candidates = np.flatnonzero(values == value)
        # Components are numbered by their first voxels, and argmax returns the first of equals.
        largest = candidates[sizes[candidates].argmax()]
        keep[largest] = True
        removed[int(value)] = int(sizes[candidates].sum() - sizes[largest])
    cleaned = labels.array.copy()
    kept = inner.flatten()
    kept[voxels[~keep[components]]] = 0
    cleaned[box] = kept.reshape(inner.shape)
    return CleanResult(labels.with_array(cleaned), removed)


def _components(
    array: npt.NDArray[np.uint8], voxels: npt.NDArray[np.intp], connectivity: Connectivity
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.intp]]:
    """Return the component of each voxel, and the size of each component.

    All labels at once: neighbours of equal label are the edges of a graph of the voxels.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    number = np.full(array.size, -1, dtype=np.int32)
    number[voxels] = np.arange(len(voxels), dtype=np.int32)
    grid = number.reshape(array.shape)
    edges = [_edges(array, grid, step) for step in _steps(connectivity)]
    one, other = np.concatenate(edges, axis=1)
    graph = coo_array((np.ones(len(one), bool), (one, other)), shape=(len(voxels), len(voxels)))
    _, components = connected_components(graph, directed=False)
    first = np.unique(components, return_index=True)[1]
    rank = np.empty(len(first), dtype=np.int32)
    rank[np.argsort(first)] = np.arange(len(first), dtype=np.int32)
    ordered = rank[components]
    return ordered, np.bincount(ordered)


def _steps(connectivity: Connectivity) -> list[tuple[int, ...]]:
    """Return the steps to the neighbours of a voxel, one of each opposite pair."""
    axes = get_args(Connectivity).index(connectivity) + 1
    steps = product((-1, 0, 1), repeat=3)
    return [step for step in steps if step > (0, 0, 0) and np.count_nonzero(step) <= axes]


def _edges(
    array: npt.NDArray[np.uint8], number: npt.NDArray[np.int32], step: Sequence[int]
) -> npt.NDArray[np.int32]:
    """Return pairs of voxels of equal label that lie one step apart, shape (2, n)."""
    ahead = tuple(slice(max(0, d), n + min(0, d)) for d, n in zip(step, array.shape, strict=True))
    behind = tuple(slice(max(0, -d), n - max(0, d)) for d, n in zip(step, array.shape, strict=True))
    same = (array[ahead] == array[behind]) & (array[ahead] > 0)
    return np.stack([number[behind][same], number[ahead][same]])
