"""The tables a study needs: tidy rows, slice profiles, and the published method's wide rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lpm_segmentator.core.errors import GeometryError
from lpm_segmentator.core.labels import Side
from lpm_segmentator.core.volume import DixonPair, LabelMap
from lpm_segmentator.measure._window import cut, cut_pair, foreground_window
from lpm_segmentator.measure.asymmetry import AsymmetryFormula, asymmetry_percent
from lpm_segmentator.measure.quantities import NO_PAIR, NO_VOXELS, csa_measure, fat_measure
from lpm_segmentator.measure.regions import ALL_SLICES, Group, Region, SliceLevels, groups_of
from lpm_segmentator.measure.reliability import (
    Interval,
    OutlineVariants,
    Reliability,
    outline_variants,
    reliability,
)
from lpm_segmentator.measure.sums import SliceSums, check_grid, joined, slice_sums
from lpm_segmentator.measure.swap import SwapReport, detect_swap

__all__ = [
    "CaseMeasures",
    "MeasureRow",
    "ProfileRow",
    "fat_ratio_row",
    "measure_case",
    "volume_row",
]

NAN = float("nan")
_UNKNOWN = Interval(NAN, NAN)
_DISC = "one slice has no volume"


@dataclass(frozen=True)
class MeasureRow:
    """One muscle on one side over one region.

    Attributes
    ----------
    case : str
    muscle : str
        ``"ES"``, ``"MF"`` or ``"ES+MF"``.
    side : str
        ``"R"``, ``"L"`` or ``"both"``.
    level, level_kind : str
        Region: see `SliceLevels.regions`.
    slices : int
        Slices of the region that show the structure.
    voxels, no_signal_voxels : int
        Voxels of the structure, and those without signal, left out of the fat measures.
    volume_ml, lean_volume_ml : float
        Volume, and volume times (1 - `fat_fraction_mean`); nan for a disc, which is one slice.
    csa_mean_mm2, csa_max_mm2, lean_csa_mean_mm2 : float
        Areas in the plane of the slices.
    fat_ratio, fat_fraction_mean : float
        ΣF / Σ(F + W), and the mean of F / (F + W), 0–1.
    volume_asymmetry_percent, csa_asymmetry_percent : float
        By the case's formula, on rows of both sides; nan on the others.
    fat_ratio_side_difference : float
        Right minus left, on rows of both sides; nan on the others.
    volume_low_ml, ..., fat_fraction_mean_high : float
        What one voxel less or more of outline does: see `Reliability`. nan where not asked for.
    note : str
        Why values are nan.
    """

    case: str
    muscle: str
    side: str
    level: str
    level_kind: str
    slices: int
    voxels: int
    no_signal_voxels: int
    volume_ml: float
    lean_volume_ml: float
    csa_mean_mm2: float
    csa_max_mm2: float
    lean_csa_mean_mm2: float
    fat_ratio: float
    fat_fraction_mean: float
    volume_asymmetry_percent: float = NAN
    csa_asymmetry_percent: float = NAN
    fat_ratio_side_difference: float = NAN
    volume_low_ml: float = NAN
    volume_high_ml: float = NAN
    csa_mean_low_mm2: float = NAN
    csa_mean_high_mm2: float = NAN
    fat_ratio_low: float = NAN
    fat_ratio_high: float = NAN
    fat_fraction_mean_low: float = NAN
    fat_fraction_mean_high: float = NAN
    note: str = ""


@dataclass(frozen=True)
class ProfileRow:
    """One muscle on one side in one slice: the course of the measures along the spine.

    ``position_mm`` is the height of the slice's middle in the world (superior is positive).
    """

    case: str
    muscle: str
    side: str
    slice: int
    position_mm: float
    level: str
    csa_mm2: float
    lean_csa_mm2: float
    fat_ratio: float
    fat_fraction_mean: float
    note: str = ""


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
        By label value, whole stack.
    asymmetry_formula : str
        The formula behind the asymmetry columns.
    obliquity_deg : float
        Angle between the slices' normal and the superior direction.
    swap : SwapReport or None
        None without a Dixon pair.
    warnings : tuple of str
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
    warnings: tuple[str, ...]


def measure_case(
    labels: LabelMap,
    *,
    case: str = "",
    pair: DixonPair | None = None,
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
    levels : SliceLevels, optional
        Adds rows per disc, vertebra and span.
    formula : AsymmetryFormula
        How right and left are compared.
    with_reliability : bool
        Whether to fill the low and high columns.

    Raises
    ------
    GeometryError
        If pair or levels do not belong to the label map's grid.
    """
    n_slices = labels.shape[labels.slice_axis]
    if levels and levels.n_slices != n_slices:
        raise GeometryError(
            f"the levels are of a stack of {levels.n_slices} slices, the label map has {n_slices}"
        )
    regions = levels.regions() if levels else (Region(ALL_SLICES, "all", tuple(range(n_slices))),)
    check_grid(labels.geometry, pair)
    swap = detect_swap(pair, labels) if pair else None
    obliquity_deg = labels.geometry.obliquity_deg
    window = foreground_window(labels)
    labels, pair = cut(labels, window), cut_pair(pair, window)
    by_label = slice_sums(labels, pair)
    groups = groups_of(labels.scheme)
    rows: list[MeasureRow] = []
    profile: list[ProfileRow] = []
    for group in groups:
        sums = joined(by_label, group.values)
        variants = _variants(labels, group, pair) if with_reliability else None
        profile += _profile(case, group, sums, levels)
        for region in regions:
            sides = _sides(by_label, groups, group) if group.side == "both" else None
            rows.append(_row(case, group, sums, region, _Extras(sides, variants, formula)))
    return CaseMeasures(
        case=case,
        rows=tuple(rows),
        profile=tuple(profile),
        volumes_ml={v: s.over().voxels * s.geometry.voxel_volume_ml for v, s in by_label.items()},
        fat_ratios={v: fat_measure(s.over()).fat_ratio for v, s in by_label.items()},
        asymmetry_formula=str(formula),
        obliquity_deg=obliquity_deg,
        swap=swap,
        warnings=(swap.warnings if swap else ()) + _warnings(rows),
    )


