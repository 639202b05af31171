"""Measures every muscle, side and level of a case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lpm_segmentator.core.errors import GeometryError
from lpm_segmentator.core.labels import Side
from lpm_segmentator.core.volume import DixonPair, LabelMap, Volume
from lpm_segmentator.measure._window import cut, cut_pair, foreground_window
from lpm_segmentator.measure.asymmetry import AsymmetryFormula, asymmetry_percent
from lpm_segmentator.measure.intensity_fat import IntensityFat
from lpm_segmentator.measure.quantities import NO_PAIR, NO_VOXELS, csa_measure, fat_measure
from lpm_segmentator.measure.regions import ALL_SLICES, Group, Region, SliceLevels, groups_of
from lpm_segmentator.measure.reliability import (
    Interval,
    OutlineVariants,
    outline_variants,
    reliability,
)
from lpm_segmentator.measure.rows import CaseMeasures, MeasureRow, ProfileRow
from lpm_segmentator.measure.sums import SliceSums, check_grid, joined, slice_sums
from lpm_segmentator.measure.swap import detect_swap

__all__ = ["measure_case"]

NAN = float("nan")
_UNKNOWN = Interval(NAN, NAN)
_ONE_SIDED = "one side has no voxels of this structure here: no asymmetry"
_DISC = "one slice has no volume"


#: The map whose lean sizes, interval and profile are told: three components agree best.
_BEST = "gmm3_soft"


def measure_case(
    labels: LabelMap,
    *,
    case: str = "",
    pair: DixonPair | None = None,
    brightness: IntensityFat | None = None,
    levels: SliceLevels | None = None,
    formula: AsymmetryFormula = AsymmetryFormula.MEAN,
    with_reliability: bool = True,
) -> CaseMeasures:
    """Measure every muscle, side and level of a label map.

    Parameters
    ----------
    labels : LabelMap
        One mask for both images of the pair.
    case : str
        Written into every row.
    pair : DixonPair, optional
        On the label map's grid; without it the fat measures are nan.
    brightness : IntensityFat, optional
        Of a T1w or T2w image on the label map's grid; without it the measures of fat by brightness
        are nan.
    levels : SliceLevels, optional
        Adds rows per disc, vertebra and span.
    formula : AsymmetryFormula
        How right and left are compared.
    with_reliability : bool
        Whether to fill the low and high columns.

    Raises
    ------
    GeometryError
        If pair, image or levels do not belong to the label map's grid.
    """
    n_slices = labels.shape[labels.slice_axis]
    if levels and levels.n_slices != n_slices:
        raise GeometryError(
            f"the levels are of a stack of {levels.n_slices} slices, the label map has {n_slices}"
        )
    regions = levels.regions() if levels else (Region(ALL_SLICES, "all", tuple(range(n_slices))),)
    check_grid(labels.geometry, pair)
    swap = detect_swap(pair, labels) if pair else None
    measured = _Measured(labels, case, (pair, brightness), (levels, formula), with_reliability)
    rows: list[MeasureRow] = []
    profile: list[ProfileRow] = []
    for group in measured.groups:
        sums = measured.of(group)
        profile += _profile(case, sums, levels)
        rows += [_row(measured, sums, region) for region in regions]
    return CaseMeasures(
        case=case,
        rows=tuple(rows),
        profile=tuple(profile),
        volumes_ml={
            v: s.over().voxels * s.geometry.voxel_volume_ml for v, s in measured.by_label.items()
        },
        fat_ratios={v: fat_measure(s.over()).fat_ratio for v, s in measured.by_label.items()},
        asymmetry_formula=str(formula),
        obliquity_deg=labels.geometry.obliquity_deg,
        swap=swap,
        splits=tuple(brightness.splits.values()) if brightness else (),
        warnings=(*(swap.warnings if swap else ()), *_warnings(rows), *measured.warnings),
    )


@dataclass(frozen=True, eq=False)
class _GroupSums:
    """Sums of one group: by the Dixon pair, by each map of brightness, of right and left apart."""

    group: Group
    dixon: SliceSums
    maps: Mapping[str, SliceSums]
    sides: tuple[SliceSums, SliceSums] | None
    variants: OutlineVariants | None


class _Measured:
    """The sums of a case, from which every row follows."""

    def __init__(
        self,
        labels: LabelMap,
        case: str,
        images: tuple[DixonPair | None, IntensityFat | None],
        how: tuple[SliceLevels | None, AsymmetryFormula],
        with_reliability: bool,
    ) -> None:
        window = foreground_window(labels)
        pair, brightness = images
        self.case = case
        self.formula = how[1]
        self.labels, self.pair = cut(labels, window), cut_pair(pair, window)
        self.by_label = slice_sums(self.labels, self.pair)
        self.groups = groups_of(labels.scheme)
        self.with_reliability = with_reliability
        self.map_pairs: dict[str, DixonPair] = {}
        self.split_reason = ""
        self.contradictions: tuple[str, ...] = ()
        if brightness is not None:
            here = replace(brightness, image=cut(brightness.image, window))
            self.map_pairs = {name: _as_pair(values) for name, values in here.maps()}
            failed = [split for split in brightness.splits.values() if split.reason]
            if failed:
                names = ", ".join(str(split.method) for split in failed)
                self.split_reason = f"no fat by brightness ({names}): {failed[0].reason}"
            self.contradictions = tuple(f"fat by brightness: {w}" for w in brightness.warnings)
        self.by_map = {n: slice_sums(self.labels, p) for n, p in self.map_pairs.items()}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What went wrong with the case as a whole."""
        return (*([self.split_reason] if self.split_reason else []), *self.contradictions)

    def of(self, group: Group) -> _GroupSums:
        """Return the sums of one group."""
        variants = None
        if self.with_reliability:
            pair = self.map_pairs.get(_BEST) if self.pair is None else self.pair
            variants = _variants(self.labels, group, pair)
        return _GroupSums(
            group=group,
            dixon=joined(self.by_label, group.values),
            maps={name: joined(sums, group.values) for name, sums in self.by_map.items()},
            sides=_sides(self.by_label, self.groups, group) if group.side == "both" else None,
            variants=variants,
        )


