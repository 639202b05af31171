"""The quantities of every muscle, side and level: the one list that all tables derive from.

Columns of ``measures.csv`` and ``profiles.csv`` and their order, units, display names and digits in
the report, and the tables of docs/measures.md follow from it. To add a measure, add an entry
(docs/extending.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial

from lpm_segmentator.measure.asymmetry import asymmetry_percent
from lpm_segmentator.measure.catalogue.quantity import Comparison, Kind, Quantity, Value
from lpm_segmentator.measure.fat.split import IntensityMethod
from lpm_segmentator.measure.region_sums import RegionSums
from lpm_segmentator.measure.rows import MeasureRow, ProfileRow

__all__ = ["CATALOGUE", "PREFERRED_MAP", "Catalogue", "Measure"]

Measure = Quantity[RegionSums]

NAN = float("nan")

#: The map that functional sizes, bounds and profile are measured with: three components agree best
#: with Dixon (docs/measures.md).
PREFERRED_MAP = "gmm3_soft"


@dataclass(frozen=True)
class Catalogue:
    """The quantities of a row and of a profile row, in the order of their columns.

    Attributes
    ----------
    measures : tuple of Measure
        Of a muscle, side and region.
    profile : tuple of Measure
        Of a muscle, side and slice.

    Raises
    ------
    ValueError
        If a name is used twice in one of them, or is that of a column which identifies a row.
    """

    measures: tuple[Measure, ...]
    profile: tuple[Measure, ...]

    def __post_init__(self) -> None:
        for row, quantities in ((MeasureRow, self.measures), (ProfileRow, self.profile)):
            names = [field.name for field in fields(row)] + [q.name for q in quantities]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"the catalogue has two columns named {', '.join(twice)}")

    def __getitem__(self, name: str) -> Measure:
        """Return the quantity of a column."""
        for quantity in (*self.measures, *self.profile):
            if quantity.name == name:
                return quantity
        raise KeyError(name)

    def adding(self, *quantities: Measure, to_profile: bool = False) -> Catalogue:
        """Return the catalogue with further quantities at the end.

        Parameters
        ----------
        *quantities : Measure
        to_profile : bool
            Whether they are also measured slice by slice.
        """
        profile = (*self.profile, *quantities) if to_profile else self.profile
        return Catalogue((*self.measures, *quantities), profile)


def _count(
    name: str, label: str, description: str, function: Callable[[RegionSums], int]
) -> Measure:
    return Quantity(
        name=name,
        label=label,
        description=description,
        function=function,
        digits=0,
        kind=Kind.COUNT,
        comparison=Comparison.NONE,
    )


def _volume(
    name: str, label: str, description: str, function: Callable[[RegionSums], float]
) -> Measure:
    return Quantity(
        name=name,
        unit="mL",
        label=label,
        description=description,
        function=function,
        comparison=Comparison.RELATIVE,
        needs_whole_muscle=True,
    )


def _area(
    name: str, label: str, description: str, function: Callable[[RegionSums], float]
) -> Measure:
    return Quantity(
        name=name,
        unit="mm²",
        label=label,
        description=description,
        function=function,
        shown_unit="cm²",
        factor=0.01,
        comparison=Comparison.RELATIVE,
        needs_whole_muscle=True,
    )


def _share(
    name: str, label: str, description: str, function: Callable[[RegionSums], float]
) -> Measure:
    return Quantity(
        name=name,
        label=label,
        description=description,
        function=function,
        shown_unit="%",
        factor=100.0,
    )


def _bounds(of: Measure, name: str) -> tuple[Measure, Measure]:
    """Return the quantities of a measure's interval; ``{}`` in the name becomes low and high."""
    low, high = (
        replace(
            of,
            name=name.format(end),
            label=f"{of.label}, {end} bound",
            description=f"{size} value of `{of.name}` with the outline eroded by one voxel in each "
            "slice, as given, and dilated by one voxel.",
            function=partial(_bound, of.function, pick),
            comparison=Comparison.NONE,
        )
        for end, size, pick in (("low", "Smallest", min), ("high", "Largest", max))
    )
    return replace(low, reason=partial(_no_interval, of.function)), high


