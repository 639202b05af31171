"""How much: sizes, fat and asymmetry of the muscles, and accuracy against a reference.

Arrays in, numbers out: nothing here reads, writes or draws. Undefined values are nan and come with
a reason.
"""

from __future__ import annotations

from lpm_segmentator.measure.accuracy import (
    FOREGROUND,
    Accuracy,
    AccuracyRow,
    Overlap,
    compare_label_maps,
    dice,
    jaccard,
    overlap,
)
from lpm_segmentator.measure.asymmetry import AsymmetryFormula, asymmetry_percent
from lpm_segmentator.measure.bias import correct_bias
from lpm_segmentator.measure.intensity_fat import (
    IntensityFat,
    IntensityMethod,
    IntensitySplit,
    intensity_fat,
    intensity_fat_possible,
    split_intensities,
)
from lpm_segmentator.measure.quantities import (
    CsaMeasure,
    FatMeasure,
    area_across_body_mm2,
    csa_measure,
    fat_fraction_map,
    fat_measure,
    label_volumes_ml,
)
from lpm_segmentator.measure.regions import ALL_SLICES, Group, Region, SliceLevels, groups_of
from lpm_segmentator.measure.reliability import (
    Interval,
    OutlineVariants,
    Reliability,
    outline_variants,
    reliability,
)
from lpm_segmentator.measure.rows import (
    CaseMeasures,
    MeasureRow,
    ProfileRow,
    fat_ratio_row,
    volume_row,
)
from lpm_segmentator.measure.sums import SliceSums, Sums, slice_sums, sums_of_mask
from lpm_segmentator.measure.surface import (
    SurfaceDistances,
    assd_mm,
    hausdorff_mm,
    hd95_mm,
    nsd,
    surface_distances,
)
from lpm_segmentator.measure.swap import SwapReport, detect_swap
from lpm_segmentator.measure.tables import measure_case

__all__ = [
    "ALL_SLICES",
    "FOREGROUND",
    "Accuracy",
    "AccuracyRow",
    "AsymmetryFormula",
    "CaseMeasures",
    "CsaMeasure",
    "FatMeasure",
    "Group",
    "IntensityFat",
    "IntensityMethod",
    "IntensitySplit",
    "Interval",
    "MeasureRow",
    "OutlineVariants",
    "Overlap",
    "ProfileRow",
    "Region",
    "Reliability",
    "SliceLevels",
    "SliceSums",
    "Sums",
    "SurfaceDistances",
    "SwapReport",
    "area_across_body_mm2",
    "assd_mm",
    "asymmetry_percent",
    "compare_label_maps",
    "correct_bias",
    "csa_measure",
    "detect_swap",
    "dice",
    "fat_fraction_map",
    "fat_measure",
    "fat_ratio_row",
    "groups_of",
    "hausdorff_mm",
    "hd95_mm",
    "intensity_fat",
    "intensity_fat_possible",
    "jaccard",
    "label_volumes_ml",
    "measure_case",
    "nsd",
    "outline_variants",
    "overlap",
    "reliability",
    "slice_sums",
    "split_intensities",
    "sums_of_mask",
    "surface_distances",
    "volume_row",
]
