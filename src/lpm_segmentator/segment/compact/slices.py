"""Slices of an image as the network takes them: orientation, scale and context."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core import GeometryError, Remedy, Volume, axial_slices

if TYPE_CHECKING:
    from lpm_segmentator.segment.compact.network import CompactSpec

__all__ = ["check_axial", "context_slices", "image_slices", "normalise"]

FloatArray = npt.NDArray[np.float32]

#: in closely spaced stacks the context is taken at this distance, as in training
_CONTEXT_MM = 4.0


def check_axial(volume: Volume) -> None:
    """Check that an image has axial slices.

    Raises
    ------
    GeometryError
        If they are sagittal or coronal.
    """
    if not volume.geometry.is_axial:
        codes = "".join(volume.geometry.axis_codes)
        spacing = " x ".join(f"{s:.3g}" for s in volume.spacing_mm)
        raise GeometryError(
            f"the slices are not axial (axes {codes}, spacing {spacing} mm)",
            hint="The muscles are segmented on axial slices: use the axial series. A sagittal "
            f"series can locate the discs ({Remedy.SAGITTAL})",
        )


def image_slices(volume: Volume) -> FloatArray:
    """Return the axial slices of an image, with the lowest intensity at or above 0 (air).

    Returns
    -------
    ndarray of float32, shape (slices, rows, columns)
        In radiological display (`core.axial_slices`).
    """
    slices = np.array(axial_slices(volume), dtype=np.float32, order="C")
    slices -= min(0.0, float(slices.min()))
    return slices


def normalise(image: FloatArray) -> FloatArray:
    """Scale an image so that the 95th percentile of the body is 1.

    The body is what lies above half the mean of the image. Training does the same in torch; the
    two must stay equal (a test compares them).

    Parameters
    ----------
    image : ndarray of float32
        Of any shape: a slice with its context.

    Returns
    -------
    ndarray of float32
        Of the same shape, clipped to −0.5–3.
    """
    body = image[image > 0.5 * image.mean()]
    if body.size == 0:
        return image
    rank = min(body.size - 1, int(0.95 * body.size))
    top = max(float(np.partition(body, rank)[rank]), 1e-6)
    scaled: FloatArray = np.clip(image / np.float32(top), -0.5, 3.0)
    return scaled


def context_slices(index: int, count: int, slice_spacing_mm: float, spec: CompactSpec) -> list[int]:
    """Return the slices that the network takes for one slice: itself and its neighbours.

    Parameters
    ----------
    index : int
        The slice.
    count : int
        Number of slices in the stack.
    slice_spacing_mm : float
    spec : CompactSpec
        Gives the number of neighbours on each side.

    Returns
    -------
    list of int
        ``2 * spec.context + 1`` indices; beyond either end the last slice is repeated.
    """
    step = max(1, round(_CONTEXT_MM / slice_spacing_mm))
    offsets = range(-spec.context, spec.context + 1)
    return [min(max(index + step * offset, 0), count - 1) for offset in offsets]