def _bound(
    function: Callable[[RegionSums], Value],
    pick: Callable[[Sequence[float]], float],
    sums: RegionSums,
) -> float:
    values = [float(function(variant)) for variant in sums.variants]
    # An interval of the values that happen to be defined would claim too much.
    return NAN if not values or any(map(math.isnan, values)) else pick(values)


def _no_interval(function: Callable[[RegionSums], Value], sums: RegionSums) -> str:
    """Say so where a value is defined with the outline as given, but not with the others."""
    values = [float(function(variant)) for variant in sums.variants]
    if not values or math.isnan(values[1]) or not any(map(math.isnan, values)):
        return ""
    return "no interval: undefined for the outline eroded or dilated by one voxel"


def _volume_asymmetry(sums: RegionSums) -> float:
    if sums.sides is None or sums.region.is_slice:
        return NAN
    right, left = (float(side.total.voxels) for side in sums.sides)
    return asymmetry_percent(right, left, formula=sums.formula)


def _csa_asymmetry(sums: RegionSums) -> float:
    if sums.sides is None:
        return NAN
    right, left = (side.area.mean_mm2 for side in sums.sides)
    return asymmetry_percent(right, left, formula=sums.formula)


def _fat_side_difference(sums: RegionSums) -> float:
    if sums.sides is None:
        return NAN
    right, left = sums.sides
    return right.fat.fat_ratio - left.fat.fat_ratio


def _no_side_difference(sums: RegionSums) -> str:
    """Say so where a side has voxels, but none with signal."""
    if sums.sides is None or not sums.has_pair:
        return ""
    dark = any(side.total.voxels and not side.total.signal_voxels for side in sums.sides)
    return "one side has no voxel with signal: no side difference of fat" if dark else ""


def _asymmetry_formula(sums: RegionSums) -> str:
    return "" if sums.sides is None else str(sums.formula)


def _map_share(name: str) -> Callable[[RegionSums], float]:
    return lambda sums: sums.fat_share(name)


_VOLUME = _volume(
    "volume_ml",
    "Volume",
    "Voxels × |det A| / 1000, where A is the 3×3 part of the affine.",
    lambda sums: sums.volume_ml,
)
_FUNCTIONAL_VOLUME = _volume(
    "lean_volume_ml",
    "Functional volume",
    "`volume_ml` × (1 − `fat_fraction_mean`).",
    lambda sums: sums.volume_ml * (1 - sums.fat.fat_fraction_mean),
)
_CSA_MEAN = _area(
    "csa_mean_mm2",
    "Mean cross-sectional area",
    "Mean over the slices that show the muscle of voxels × |a × b|, where a and b are the in-plane "
    "columns of the affine.",
    lambda sums: sums.area.mean_mm2,
)
_FUNCTIONAL_CSA = _area(
    "lean_csa_mean_mm2",
    "Functional CSA",
    "Mean over the same slices of area × (1 − mean fat fraction of the slice).",
    lambda sums: sums.area.lean_mean_mm2,
)
_FAT_RATIO = _share(
    "fat_ratio",
    "Fat ratio",
    "ΣF / Σ(F + W) over the voxels with signal (Zhang et al. 2025).",
    lambda sums: sums.fat.fat_ratio,
)
_FAT_FRACTION = _share(
    "fat_fraction_mean",
    "Mean fat fraction",
    "Mean over the voxels with signal of F / (F + W) (MuscleMap).",
    lambda sums: sums.fat.fat_fraction_mean,
)

_COUNTS = (
    _count(
        "slices",
        "Slices",
        "Slices of the region that show the muscle.",
        lambda sums: sums.area.slices,
    ),
    _count("voxels", "Voxels", "Voxels of the muscle.", lambda sums: sums.total.voxels),
    _count(
        "no_signal_voxels",
        "Voxels without signal",
        "Voxels with F + W ≤ 0 or not finite, left out of the fat measures.",
        lambda sums: sums.fat.no_signal_voxels,
    ),
)

