"""Image → network input, as nnU-Net prepares it.

Both versions crop to the non-zero box. Version 1 then resamples and normalises, version 2
normalises and resamples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lpm_segmentator.core import InputError, bounding_box
from lpm_segmentator.segment.nnunet.resample import (
    new_shape,
    resize,
    resize_mask,
    separate_axis,
)
from lpm_segmentator.segment.nnunet.spec import ModelSpec, Normalization, Resampling

__all__ = ["Prepared", "prepare"]

Float32 = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
_EPS = 1e-8


@dataclass(frozen=True, eq=False)
class Prepared:
    """Network input, and its place in the image. All in the network's axis order.

    Attributes
    ----------
    data : ndarray of float32, shape (1, a, b, c)
    full_shape : tuple of int
        Size of the whole image.
    box : tuple of slice
        The part of it that is not zero, which was kept.
    spacing_mm : tuple of float
        Of the image.
    target_spacing_mm : tuple of float
        Of `data`.
    """

    data: Float32
    full_shape: tuple[int, ...]
    box: tuple[slice, ...]
    spacing_mm: tuple[float, ...]
    target_spacing_mm: tuple[float, ...]

    @property
    def box_shape(self) -> tuple[int, ...]:
        """Size of the kept part, before resampling."""
        return tuple(s.stop - s.start for s in self.box)


def prepare(
    image: npt.NDArray[np.generic], spacing_mm: Sequence[float], spec: ModelSpec
) -> Prepared:
    """Crop, resample and normalise an image.

    Parameters
    ----------
    image : ndarray, shape (z, y, x)
        In ITK's axis order.
    spacing_mm : sequence of float
        In the same order.
    spec : ModelSpec

    Returns
    -------
    Prepared

    Raises
    ------
    InputError
        If the image is zero everywhere.
    """
    order = spec.transpose_forward
    spacing = tuple(float(spacing_mm[a]) for a in order)
    target = tuple(
        own if wanted is None else wanted
        for own, wanted in zip(spacing, spec.spacing_mm, strict=True)
    )
    turned = np.transpose(image, order)
    box = bounding_box(turned)
    if box is None:
        raise InputError("the image is zero everywhere; there is nothing to segment")
    part = turned[box].astype(np.float32)  # a copy
    part[np.isnan(part)] = 0
    norm = spec.normalization[0]
    inside = _inside(part != 0) if norm.use_mask else None
    axis = separate_axis(spacing, target, spec.data_resampling)
    shape = new_shape(part.shape, spacing, target)
    if spec.generation == 1:
        part = _float32(resize(part, shape, spec.data_resampling, axis))
        if inside is not None:
            inside = _resized_mask(inside, shape, spec.data_resampling, axis)
        part = _normalized_v1(part, inside, norm)
    else:
        part = _normalized_v2(part, inside, norm)
        part = _float32(resize(part, shape, spec.data_resampling, axis))
    return Prepared(part[None], turned.shape, box, spacing, target)


def _float32(array: npt.NDArray[np.floating]) -> Float32:
    return np.ascontiguousarray(array, dtype=np.float32)


def _inside(nonzero: BoolArray) -> BoolArray:
    """Fill the holes of the non-zero region (cropped to its box).

    A hole is a connected component of zeros that does not reach a face of the box.
    """
    if nonzero.all():
        return nonzero
    components, count = ndimage.label(~nonzero)
    is_open = np.zeros(count + 1, dtype=bool)
    for axis in range(3):
        for face in (0, -1):
            is_open[np.unique(np.take(components, face, axis=axis))] = True
    is_open[0] = False
    inside: BoolArray = ~is_open[components]
    return inside


def _resized_mask(
    mask: BoolArray, shape: tuple[int, ...], rule: Resampling, axis: int | None
) -> BoolArray:
    if mask.all():
        return np.ones(shape, dtype=bool)
    # The orders that v1's preprocessors use for labels beside these orders for images.
    label_rule = Resampling(
        order=3 if rule.separate_z is False else 1, order_z=1 if rule.order_z > 1 else 0
    )
    return resize_mask(mask, shape, label_rule, axis)


def _normalized_v1(data: Float32, inside: BoolArray | None, norm: Normalization) -> Float32:
    if norm.scheme in ("ct", "ct2"):
        in_range = data[(data > norm.lower) & (data < norm.upper)]
        mean, std = norm.mean, norm.std
        if norm.scheme == "ct2":
            mean, std = float(in_range.mean()), float(in_range.std())
        data = ((np.clip(data, norm.lower, norm.upper) - mean) / std).astype(np.float32)
    elif norm.scheme == "zscore":
        values = data if inside is None else data[inside]
        data = (data - values.mean()) / (values.std() + _EPS)
    if inside is not None and norm.scheme != "none":
        data[~inside] = 0
    return data


def _normalized_v2(data: Float32, inside: BoolArray | None, norm: Normalization) -> Float32:
    if norm.scheme == "ct":
        clipped = np.clip(data, norm.lower, norm.upper)
        return ((clipped - norm.mean) / max(norm.std, _EPS)).astype(np.float32)
    if norm.scheme == "rescale01":
        data -= data.min()
        data /= max(float(data.max()), _EPS)
    elif norm.scheme == "zscore":
        values = data if inside is None else data[inside]
        scaled = (data - values.mean()) / max(values.std(), np.float32(_EPS))
        data = scaled if inside is None else np.where(inside, scaled, data)
    return data.astype(np.float32, copy=False)
