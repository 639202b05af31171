"""The quantities of agreement with a reference: the one list that the accuracy tables derive from.

Columns of ``accuracy.csv``, ``accuracy_levels.csv`` and ``accuracy_slices.csv`` and their order
follow from it. Differences are prediction minus reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from lpm_segmentator.measure.catalogue.quantity import Comparison, Quantity
from lpm_segmentator.measure.overlap import dice, jaccard
from lpm_segmentator.measure.region_comparison import RegionComparison
from lpm_segmentator.measure.surface import SurfaceDistances, assd_mm, hd95_mm, nsd

__all__ = ["ACCURACY", "ACCURACY_COLUMNS", "AccuracyQuantity"]

NAN = float("nan")


@dataclass(frozen=True, kw_only=True)
class AccuracyQuantity(Quantity[RegionComparison]):
    """A quantity of agreement with a reference.

    Attributes
    ----------
    wide_name : str or None
        Column in the wide table, in front of the label's value; None for a quantity that the wide
        table leaves out.
    comparison : Comparison
        Agreement is itself a comparison: none.
    """

    wide_name: str | None
    comparison: Comparison = Comparison.NONE


def _surface(
    function: Callable[[SurfaceDistances], float],
) -> Callable[[RegionComparison], float]:
    """Return a function that is nan where surface distances were not measured."""

    def measured(regions: RegionComparison) -> float:
        return NAN if regions.distances is None else function(regions.distances)

    return measured


def _volume_difference_ml(regions: RegionComparison) -> float:
    difference = regions.prediction_volume_ml - regions.reference_volume_ml
    return difference if regions.is_segmented else NAN


def _volume_difference_percent(regions: RegionComparison) -> float:
    reference = regions.reference_volume_ml
    return 100 * (regions.prediction_volume_ml / reference - 1) if reference else NAN


def _csa_difference_mm2(regions: RegionComparison) -> float:
    return regions.prediction.area.mean_mm2 - regions.reference.area.mean_mm2


def _fat_ratio_difference(regions: RegionComparison) -> float:
    return regions.prediction.fat.fat_ratio - regions.reference.fat.fat_ratio


ACCURACY = (
    AccuracyQuantity(
        name="dice",
        wide_name="dsc",
        label="Dice",
        description="2 |R ∩ P| / (|R| + |P|) (Dice 1945); 0 if one mask is empty.",
        function=lambda regions: dice(regions.counts),
        digits=3,
    ),
    AccuracyQuantity(
        name="jaccard",
        wide_name="jaccard",
        label="Jaccard",
        description="|R ∩ P| / |R ∪ P| (Jaccard 1912); 0 if one mask is empty.",
        function=lambda regions: jaccard(regions.counts),
        digits=3,
    ),
    AccuracyQuantity(
        name="hd95_mm",
        wide_name="hd95_mm",
        unit="mm",
        label="HD95",
        description="Larger of the two directed 95th percentiles of surface distance (Metrics "
        "Reloaded); undefined if one mask is empty.",
        function=_surface(hd95_mm),
    ),
    AccuracyQuantity(
        name="assd_mm",
        wide_name="assd_mm",
        unit="mm",
        label="ASSD",
        description="Mean distance over the voxels of both surfaces (Metrics Reloaded); undefined "
        "if one mask is empty.",
        function=_surface(assd_mm),
        digits=2,
    ),
    *(
        AccuracyQuantity(
            name=f"nsd_{tolerance}mm",
            wide_name=f"nsd_{tolerance}mm",
            label=f"NSD, {tolerance} mm",
            description=f"Share of both surfaces within {tolerance} mm of the other (Nikolov et "
            "al. 2021); 0 if one mask is empty.",
            function=_surface(partial(nsd, tolerance_mm=float(tolerance))),
            digits=3,
        )
        for tolerance in (1, 2)
    ),
    AccuracyQuantity(
        name="reference_volume_ml",
        wide_name=None,
        unit="mL",
        label="Reference volume",
        description="Volume of the reference.",
        function=lambda regions: regions.reference_volume_ml,
    ),
    AccuracyQuantity(
        name="prediction_volume_ml",
        wide_name=None,
        unit="mL",
        label="Predicted volume",
        description="Volume of the prediction.",
        function=lambda regions: regions.prediction_volume_ml,
    ),
    AccuracyQuantity(
        name="volume_difference_ml",
        wide_name="volume_difference_ml",
        unit="mL",
        label="Volume difference",
        description="P − R; undefined if the reference is empty in all slices.",
        function=_volume_difference_ml,
    ),
    AccuracyQuantity(
        name="volume_difference_percent",
        wide_name="volume_difference_percent",
        unit="%",
        label="Relative volume difference",
        description="100 (P / R − 1); undefined if the reference is empty, −100 % if the "
        "prediction is.",
        function=_volume_difference_percent,
    ),
    AccuracyQuantity(
        name="csa_mean_difference_mm2",
        wide_name="csa_mean_difference_mm2",
        unit="mm²",
        label="Difference of the mean cross-sectional area",
        description="P − R of `csa_mean_mm2`; undefined if one mask is empty.",
        function=_csa_difference_mm2,
        shown_unit="cm²",
        factor=0.01,
    ),
    AccuracyQuantity(
        name="fat_ratio_difference",
        wide_name="fat_ratio_difference",
        label="Fat ratio difference",
        description="P − R of `fat_ratio`; undefined if one mask is empty or without a Dixon pair.",
        function=_fat_ratio_difference,
        shown_unit="percentage points",
        factor=100.0,
    ),
)
"""Every quantity of agreement."""

ACCURACY_COLUMNS: Mapping[str, AccuracyQuantity] = {
    quantity.wide_name: quantity for quantity in ACCURACY if quantity.wide_name
}
"""The quantities of ``accuracy.csv`` by the name of their columns without the label's value."""
