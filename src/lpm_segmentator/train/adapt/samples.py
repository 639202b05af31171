"""Training samples of the user's cases: their own images, deformed, mirrored and degraded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from lpm_segmentator.core import AXIAL_FRAME, LabelMap, axial_slices, reorient
from lpm_segmentator.segment import TIGHT_BOUNDARY
from lpm_segmentator.segment.compact import context_slices
from lpm_segmentator.segment.compact.grid import InPlaneGrid
from lpm_segmentator.segment.compact.predictor import default_boundary
from lpm_segmentator.segment.compact.slices import image_slices
from lpm_segmentator.train.labelled import IGNORED
from lpm_segmentator.train.synthesis.acquisition import acquired, draw_field_of_view
from lpm_segmentator.train.synthesis.synthesiser import MIRRORED, mirrored, random_warp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lpm_segmentator.segment.compact import CompactSpec
    from lpm_segmentator.train.adapt.cases import AdaptCase
    from lpm_segmentator.train.adapt.config import AdaptConfig
    from lpm_segmentator.train.draw import Draw

__all__ = ["CaseSample", "CaseSlices", "draw_sample", "slices_of"]


@dataclass(frozen=True, eq=False)
class CaseSlices:
    """The slices of a case on the network's grid, ready to draw from.

    Attributes
    ----------
    images : tuple of torch.Tensor
        One, or water and fat; ``(s, h, w)``, slices from inferior to superior, rows to posterior,
        columns to the left.
    labels : torch.Tensor
        ``(s, h, w)``, uint8, values 0 … 4, and 255 where nothing is learnt.
    labelled : tuple of int
        The slices that hold a muscle; the others are drawn as neighbours only.
    contexts : tuple of tuple of int
        The slices that the network takes for each slice.
    wide : bool
        Whether the predictor uses the wide decision boundary for this case.
    """

    images: tuple[torch.Tensor, ...]
    labels: torch.Tensor
    labelled: tuple[int, ...]
    contexts: tuple[tuple[int, ...], ...]
    wide: bool


@dataclass(frozen=True, eq=False)
class CaseSample:
    """One training sample.

    Attributes
    ----------
    image : torch.Tensor
        ``(2 * context + 1, h, w)``.
    labels : torch.Tensor
        ``(h, w)``, int64, of the middle slice; 255 is ignored.
    wide : bool
        See `CaseSlices`.
    """

    image: torch.Tensor
    labels: torch.Tensor
    wide: bool


def slices_of(case: AdaptCase, spec: CompactSpec) -> CaseSlices:
    """Return the slices of a case, resampled to a network's grid as the predictor does.

    Parameters
    ----------
    case : AdaptCase
    spec : CompactSpec
        Of the network.
    """
    geometry = reorient(case.volumes[0], AXIAL_FRAME).geometry
    columns, rows, count = geometry.shape
    column_mm, row_mm, slice_mm = geometry.spacing_mm
    grid = InPlaneGrid.of((rows, columns), (row_mm, column_mm), spec.spacing_mm)
    volumes = case.volumes if spec.pairs else case.volumes[:1]
    images = tuple(torch.from_numpy(grid.forward(image_slices(v))) for v in volumes)
    labels = _resampled_labels(case.labels, grid)
    labelled = np.isin(labels, case.labels.scheme.values).any(axis=(1, 2))
    return CaseSlices(
        images=images,
        labels=torch.from_numpy(labels),
        labelled=tuple(map(int, np.flatnonzero(labelled))),
        contexts=tuple(tuple(context_slices(i, count, slice_mm, spec)) for i in range(count)),
        wide=default_boundary(case.image) != TIGHT_BOUNDARY,
    )


def _resampled_labels(labels: LabelMap, grid: InPlaneGrid) -> npt.NDArray[np.uint8]:
    """Return the label with the largest share of each pixel of the grid."""
    planes = np.asarray(axial_slices(labels))
    ignored = np.isin(planes, sorted(labels.scheme.ignored))
    values = (0, *labels.scheme.values)
    masks = [*(planes == value for value in values), ignored]
    shares = np.stack([grid.forward(mask.astype(np.float32)) for mask in masks])
    # Beyond the border of the image all shares are 0, and the label is background.
    marks: npt.NDArray[np.uint8] = np.array((*values, IGNORED), np.uint8)[shares.argmax(axis=0)]
    return marks


def draw_sample(
    cases: Sequence[CaseSlices],
    draw: Draw,
    patch: tuple[int, int],
    spacing_mm: float,
    config: AdaptConfig,
) -> CaseSample:
    """Return a random sample of the cases.

    Mirrored samples have their sides swapped, so that sides are never learnt from the user's cases
    other than they are.

    Parameters
    ----------
    cases : sequence of CaseSlices
    draw : Draw
        The random numbers of this sample.
    patch : tuple of int
        Rows and columns.
    spacing_mm : float
        Of the network's grid.
    config : AdaptConfig
    """
    case = cases[draw.integer(len(cases))]
    image = case.images[draw.integer(len(case.images))]
    middle = case.labelled[draw.integer(len(case.labelled))]
    context = case.contexts[middle]
    if draw.chance(config.single_slice):
        context = (middle,) * len(context)
    grid = _grid(case.labels[middle], draw, patch, spacing_mm)
    shown = _warped(image[list(context)], grid)
    marks = _warped_labels(case.labels[middle], grid)
    visible = torch.ones_like(marks, dtype=torch.bool)
    if draw.chance(config.narrow_field):
        visible = draw_field_of_view((marks % IGNORED), spacing_mm, draw)
    shown = acquired(shown, visible, draw, degraded=draw.chance(config.acquisition))
    marks = marks * visible
    if draw.chance(0.5):
        shown, marks = shown.flip(-1), mirrored(marks)
    return CaseSample(shown, marks, case.wide)


def _grid(
    labels: torch.Tensor, draw: Draw, patch: tuple[int, int], spacing_mm: float
) -> torch.Tensor:
    """Return the sampling grid ``(1, h, w, 2)`` of a patch around the muscles of a slice."""
    height, width = patch
    x, y = random_warp(patch, spacing_mm, draw)
    # As in the training of the base: more of what is anterior to the muscles.
    y = y + draw.uniform(-0.375, 0.175) * height
    x = x + draw.normal(0.104) * width
    rows, columns = torch.nonzero((labels > 0) & (labels < IGNORED), as_tuple=True)
    source_h, source_w = labels.shape
    y = (float(rows.float().mean()) + y + 0.5) / source_h * 2 - 1
    x = (float(columns.float().mean()) + x + 0.5) / source_w * 2 - 1
    return torch.stack([x, y], dim=-1)[None]


def _warped(image: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    return functional.grid_sample(image[None], grid, align_corners=False)[0]


def _warped_labels(labels: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """Return the label with the largest share of each pixel."""
    values = torch.tensor([*range(len(MIRRORED)), IGNORED])
    shares = _warped((labels[None] == values[:, None, None]).float(), grid)
    return values[shares.argmax(0)]