def volume_row(
    case: str,
    prediction: Mapping[int, float],
    reference: Mapping[int, float] | None = None,
) -> dict[str, float | str]:
    """Return a row of the published volume table: ``case, volume1_gd, volume1_ai, ...``.

    Parameters
    ----------
    case : str
    prediction, reference : mapping of int to float
        Volumes in mL by label value. Without a reference the ``_gd`` columns are left out.

    Examples
    --------
    >>> volume_row("TUM01", {1: 201.5}, {1: 203.1})
    {'case': 'TUM01', 'volume1_gd': 203.1, 'volume1_ai': 201.5}
    """
    return _wide("volume", case, prediction, reference)


def fat_ratio_row(
    case: str,
    prediction: Mapping[int, float],
    reference: Mapping[int, float] | None = None,
) -> dict[str, float | str]:
    """Return a row of the published fat ratio table: ``case, ratio1_gd, ratio1_ai, ...``.

    Parameters
    ----------
    case : str
    prediction, reference : mapping of int to float
        ΣF / Σ(F + W) by label value. Without a reference the ``_gd`` columns are left out.
    """
    return _wide("ratio", case, prediction, reference)


def _wide(
    name: str, case: str, prediction: Mapping[int, float], reference: Mapping[int, float] | None
) -> dict[str, float | str]:
    row: dict[str, float | str] = {"case": case}
    for value in sorted(set(prediction) | set(reference or {})):
        if reference is not None:
            row[f"{name}{value}_gd"] = reference.get(value, NAN)
        row[f"{name}{value}_ai"] = prediction.get(value, NAN)
    return row


@dataclass(frozen=True, eq=False)
class _Extras:
    """What a row may add to the plain measures."""

    sides: tuple[SliceSums, SliceSums] | None
    variants: OutlineVariants | None
    formula: AsymmetryFormula


def _row(case: str, group: Group, sums: SliceSums, region: Region, extras: _Extras) -> MeasureRow:
    total = sums.over(region.slices)
    fat, area = fat_measure(total), csa_measure(sums, region.slices)
    is_disc = region.kind == "disc"
    volume = NAN if is_disc else total.voxels * sums.geometry.voxel_volume_ml
    notes = [fat.reason, area.reason, _DISC if is_disc else ""]
    band = reliability(extras.variants, region.slices) if extras.variants else None
    return MeasureRow(
        case=case,
        muscle=group.muscle,
        side=group.side,
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
        **_asymmetries(extras, region),
        **_bands(band, is_disc),
        note="; ".join(dict.fromkeys(n for n in notes if n)),
    )


def _asymmetries(extras: _Extras, region: Region) -> dict[str, float]:
    if extras.sides is None:
        return {}
    right, left = extras.sides
    voxels = [float(s.over(region.slices).voxels) for s in (right, left)]
    areas = [csa_measure(s, region.slices).mean_mm2 for s in (right, left)]
    fats = [fat_measure(s.over(region.slices)).fat_ratio for s in (right, left)]
    by_volume = asymmetry_percent(*voxels, formula=extras.formula)
    return {
        "volume_asymmetry_percent": NAN if region.kind == "disc" else by_volume,
        "csa_asymmetry_percent": asymmetry_percent(*areas, formula=extras.formula),
        "fat_ratio_side_difference": fats[0] - fats[1],
    }


def _bands(band: Reliability | None, is_disc: bool) -> dict[str, float]:
    if band is None:
        return {}
    volume = _UNKNOWN if is_disc else band.volume_ml
    return {
        "volume_low_ml": volume.low,
        "volume_high_ml": volume.high,
        "csa_mean_low_mm2": band.csa_mean_mm2.low,
        "csa_mean_high_mm2": band.csa_mean_mm2.high,
        "fat_ratio_low": band.fat_ratio.low,
        "fat_ratio_high": band.fat_ratio.high,
        "fat_fraction_mean_low": band.fat_fraction_mean.low,
        "fat_fraction_mean_high": band.fat_fraction_mean.high,
    }


def _profile(
    case: str, group: Group, sums: SliceSums, levels: SliceLevels | None
) -> list[ProfileRow]:
    """Rows of one group, slice by slice."""
    geometry = sums.geometry
    rows = []
    for index in range(len(sums.table)):
        middle = [(n - 1) / 2 for n in geometry.shape]
        middle[geometry.slice_axis] = index
        fat = fat_measure(sums.over([index]))
        area = csa_measure(sums, [index])
        rows.append(
            ProfileRow(
                case=case,
                muscle=group.muscle,
                side=group.side,
                slice=index,
                position_mm=float(geometry.voxel_to_world(middle)[2]),
                level=levels.level_of(index) if levels else "",
                csa_mm2=area.mean_mm2,
                lean_csa_mm2=area.lean_mean_mm2,
                fat_ratio=fat.fat_ratio,
                fat_fraction_mean=fat.fat_fraction_mean,
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