def _as_pair(share: Volume) -> DixonPair:
    """Return a map of fat shares as the pair that has these fat fractions and one signal."""
    return DixonPair(share.with_array(np.float32(1) - share.array), share)


def _row(measured: _Measured, sums: _GroupSums, region: Region) -> MeasureRow:
    total = sums.dixon.over(region.slices)
    fat, area = fat_measure(total), csa_measure(sums.dixon, region.slices)
    is_disc = region.kind == "disc"
    volume = NAN if is_disc else total.voxels * sums.dixon.geometry.voxel_volume_ml
    one_sided = sums.sides and any(not s.over(region.slices).voxels for s in sums.sides)
    notes = [fat.reason, area.reason, _DISC if is_disc else "", measured.split_reason]
    notes += [_ONE_SIDED] if one_sided and total.voxels else []
    return MeasureRow(
        case=measured.case,
        muscle=sums.group.muscle,
        side=sums.group.side,
        level=region.name,
        level_kind=region.kind,
        slices=area.slices,
        voxels=total.voxels,
        no_signal_voxels=fat.no_signal_voxels,
        volume_ml=volume,
        lean_volume_ml=volume * (1 - fat.fat_fraction_mean),
        csa_mean_mm2=area.mean_mm2,
        csa_max_mm2=area.max_mm2,
        lean_csa_mean_mm2=area.lean_mean_mm2,
        fat_ratio=fat.fat_ratio,
        fat_fraction_mean=fat.fat_fraction_mean,
        **_asymmetries(sums, region, measured.formula),
        asymmetry_formula=str(measured.formula) if sums.sides else "",
        **_bands(sums, region),
        **_by_brightness(sums, region, volume),
        note="; ".join(dict.fromkeys(n for n in notes if n)),
    )


def _by_brightness(sums: _GroupSums, region: Region, volume: float) -> dict[str, float]:
    """Fat by each map, and the lean sizes by the best of them."""
    found = {f"fat_{n}": fat_measure(s.over(region.slices)).fat_ratio for n, s in sums.maps.items()}
    if _BEST in sums.maps:
        area = csa_measure(sums.maps[_BEST], region.slices)
        found["lean_volume_gmm3_ml"] = volume * (1 - found[f"fat_{_BEST}"])
        found["lean_csa_mean_gmm3_mm2"] = area.lean_mean_mm2
    return found