_SIZES = (
    _VOLUME,
    _FUNCTIONAL_VOLUME,
    _CSA_MEAN,
    _area(
        "csa_max_mm2",
        "Maximum cross-sectional area",
        "Largest area over the slices that show the muscle.",
        lambda sums: sums.area.max_mm2,
    ),
    _FUNCTIONAL_CSA,
)

_ASYMMETRIES = (
    Quantity(
        name="volume_asymmetry_percent",
        unit="%",
        label="Volume asymmetry",
        description="Right compared with left volume by `asymmetry_formula`; rows of both sides.",
        function=_volume_asymmetry,
        needs_whole_muscle=True,
    ),
    Quantity(
        name="csa_asymmetry_percent",
        unit="%",
        label="CSA asymmetry",
        description="Right compared with left `csa_mean_mm2` by `asymmetry_formula`; rows of both "
        "sides.",
        function=_csa_asymmetry,
        needs_whole_muscle=True,
    ),
    Quantity(
        name="asymmetry_formula",
        label="Asymmetry formula",
        description="How right and left are compared; empty on rows of one side.",
        function=_asymmetry_formula,
        kind=Kind.TEXT,
        comparison=Comparison.NONE,
    ),
    Quantity(
        name="fat_ratio_side_difference",
        label="Side difference of the fat ratio",
        description="Right minus left `fat_ratio`; rows of both sides.",
        function=_fat_side_difference,
        reason=_no_side_difference,
        shown_unit="percentage points",
        factor=100.0,
    ),
)

_BOUNDS = (
    *_bounds(_VOLUME, "volume_{}_ml"),
    *_bounds(_CSA_MEAN, "csa_mean_{}_mm2"),
    *_bounds(_FUNCTIONAL_VOLUME, "lean_volume_{}_ml"),
    *_bounds(_FUNCTIONAL_CSA, "lean_csa_mean_{}_mm2"),
    *_bounds(_FAT_RATIO, "fat_ratio_{}"),
    *_bounds(_FAT_FRACTION, "fat_fraction_mean_{}"),
)

_INTENSITY_FAT = {
    f"{method}_{kind}": _share(
        f"fat_{method}_{kind}",
        f"Intensity-based fat, {method.full_name}, {kind} map",
        f"Mean over the voxels of the {kind} map of `{method}`.",
        _map_share(f"{method}_{kind}"),
    )
    for method in IntensityMethod
    for kind in ("soft", "hard")
}

_INTENSITY = (
    *_INTENSITY_FAT.values(),
    *_bounds(_INTENSITY_FAT[PREFERRED_MAP], f"fat_{PREFERRED_MAP}_{{}}"),
    _volume(
        "lean_volume_gmm3_ml",
        "Functional volume, intensity-based",
        "`volume_ml` × (1 − `fat_gmm3_soft`).",
        lambda sums: sums.volume_ml * (1 - sums.fat_share(PREFERRED_MAP)),
    ),
    _area(
        "lean_csa_mean_gmm3_mm2",
        "Functional CSA, intensity-based",
        "Mean over the same slices of area × (1 − mean of the soft map of `gmm3` in the slice).",
        lambda sums: sums.functional_csa_mm2(PREFERRED_MAP),
    ),
)

_PROFILE = (
    _area(
        "csa_mm2",
        "Cross-sectional area",
        "Voxels × |a × b|, where a and b are the in-plane columns of the affine.",
        lambda sums: sums.area.mean_mm2,
    ),
    _area(
        "lean_csa_mm2",
        "Functional CSA",
        "Area × (1 − mean fat fraction).",
        lambda sums: sums.area.lean_mean_mm2,
    ),
    _FAT_RATIO,
    _FAT_FRACTION,
    _INTENSITY_FAT[PREFERRED_MAP],
)

CATALOGUE = Catalogue(
    measures=(*_COUNTS, *_SIZES, _FAT_RATIO, _FAT_FRACTION, *_ASYMMETRIES, *_BOUNDS, *_INTENSITY),
    profile=_PROFILE,
)
"""Every quantity that the package measures."""
