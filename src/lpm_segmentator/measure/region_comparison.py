"""What the functions of the accuracy catalogue receive: both masks of one structure and region."""

from __future__ import annotations

from dataclasses import dataclass

from lpm_segmentator.measure.overlap import Overlap
from lpm_segmentator.measure.region_sums import RegionSums
from lpm_segmentator.measure.surface import SurfaceDistances

__all__ = ["RegionComparison"]


@dataclass(frozen=True, eq=False)
class RegionComparison:
    """Reference and prediction of one structure over one region.

    Attributes
    ----------
    counts : Overlap
        Voxels of both, and those they share.
    reference, prediction : RegionSums
        Sums of each over the region.
    distances : SurfaceDistances or None
        None where they are not wanted.
    """

    counts: Overlap
    reference: RegionSums
    prediction: RegionSums
    distances: SurfaceDistances | None

    @property
    def reference_volume_ml(self) -> float:
        """Volume of the reference in mL, also in one slice."""
        return self.counts.reference * self.reference.geometry.voxel_volume_ml

    @property
    def prediction_volume_ml(self) -> float:
        """Volume of the prediction in mL, also in one slice."""
        return self.counts.prediction * self.reference.geometry.voxel_volume_ml

    @property
    def is_segmented(self) -> bool:
        """Whether the reference shows the structure anywhere, in whatever slice."""
        return self.reference.group.dixon.over().voxels > 0

    def reasons(self) -> tuple[str, ...]:
        """Return why quantities are undefined, without repetition."""
        reasons = [self.counts.reason]
        if self.distances is not None:
            reasons.append(self.distances.reason)
        if self.reference.has_pair:
            reasons += [self.reference.fat.reason, self.prediction.fat.reason]
        return tuple(dict.fromkeys(reason for reason in reasons if reason))
