"""The rows of the tables: tidy measures, slice profiles, and the published method's wide rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lpm_segmentator.measure.intensity_fat import IntensitySplit
from lpm_segmentator.measure.swap import SwapReport

__all__ = ["CaseMeasures", "MeasureRow", "ProfileRow", "fat_ratio_row", "volume_row"]

NAN = float("nan")


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
        On rows of both sides; nan on the others.
    asymmetry_formula : str
        How they compare right with left; empty on rows of one side.
    fat_ratio_side_difference : float
        Right minus left, on rows of both sides; nan on the others.
    volume_low_ml, ..., fat_fraction_mean_high : float
        What one voxel less or more of outline does: see `Reliability`. nan where not asked for.
    fat_gmm2_soft, ..., fat_otsu_hard : float
        Fat by brightness on an image that is no Dixon pair, 0–1: see `IntensityFat`.
    fat_gmm3_soft_low, fat_gmm3_soft_high : float
        What one voxel less or more of outline does to it.
    lean_volume_gmm3_ml, lean_csa_mean_gmm3_mm2 : float
        Lean volume and mean lean area by the soft map of three Gaussians.
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
    asymmetry_formula: str = ""
    fat_ratio_side_difference: float = NAN
    volume_low_ml: float = NAN
    volume_high_ml: float = NAN
    csa_mean_low_mm2: float = NAN
    csa_mean_high_mm2: float = NAN
    lean_volume_low_ml: float = NAN
    lean_volume_high_ml: float = NAN
    lean_csa_mean_low_mm2: float = NAN
    lean_csa_mean_high_mm2: float = NAN
    fat_ratio_low: float = NAN
    fat_ratio_high: float = NAN
    fat_fraction_mean_low: float = NAN
    fat_fraction_mean_high: float = NAN
    fat_gmm2_soft: float = NAN
    fat_gmm2_hard: float = NAN
    fat_gmm3_soft: float = NAN
    fat_gmm3_hard: float = NAN
    fat_otsu_soft: float = NAN
    fat_otsu_hard: float = NAN
    fat_gmm3_soft_low: float = NAN
    fat_gmm3_soft_high: float = NAN
    lean_volume_gmm3_ml: float = NAN
    lean_csa_mean_gmm3_mm2: float = NAN
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
    fat_gmm3_soft: float = NAN
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
    splits : tuple of IntensitySplit
        How fat was told by brightness; empty where it was not.
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
    splits: tuple[IntensitySplit, ...]
    warnings: tuple[str, ...]


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
        Volumes in mL by label value. Without a reference the ``_gd`` columns are left out; what
        it nowhere shows was not outlined, and has no volume (nan) to compare with.

    Examples
    --------
    >>> volume_row("TUM01", {1: 201.5}, {1: 203.1})
    {'case': 'TUM01', 'volume1_gd': 203.1, 'volume1_ai': 201.5}
    """
    if reference is not None:
        reference = {label: volume or NAN for label, volume in reference.items()}
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
