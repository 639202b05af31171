"""How much: sizes, fat and asymmetry of the muscles, and accuracy against a reference.

Arrays in, numbers out: nothing here reads, writes or draws. Undefined values are nan and come with
a reason. What is measured is listed in `catalogue`.
"""

from __future__ import annotations

from lpm_segmentator.measure.accuracy import FOREGROUND, Accuracy, compare_label_maps
from lpm_segmentator.measure.asymmetry import AsymmetryFormula, asymmetry_percent
from lpm_segmentator.measure.case import CaseMeasures, measure_case
from lpm_segmentator.measure.catalogue import (
    ACCURACY,
    CATALOGUE,
    PREFERRED_MAP,
    AccuracyQuantity,
    Catalogue,
    Comparison,
    Kind,
    Measure,
    Quantity,
)
from lpm_segmentator.measure.fat.bias import correct_bias
from lpm_segmentator.measure.fat.dixon import FatMeasure, fat_fraction_map, fat_measure
from lpm_segmentator.measure.fat.intensity import (
    IntensityFat,
    intensity_fat,
    intensity_fat_possible,
)
from lpm_segmentator.measure.fat.split import (
    IntensityMethod,
    IntensitySplit,
    split_intensities,
)
from lpm_segmentator.measure.fat.swap import SwapReport, detect_swap
from lpm_segmentator.measure.overlap import Overlap, dice, jaccard, overlap
from lpm_segmentator.measure.region_comparison import RegionComparison
from lpm_segmentator.measure.region_sums import GroupSums, RegionSums
from lpm_segmentator.measure.regions import Group, groups_of
from lpm_segmentator.measure.rows import (
    AccuracyRow,
    MeasureRow,
    ProfileRow,
    fat_ratio_row,
    volume_row,
)
from lpm_segmentator.measure.sizes import (
    CsaMeasure,
    area_across_body_mm2,
    csa_measure,
    label_volumes_ml,
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
from lpm_segmentator.measure.variants import OutlineVariants, outline_variants

__all__ = [
    "ACCURACY",
    "CATALOGUE",
    "FOREGROUND",
    "PREFERRED_MAP",
    "Accuracy",
    "AccuracyQuantity",
    "AccuracyRow",
    "AsymmetryFormula",
    "CaseMeasures",
    "Catalogue",
    "Comparison",
    "CsaMeasure",
    "FatMeasure",
    "Group",
    "GroupSums",
    "IntensityFat",
    "IntensityMethod",
    "IntensitySplit",
    "Kind",
    "Measure",
    "MeasureRow",
    "OutlineVariants",
    "Overlap",
    "ProfileRow",
    "Quantity",
    "RegionComparison",
    "RegionSums",
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
    "slice_sums",
    "split_intensities",
    "sums_of_mask",
    "surface_distances",
    "volume_row",
]
