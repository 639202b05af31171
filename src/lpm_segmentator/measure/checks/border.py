"""Muscles that the edge of the image cuts off: their volume, area and asymmetry are not valid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core.boxes import bounding_box
from lpm_segmentator.core.errors import GeometryError
from lpm_segmentator.core.volume import LabelMap, Volume
from lpm_segmentator.measure.checks.words import name_slices

__all__ = ["BorderContact", "border_contact", "slices_without_signal"]

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class BorderContact:
    """A structure that reaches the in-plane edge of the image or of its signal.

    Attributes
    ----------
    structure : str
        E.g. ``"ES_R"``.
    slices : tuple of int
        Slices in which it does, ascending, at least one.
    voxels : int
        Its voxels at the edge or beyond.
    """

    structure: str
    slices: tuple[int, ...]
    voxels: int

    @property
    def warning(self) -> str:
        """The sentence to show."""
        return (
            f"{self.structure} reaches the edge of the image ({name_slices(self.slices)}) and may "
            "be cut off: its volume, area and asymmetry are not valid"
        )


def border_contact(labels: LabelMap, image: Volume | None = None) -> tuple[BorderContact, ...]:
    """Find the structures that touch the in-plane edge of the image or of its signal.

    Rows and columns at the edge of a slice that are zero throughout count as outside: scanners and
    converters pad images with them. The first and the last slice are no edge: every stack ends
    somewhere along the muscles.

    Parameters
    ----------
    labels : LabelMap
    image : Volume, optional
        On the label map's grid; without it the edge is the grid's.

    Returns
    -------
    tuple of BorderContact
        In the order of the label scheme; empty if no structure touches the edge.

    Raises
    ------
    GeometryError
        If the grids differ.
    """
    outside = ~_inside(labels, image)
    contacts = []
    for structure in labels.scheme:
        touching = labels.mask(structure) & outside
        if touching.any():
            shown = touching.any(axis=labels.geometry.in_plane_axes)
            slices = tuple(int(n) for n in np.flatnonzero(shown))
            contacts.append(BorderContact(structure.key, slices, int(np.count_nonzero(touching))))
    return tuple(contacts)


def slices_without_signal(image: Volume) -> tuple[int, ...]:
    """Return the slices that are zero, or not finite, throughout: they show nothing to measure."""
    signal = _signal(image).any(axis=image.geometry.in_plane_axes)
    return tuple(int(n) for n in np.flatnonzero(~signal))


def _signal(image: Volume) -> BoolArray:
    return np.asarray(np.isfinite(image.array) & (image.array != 0), dtype=np.bool_)


def _inside(labels: LabelMap, image: Volume | None) -> BoolArray:
    """Return where a voxel has neighbours on all sides within the signal of its slice."""
    if image is None:
        signal = np.ones(labels.shape, dtype=np.bool_)
    else:
        difference = labels.geometry.describe_difference(image.geometry)
        if difference:
            raise GeometryError(f"the label map and the image lie on different grids: {difference}")
        signal = _signal(image)
    inside = np.zeros(labels.shape, dtype=np.bool_)
    by_slice = (np.moveaxis(array, labels.slice_axis, 0) for array in (inside, signal))
    for target, plane in zip(*by_slice, strict=True):
        if (box := bounding_box(plane)) is not None:
            rows, columns = (slice(s.start + 1, s.stop - 1) for s in box)
            target[rows, columns] = True
    return inside
