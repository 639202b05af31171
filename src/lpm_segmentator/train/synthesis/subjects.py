"""Labelled Dixon pairs as tensors in one frame.

Slices run from inferior to superior, rows to posterior, columns to the left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import ndimage

from lpm_segmentator.core import InputError
from lpm_segmentator.samples.phantom import make_phantom

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lpm_segmentator.train.synthesis.warps import Warps

__all__ = ["TrainingSubject", "local_mean", "mixed", "phantom_subjects", "training_subject"]

#: standard deviation of the smoothing that estimates coil shading
_SHADING_MM = 25.0


@dataclass(frozen=True)
class TrainingSubject:
    """One labelled Dixon pair, ready to draw from.

    Attributes
    ----------
    name : str
        The case.
    water, fat : torch.Tensor
        ``(s, h, w)``; 1 is the 99th percentile of water + fat within the body.
    water_flat, fat_flat : torch.Tensor
        The same without the coil shading.
    labels : torch.Tensor
        ``(s, h, w)``, uint8, values 0 … 4.
    spacing_mm : float
        In-plane spacing.
    centre_px : torch.Tensor
        ``(s, 2)``: row and column of the centroid of the muscles in each slice.
    weight : float
        How often to draw from this subject, relative to the others.
    warps : Warps, optional
        Displacements onto the muscle shapes of other subjects.
    whole : bool
        Whether the image shows the muscles in their full width; if not, no pelvis is drawn.
    """

    name: str
    water: torch.Tensor
    fat: torch.Tensor
    water_flat: torch.Tensor
    fat_flat: torch.Tensor
    labels: torch.Tensor
    spacing_mm: float
    centre_px: torch.Tensor
    weight: float = 1.0
    warps: Warps | None = None
    whole: bool = True

    def weighted(self, weight: float) -> TrainingSubject:
        """Return this subject with another weight."""
        return replace(self, weight=weight)

    def with_warps(self, warps: Warps) -> TrainingSubject:
        """Return this subject with displacements onto the muscle shapes of other subjects."""
        return replace(self, warps=warps)

    def truncated(self) -> TrainingSubject:
        """Return this subject marked as one whose field of view ends within the muscles."""
        return replace(self, whole=False)


def training_subject(
    name: str,
    water: NDArray[np.floating],
    fat: NDArray[np.floating],
    labels: NDArray[np.integer],
    spacing_mm: float,
) -> TrainingSubject:
    """Return a subject from arrays in the frame of this module.

    Parameters
    ----------
    name : str
        The case.
    water, fat : ndarray, shape (s, h, w)
        The images, in any unit.
    labels : ndarray of int, shape (s, h, w)
        Values 0 … 4.
    spacing_mm : float
        In-plane spacing.

    Raises
    ------
    InputError
        If no slice holds a label.
    """
    w, f = (np.asarray(array, dtype=np.float32) for array in (water, fat))
    total = w + f
    body = total > 0.5 * total.mean()
    scale = np.float32(np.percentile(total[body], 99))
    box = _body_box(body | (labels > 0), margin=round(10 / spacing_mm))
    w, f, total = w[box] / scale, f[box] / scale, total[box] / scale
    shading = _shading(total, body[box], spacing_mm)
    marks = np.array(labels[box], dtype=np.uint8)
    if not marks.any():
        raise InputError(
            "the label map has no labelled voxel",
            where=name,
            hint="Use a label map with the values 1 to 4 of the muscles",
        )
    return TrainingSubject(
        name=name,
        water=torch.from_numpy(w),
        fat=torch.from_numpy(f),
        water_flat=torch.from_numpy(w / shading),
        fat_flat=torch.from_numpy(f / shading),
        labels=torch.from_numpy(marks),
        spacing_mm=spacing_mm,
        centre_px=torch.from_numpy(_centres(marks)),
    )


def phantom_subjects(count: int, *, seed: int) -> list[TrainingSubject]:
    """Return synthetic subjects with exact labels; subject ``i`` has the seed ``seed + i``."""
    subjects = []
    for index in range(count):
        phantom = make_phantom(seed=seed + index, shape=(340, 230, 24))
        water, fat, labels = phantom.water.T, phantom.fat.T, phantom.labels.T
        subjects.append(training_subject(f"phantom-{seed + index}", water, fat, labels, 1.0))
    return subjects


def mixed(
    real: Sequence[TrainingSubject], *others: tuple[Sequence[TrainingSubject], float]
) -> list[TrainingSubject]:
    """Return all subjects, weighted so that each other group has its share of the samples.

    Parameters
    ----------
    real : sequence of TrainingSubject
        They share what the other groups leave.
    *others : tuple of sequence of TrainingSubject and float
        A group and its share of the samples; an empty group has none.
    """
    groups = [(group, share) for group, share in others if group and share > 0]
    total = len(real) / (1 - sum(share for _, share in groups))
    return list(real) + [
        subject.weighted(share * total / len(group)) for group, share in groups for subject in group
    ]


def _body_box(body: NDArray[np.bool_], margin: int) -> tuple[slice, slice, slice]:
    """Return the rows and columns that hold the body; less air makes sampling faster."""
    bounds = [slice(None)]
    for axis in (1, 2):
        other = tuple(a for a in range(3) if a != axis)
        # Single bright voxels in the air are not the body: several in a row are required.
        occupied = np.flatnonzero(body.sum(axis=other) > len(body))
        bounds.append(slice(max(0, int(occupied[0]) - margin), int(occupied[-1]) + 1 + margin))
    return bounds[0], bounds[1], bounds[2]


def local_mean(
    image: NDArray[np.float32], mask: NDArray[np.bool_], spacing_mm: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the Gaussian-weighted mean of an image over a mask around each pixel.

    Parameters
    ----------
    image, mask : ndarray, shape (slices, rows, columns)
    spacing_mm : float
        In-plane spacing.

    Returns
    -------
    mean : ndarray of float32, shape (slices, rows, columns)
        Weighted mean; the weight falls off with a standard deviation of 25 mm.
    coverage : ndarray of float32, shape (slices, rows, columns)
        Weighted share of the mask, from 0 to 1; where it is small the mean is unreliable.
    """
    sigma = (0.0, _SHADING_MM / spacing_mm, _SHADING_MM / spacing_mm)
    weight = mask.astype(np.float32)
    coverage = ndimage.gaussian_filter(weight, sigma)
    sums = ndimage.gaussian_filter(image * weight, sigma)
    mean = np.asarray(sums / np.maximum(coverage, 1e-3), dtype=np.float32)
    return mean, coverage


def _shading(
    total: NDArray[np.float32], body: NDArray[np.bool_], spacing_mm: float
) -> NDArray[np.float32]:
    shading, _ = local_mean(total, body, spacing_mm)
    inside: NDArray[np.float32] = np.asarray(shading, dtype=np.float32)
    # Away from the body the estimate is meaningless; the lower limit avoids amplifying air.
    middle = np.float32(np.median(inside[body]))
    return np.asarray(np.maximum(inside / middle, 0.2), dtype=np.float32)


def _centres(labels: NDArray[np.integer]) -> NDArray[np.float32]:
    centres = np.full((len(labels), 2), np.nan, dtype=np.float32)
    for index, plane in enumerate(labels):
        rows, columns = np.nonzero(plane)
        if rows.size:
            centres[index] = rows.mean(), columns.mean()
    labelled = np.flatnonzero(~np.isnan(centres[:, 0]))
    for index in map(int, np.flatnonzero(np.isnan(centres[:, 0]))):
        centres[index] = centres[labelled[np.abs(labelled - index).argmin()]]
    return centres
