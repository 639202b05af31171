"""What the functions of the catalogue receive: all sums of one group over one region.

Everything is computed on first use and kept, so that a quantity costs what it alone needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from lpm_segmentator.core.geometry import Geometry
from lpm_segmentator.core.regions import Region
from lpm_segmentator.measure.asymmetry import AsymmetryFormula
from lpm_segmentator.measure.fat.dixon import FatMeasure, fat_measure
from lpm_segmentator.measure.sizes import CsaMeasure, csa_measure
from lpm_segmentator.measure.sums import SliceSums, Sums

__all__ = ["GroupSums", "RegionSums"]

NAN = float("nan")

ONE_SIDED = "one side has no voxels of this structure here: no asymmetry"
ONE_SLICE = "one slice has no volume"


@dataclass(frozen=True, eq=False)
class GroupSums:
    """Sums of one group of structures, slice by slice.

    Attributes
    ----------
    dixon : SliceSums
        Voxels, and water and fat where there is a Dixon pair.
    fat_maps : mapping of str to SliceSums
        By each map of intensity-based fat, e.g. ``"gmm3_soft"``; empty without such maps. A share
        of fat f is summed as the pair of water 1 - f and fat f.
    sides : tuple of GroupSums, optional
        The right and the left part of a group of both sides.
    outline : callable, optional
        Returns the sums of the same group with its outline eroded, as given, and dilated; None
        where no intervals are wanted.
    formula : AsymmetryFormula
        How right and left are compared.
    split_reason : str
        Why there is no intensity-based fat though there is an image; empty otherwise.
    """

    dixon: SliceSums
    fat_maps: Mapping[str, SliceSums] = field(default_factory=dict)
    sides: tuple[GroupSums, GroupSums] | None = None
    outline: Callable[[], tuple[GroupSums, ...]] | None = None
    formula: AsymmetryFormula = AsymmetryFormula.MEAN
    split_reason: str = ""
    _regions: dict[Region, RegionSums] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def variants(self) -> tuple[GroupSums, ...]:
        """The group with its outline eroded, as given, and dilated; empty if not wanted."""
        return () if self.outline is None else self.outline()

    def over(self, region: Region) -> RegionSums:
        """Return the sums over a region; the same object each time."""
        if region not in self._regions:
            self._regions[region] = RegionSums(self, region)
        return self._regions[region]


@dataclass(frozen=True, eq=False)
class RegionSums:
    """All sums of one group over one region, as the functions of the catalogue receive them.

    Attributes
    ----------
    group : GroupSums
        The group's sums, slice by slice.
    region : Region
        The slices.
    """

    group: GroupSums
    region: Region

    @property
    def geometry(self) -> Geometry:
        """Grid of the label map."""
        return self.group.dixon.geometry

    @property
    def has_pair(self) -> bool:
        """Whether there is a Dixon pair."""
        return self.group.dixon.has_pair

    @property
    def formula(self) -> AsymmetryFormula:
        """How right and left are compared."""
        return self.group.formula

    @cached_property
    def total(self) -> Sums:
        """Voxels, water and fat of the region together."""
        return self.group.dixon.over(self.region.slices)

    @cached_property
    def fat(self) -> FatMeasure:
        """Fat from the Dixon pair."""
        return fat_measure(self.total)

    @cached_property
    def area(self) -> CsaMeasure:
        """Cross-sectional areas, the functional one from the Dixon pair."""
        return csa_measure(self.group.dixon, self.region.slices)

    @property
    def volume_ml(self) -> float:
        """Volume in mL; nan for one slice."""
        if self.region.is_slice:
            return NAN
        return self.total.voxels * self.geometry.voxel_volume_ml

    def fat_share(self, name: str) -> float:
        """Return the share of fat, 0–1, by a map of intensity-based fat; nan without the map."""
        sums = self.group.fat_maps.get(name)
        return NAN if sums is None else fat_measure(sums.over(self.region.slices)).fat_ratio

    def functional_csa_mm2(self, name: str) -> float:
        """Return the mean functional area in mm² by a map of intensity-based fat, or nan."""
        sums = self.group.fat_maps.get(name)
        return NAN if sums is None else csa_measure(sums, self.region.slices).lean_mean_mm2

    @cached_property
    def sides(self) -> tuple[RegionSums, RegionSums] | None:
        """The right and the left part over the same region; None for a group of one side."""
        if self.group.sides is None:
            return None
        right, left = self.group.sides
        return right.over(self.region), left.over(self.region)

    @cached_property
    def variants(self) -> tuple[RegionSums, ...]:
        """The region with the outline eroded, as given, and dilated; empty if not wanted."""
        return tuple(variant.over(self.region) for variant in self.group.variants)

    def reasons(self) -> tuple[str, ...]:
        """Return why quantities of this region are undefined, without repetition."""
        one_sided = self.sides and self.total.voxels and any(not s.total.voxels for s in self.sides)
        reasons = (
            self.fat.reason,
            self.area.reason,
            ONE_SLICE if self.region.is_slice else "",
            self.group.split_reason,
            ONE_SIDED if one_sided else "",
        )
        return tuple(dict.fromkeys(reason for reason in reasons if reason))