def _asymmetries(sums: _GroupSums, region: Region, formula: AsymmetryFormula) -> dict[str, float]:
    if sums.sides is None:
        return {}
    right, left = sums.sides
    voxels = [float(s.over(region.slices).voxels) for s in (right, left)]
    areas = [csa_measure(s, region.slices).mean_mm2 for s in (right, left)]
    fats = [fat_measure(s.over(region.slices)).fat_ratio for s in (right, left)]
    by_volume = asymmetry_percent(*voxels, formula=formula)
    return {
        "volume_asymmetry_percent": NAN if region.kind == "disc" else by_volume,
        "csa_asymmetry_percent": asymmetry_percent(*areas, formula=formula),
        "fat_ratio_side_difference": fats[0] - fats[1],
    }


def _bands(sums: _GroupSums, region: Region) -> dict[str, float]:
    if sums.variants is None:
        return {}
    band = reliability(sums.variants, region.slices)
    volume, lean = band.volume_ml, band.lean_volume_ml
    if region.kind == "disc":
        volume = lean = _UNKNOWN
    found = {
        "volume_low_ml": volume.low,
        "volume_high_ml": volume.high,
        "csa_mean_low_mm2": band.csa_mean_mm2.low,
        "csa_mean_high_mm2": band.csa_mean_mm2.high,
    }
    if not sums.dixon.has_pair:
        fat = band.fat_ratio
        return found | {f"fat_{_BEST}_low": fat.low, f"fat_{_BEST}_high": fat.high}
    return found | {
        "lean_volume_low_ml": lean.low,
        "lean_volume_high_ml": lean.high,
        "lean_csa_mean_low_mm2": band.lean_csa_mean_mm2.low,
        "lean_csa_mean_high_mm2": band.lean_csa_mean_mm2.high,
        "fat_ratio_low": band.fat_ratio.low,
        "fat_ratio_high": band.fat_ratio.high,
        "fat_fraction_mean_low": band.fat_fraction_mean.low,
        "fat_fraction_mean_high": band.fat_fraction_mean.high,
    }


def _profile(case: str, sums: _GroupSums, levels: SliceLevels | None) -> list[ProfileRow]:
    """Rows of one group, slice by slice."""
    geometry = sums.dixon.geometry
    rows = []
    for index in range(len(sums.dixon.table)):
        middle = [(n - 1) / 2 for n in geometry.shape]
        middle[geometry.slice_axis] = index
        fat = fat_measure(sums.dixon.over([index]))
        area = csa_measure(sums.dixon, [index])
        best = sums.maps.get(_BEST)
        rows.append(
            ProfileRow(
                case=case,
                muscle=sums.group.muscle,
                side=sums.group.side,
                slice=index,
                position_mm=float(geometry.voxel_to_world(middle)[2]),
                level=levels.level_of(index) if levels else "",
                csa_mm2=area.mean_mm2,
                lean_csa_mm2=area.lean_mean_mm2,
                fat_ratio=fat.fat_ratio,
                fat_fraction_mean=fat.fat_fraction_mean,
                fat_gmm3_soft=fat_measure(best.over([index])).fat_ratio if best else NAN,
                note=fat.reason or area.reason,
            )
        )
    return rows


def _sides(
    by_label: Mapping[int, SliceSums], groups: Sequence[Group], both: Group
) -> tuple[SliceSums, SliceSums]:
    """Return the sums of the right and the left part of a group of both sides."""
    part = {g.side: g.values for g in groups if g.muscle == both.muscle}
    right, left = (joined(by_label, part[str(side)]) for side in (Side.RIGHT, Side.LEFT))
    return right, left


def _variants(labels: LabelMap, group: Group, pair: DixonPair | None) -> OutlineVariants:
    mask = labels.mask(group.values[0])
    for value in group.values[1:]:
        mask = mask | labels.mask(value)
    return outline_variants(mask, labels.geometry, pair)


def _warnings(rows: Sequence[MeasureRow]) -> tuple[str, ...]:
    """Name structures that are missing, and voxels without signal."""
    found = []
    for row in rows:
        if row.level_kind != "all" or row.side == "both" or "+" in row.muscle:
            continue
        name = f"{row.muscle}_{row.side}"
        if NO_VOXELS in row.note:
            found.append(f"{name} has no voxels: its measures are undefined")
        elif row.no_signal_voxels and NO_PAIR not in row.note:
            share = row.no_signal_voxels / row.voxels
            found.append(
                f"{name}: {row.no_signal_voxels} voxels ({share:.1%}) hold no signal and were "
                "left out of the fat measures"
            )
    return tuple(found)
