"""Step 3 of the method: keep the largest connected component of each label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from lpm_segmentator.core import bounding_box

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    import cc3d

    array = np.ascontiguousarray(labels.array)
    box = bounding_box(array)
    if box is None:
        return CleanResult(labels, {})
    inner = np.array(array[box])  # cc3d needs a writable buffer
    components = cc3d.connected_components(inner, connectivity=connectivity)
    sizes = np.bincount(components.ravel())
    values = np.zeros(len(sizes), dtype=np.uint8)
    values[components] = inner
    keep = values == 0
    removed: dict[int, int] = {}
    for value in np.unique(values[values > 0]):
        candidates = np.flatnonzero(values == value)
        if int(value) in labels.scheme.ignored:
            keep[candidates] = True
            continue
        largest = _largest(candidates, sizes, components)
        keep[largest] = True
        removed[int(value)] = int(sizes[candidates].sum() - sizes[largest])
    cleaned = np.zeros_like(array)
    cleaned[box] = inner * keep[components]
    return CleanResult(labels.with_array(cleaned), removed)


def _largest(
    candidates: npt.NDArray[np.intp],
    sizes: npt.NDArray[np.intp],
    components: npt.NDArray[np.unsignedinteger],
) -> int:
    """Return the largest component; of several, the one that comes first in the array."""
    largest = candidates[sizes[candidates] == sizes[candidates].max()]
    if len(largest) == 1:
        return int(largest[0])
    return int(components.ravel()[np.isin(components.ravel(), largest).argmax()])
