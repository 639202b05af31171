"""How much of the body a stack covers, and how much of it lies in gaps between the slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lpm_segmentator.core.volume import LabelMap
from lpm_segmentator.measure.checks.words import name_slices

__all__ = ["Coverage", "coverage"]

NAN = float("nan")

#: Distance of slice centres above which volumes are mostly interpolated, in mm.
MOST_SPACING_MM = 12.0


@dataclass(frozen=True)
class Coverage:
    """The slices behind a volume.

    Attributes
    ----------
    slices : tuple of int
        Slices that show any muscle, ascending.
    spacing_mm : float
        Distance between slice centres, perpendicular to the slices.
    thickness_mm : float
        Thickness of a slice; nan if unknown.
    """

    slices: tuple[int, ...]
    spacing_mm: float
    thickness_mm: float = NAN

    @property
    def covered_mm(self) -> float:
        """Length that volumes describe: slices times their distance, gaps included."""
        return len(self.slices) * self.spacing_mm

    @property
    def gap_mm(self) -> float:
        """Gap between neighbouring slices; negative where they overlap, nan if unknown."""
        return self.spacing_mm - self.thickness_mm

    @property
    def missing_slices(self) -> tuple[int, ...]:
        """Slices without any muscle between slices that show one."""
        if not self.slices:
            return ()
        shown = set(self.slices)
        return tuple(n for n in range(self.slices[0], self.slices[-1]) if n not in shown)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The sentences to show."""
        sentences = []
        if self.spacing_mm > MOST_SPACING_MM and len(self.slices) > 1:
            gap = f", with gaps of {self.gap_mm:.1f} mm" if self.gap_mm > 0 else ""
            sentences.append(
                f"slices lie {self.spacing_mm:.1f} mm apart (centre to centre){gap}: volumes "
                "assume that the tissue between them is like the slices"
            )
        if self.missing_slices:
            sentences.append(
                f"no muscle in {name_slices(self.missing_slices)}, though slices above and below "
                "show some: volumes are too small"
            )
        return tuple(sentences)


def coverage(
    labels: LabelMap, *, thickness_mm: float = NAN, slices: Sequence[int] | None = None
) -> Coverage:
    """Return which slices show a muscle, and how far apart they lie.

    Parameters
    ----------
    labels : LabelMap
    thickness_mm : float
        Slice thickness as the scanner reports it; NIfTI files do not hold it.
    slices : sequence of int, optional
        Slices of the region; all by default.
    """
    shown = np.flatnonzero(labels.foreground.any(axis=labels.geometry.in_plane_axes))
    region = set(range(labels.shape[labels.slice_axis])) if slices is None else set(slices)
    return Coverage(
        slices=tuple(int(n) for n in shown if int(n) in region),
        spacing_mm=labels.geometry.slice_spacing_mm,
        thickness_mm=thickness_mm,
    )
