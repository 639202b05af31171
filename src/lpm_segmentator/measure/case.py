"""Measures every muscle, side and level of a case."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from lpm_segmentator.core.finding import Area, Finding, Severity
from lpm_segmentator.core.geometry import Geometry
from lpm_segmentator.core.labels import Muscle, Side
from lpm_segmentator.core.regions import Region, SliceLevels, single_slice, whole_stack
from lpm_segmentator.core.volume import DixonPair, LabelMap, Volume
from lpm_segmentator.dataframes import data_frame
from lpm_segmentator.measure.asymmetry import AsymmetryFormula
from lpm_segmentator.measure.catalogue import CATALOGUE, PREFERRED_MAP, Catalogue
from lpm_segmentator.measure.catalogue.measures import Measure
from lpm_segmentator.measure.checks.words import name_slices
from lpm_segmentator.measure.fat.dixon import fat_measure
from lpm_segmentator.measure.fat.intensity import IntensityFat
from lpm_segmentator.measure.fat.split import IntensitySplit
from lpm_segmentator.measure.fat.swap import SwapReport, detect_swap
from lpm_segmentator.measure.region_sums import GroupSums, RegionSums
from lpm_segmentator.measure.regions import BOTH_SIDES, Group, groups_of
from lpm_segmentator.measure.rows import MeasureRow, ProfileRow
from lpm_segmentator.measure.sums import Sums, check_grid, joined, slice_sums
from lpm_segmentator.measure.variants import outline_variants
from lpm_segmentator.measure.window import cut, cut_pair, foreground_window

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CaseMeasures", "measure_case"]

NAN = float("nan")

CutOff = Mapping[str, Collection[int]]


@dataclass(frozen=True)
class CaseMeasures:
    """Everything measured on one case.

    Attributes
    ----------
    case : str
    rows : tuple of MeasureRow
        Muscle × side × region.
    profile : tuple of ProfileRow
        Muscle × side × slice.
    volumes_ml, fat_ratios : mapping of int to float
        By label value, over the whole stack; the volume of a muscle that is cut off is nan.
    asymmetry_formula : str
        The formula behind the asymmetry columns.
    obliquity_deg : float
        Angle between the slices' normal and the superior direction.
    swap : SwapReport or None
        None without a Dixon pair.
    splits : tuple of IntensitySplit
        How intensity-based fat was separated from muscle; empty where it was not measured.
    findings : tuple of Finding
        What the user should know.
    """

    case: str
    rows: tuple[MeasureRow, ...]
    profile: tuple[ProfileRow, ...]
    volumes_ml: Mapping[int, float]
    fat_ratios: Mapping[int, float]
    asymmetry_formula: str
    obliquity_deg: float
    swap: SwapReport | None
    splits: tuple[IntensitySplit, ...]
    findings: tuple[Finding, ...]

    def to_dataframe(self) -> pd.DataFrame:
        """Return the rows as a table, one row a muscle, side and region."""
        return data_frame(row.to_dict() for row in self.rows)


def measure_case(
    labels: LabelMap,
    *,
    case: str = "",
    pair: DixonPair | None = None,
    intensity: IntensityFat | None = None,
    levels: SliceLevels | None = None,
    formula: AsymmetryFormula = AsymmetryFormula.MEAN,
    cut_off: CutOff = MappingProxyType({}),
    catalogue: Catalogue = CATALOGUE,
) -> CaseMeasures:
    """Measure every muscle, side and level of a label map.

    Parameters
    ----------
    labels : LabelMap
        One mask for both images of the pair.
    case : str
        Written into every row.
    pair : DixonPair, optional
        On the label map's grid; without it the Dixon fat measures are nan.
    intensity : IntensityFat, optional
        Of a T1w or T2w image on the label map's grid; without it intensity-based fat is nan.
    levels : SliceLevels, optional
        Adds rows per disc, vertebra and span.
    formula : AsymmetryFormula
        How right and left are compared.
    cut_off : mapping of str to collection of int
        By structure, the slices where it is cut off (`border_contact`): their sizes are not valid.
    catalogue : Catalogue
        What is measured; the low and high columns are the costly part.

    Returns
    -------
    CaseMeasures
        Undefined values are nan; the row's note says why.

    Raises
    ------
    GeometryError
        If pair, image or levels do not belong to the label map's grid.
    """
    n_slices = labels.shape[labels.slice_axis]
    if levels is not None:
        levels.check_stack(n_slices)
    sums = _CaseSums(labels, pair, intensity, formula=formula)
    swap = detect_swap(pair, labels) if pair else None
    regions = levels.regions() if levels else (whole_stack(n_slices),)
    return CaseMeasures(
        case=case,
        rows=tuple(_rows(case, sums, regions, catalogue.measures, cut_off)),
        profile=tuple(_profile(case, sums, levels, catalogue.profile, cut_off)),
        volumes_ml=_volumes_ml(sums, cut_off),
        fat_ratios={v: fat_measure(s).fat_ratio for v, s in sums.totals.items()},
        asymmetry_formula=str(formula),
        obliquity_deg=labels.geometry.obliquity_deg,
        swap=swap,
        splits=tuple(intensity.splits.values()) if intensity else (),
        findings=_findings(sums, swap),
    )


def _volumes_ml(sums: _CaseSums, cut_off: CutOff) -> dict[int, float]:
    scheme, voxel_ml = sums.labels.scheme, sums.labels.geometry.voxel_volume_ml
    return {
        value: NAN if scheme.by_value(value).key in cut_off else total.voxels * voxel_ml
        for value, total in sums.totals.items()
    }


def _findings(sums: _CaseSums, swap: SwapReport | None) -> tuple[Finding, ...]:
    return (
        *(_check(Area.FAT, "water-fat-swap", text) for text in (swap.warnings if swap else ())),
        *_missing(sums),
        *(_check(Area.FAT, "intensity-fat", text) for text in sums.warnings),
    )


class _CaseSums:
    """The sums of a case, from which every row follows."""

    def __init__(
        self,
        labels: LabelMap,
        pair: DixonPair | None,
        intensity: IntensityFat | None,
        *,
        formula: AsymmetryFormula,
    ) -> None:
        check_grid(labels.geometry, pair)
        window = foreground_window(labels)
        self.labels, self.pair = cut(labels, window), cut_pair(pair, window)
        self.formula = formula
        self.map_pairs: dict[str, DixonPair] = {}
        self.split_reason = ""
        self.warnings: tuple[str, ...] = ()
        if intensity is not None:
            here = replace(intensity, image=cut(intensity.image, window))
            self.map_pairs = {name: _as_pair(share) for name, share in here.maps()}
            self.split_reason = _split_reason(intensity)
            failed = (self.split_reason,) if self.split_reason else ()
            self.warnings = (*failed, *(f"intensity-based fat: {w}" for w in intensity.warnings))
        self.groups = {group.key: group for group in groups_of(labels.scheme)}
        self._by_label = slice_sums(self.labels, self.pair)
        self._by_map = {n: slice_sums(self.labels, p) for n, p in self.map_pairs.items()}
        self._sums: dict[str, GroupSums] = {}

    @property
    def totals(self) -> dict[int, Sums]:
        """Sums of each label value over the whole stack."""
        return {value: sums.over() for value, sums in self._by_label.items()}

    def of(self, group: Group) -> GroupSums:
        """Return the sums of one group; the same object each time."""
        if group.key not in self._sums:
            sides = None
            if group.side == BOTH_SIDES:
                right, left = (self.groups[f"{group.muscle}_{side}"] for side in Side)
                sides = self.of(right), self.of(left)
            self._sums[group.key] = GroupSums(
                dixon=joined(self._by_label, group.values),
                fat_maps={name: joined(s, group.values) for name, s in self._by_map.items()},
                sides=sides,
                outline=partial(self._variants, group),
                formula=self.formula,
                split_reason=self.split_reason,
            )
        return self._sums[group.key]

    def _variants(self, group: Group) -> tuple[GroupSums, ...]:
        """Return the sums of a group with its outline eroded, as given, and dilated."""
        mask = self.labels.mask(group.values[0])
        for value in group.values[1:]:
            mask = mask | self.labels.mask(value)
        share = None if self.pair else self.map_pairs.get(PREFERRED_MAP)
        variants = outline_variants(mask, self.labels.geometry, self.pair or share)
        if share is None:
            return tuple(map(GroupSums, variants))
        return tuple(
            GroupSums(replace(sums, has_pair=False), {PREFERRED_MAP: sums}) for sums in variants
        )


def _as_pair(share: Volume) -> DixonPair:
    """Return a map of fat shares as the pair that has these fat fractions and one signal."""
    return DixonPair(share.with_array(np.float32(1) - share.array), share)


def _split_reason(intensity: IntensityFat) -> str:
    """Return which methods failed and why; empty if none did."""
    failed = [split for split in intensity.splits.values() if split.reason]
    if not failed:
        return ""
    names = ", ".join(str(split.method) for split in failed)
    return f"no intensity-based fat ({names}): {failed[0].reason}"


def _rows(
    case: str,
    sums: _CaseSums,
    regions: Sequence[Region],
    quantities: Sequence[Measure],
    cut_off: CutOff,
) -> Iterator[MeasureRow]:
    for group in sums.groups.values():
        for region in regions:
            over = sums.of(group).over(region)
            reason = _cut_off_reason(group, region.slices, cut_off)
            yield MeasureRow(
                case=case,
                muscle=group.muscle,
                side=group.side,
                level=region.name,
                level_kind=region.kind,
                values={quantity.name: quantity.function(over) for quantity in quantities},
                note=_note((*over.reasons(), reason), over, quantities),
                valid=not reason,
            )


def _profile(
    case: str,
    sums: _CaseSums,
    levels: SliceLevels | None,
    quantities: Sequence[Measure],
    cut_off: CutOff,
) -> Iterator[ProfileRow]:
    geometry = sums.labels.geometry
    heights = _slice_heights_mm(geometry)
    names = [levels.level_of(index) if levels else "" for index in range(len(heights))]
    for group in sums.groups.values():
        for index, (height, level) in enumerate(zip(heights, names, strict=True)):
            over = sums.of(group).over(single_slice(index))
            reason = _cut_off_reason(group, [index], cut_off)
            yield ProfileRow(
                case=case,
                muscle=group.muscle,
                side=group.side,
                slice=index,
                position_mm=height,
                level=level,
                values={quantity.name: quantity.function(over) for quantity in quantities},
                note=_note([over.fat.reason or over.area.reason, reason], over, quantities),
                valid=not reason,
            )


def _cut_off_reason(group: Group, slices: Iterable[int], cut_off: CutOff) -> str:
    """Return why the sizes of a group are not valid; empty if they are."""
    muscles = [Muscle(name) for name in group.muscle.split("+")]
    sides = list(Side) if group.side == BOTH_SIDES else [Side(group.side)]
    touched = {
        index
        for muscle in muscles
        for side in sides
        for index in cut_off.get(f"{muscle}_{side}", ())
    }
    touched &= set(slices)
    if not touched:
        return ""
    return (
        f"cut off by the edge of the image ({name_slices(sorted(touched))}): volume, area and "
        "asymmetry are not valid"
    )


def _note(reasons: Iterable[str], sums: RegionSums, quantities: Iterable[Measure]) -> str:
    """Join the reasons of a row with those of its quantities that have one of their own."""
    own = [quantity.reason(sums) for quantity in quantities if quantity.reason is not None]
    return "; ".join(dict.fromkeys(reason for reason in (*reasons, *own) if reason))


def _slice_heights_mm(geometry: Geometry) -> list[float]:
    """Return the height of each slice's centre in the world."""
    slices = range(geometry.shape[geometry.slice_axis])
    return [float(geometry.slice_centre_mm(index)[2]) for index in slices]


def _check(area: Area, code: str, message: str) -> Finding:
    return Finding(area, Severity.CHECK, code, message)


def _missing(sums: _CaseSums) -> Iterator[Finding]:
    """Name structures that are missing, and voxels without signal."""
    n_slices = sums.labels.shape[sums.labels.slice_axis]
    for group in sums.groups.values():
        if len(group.values) > 1:
            continue
        fat = sums.of(group).over(whole_stack(n_slices)).fat
        if not fat.voxels:
            message = f"{group.key} has no voxels: its measures are undefined"
            yield _check(Area.SEGMENTATION, "missing-structure", message)
        elif fat.no_signal_voxels:
            share = fat.no_signal_voxels / fat.voxels
            message = (
                f"{group.key}: {fat.no_signal_voxels} voxels ({share:.1%}) have no signal and "
                "were left out of the fat measures"
            )
            yield _check(Area.FAT, "no-signal", message)
