"""Agreement of a predicted label map with a reference: overlap, surfaces, sizes, fat.

Overlap comes from one joint count of reference and prediction values per slice, from which every
Dice, for each label, level and slice, follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core.errors import GeometryError
from lpm_segmentator.core.volume import DixonPair, LabelMap
from lpm_segmentator.measure._window import cut, cut_pair, foreground_window
from lpm_segmentator.measure.quantities import csa_measure, fat_measure
from lpm_segmentator.measure.regions import ALL_SLICES, Region, SliceLevels
from lpm_segmentator.measure.sums import check_grid, joined, slice_sums
from lpm_segmentator.measure.surface import (
    BOTH_EMPTY,
    SurfaceDistances,
    assd_mm,
    hd95_mm,
    nsd,
    surface_distances,
)

__all__ = [
    "FOREGROUND",
    "Accuracy",
    "AccuracyRow",
    "Overlap",
    "compare_label_maps",
    "dice",
    "jaccard",
    "overlap",
]

IntArray = npt.NDArray[np.int64]

#: Name of all structures taken as one, whatever their labels.
FOREGROUND = "foreground"

_NAN = float("nan")
#: Tolerances of the normalised surface distance, in mm.
_TOLERANCES_MM = (1.0, 2.0)
_NAMES = {1.0: "nsd_1mm", 2.0: "nsd_2mm"}


@dataclass(frozen=True)
class Overlap:
    """Voxel counts of two masks."""

    reference: int
    prediction: int
    both: int

    @property
    def reason(self) -> str:
        """Why Dice and Jaccard are undefined; empty if they are defined."""
        return "" if self.reference or self.prediction else BOTH_EMPTY


def dice(counts: Overlap) -> float:
    """Return ``2 |R ∩ P| / (|R| + |P|)``; nan if both are empty."""
    total = counts.reference + counts.prediction
    return 2.0 * counts.both / total if total else _NAN


def jaccard(counts: Overlap) -> float:
    """Return ``|R ∩ P| / |R ∪ P|``; nan if both are empty."""
    union = counts.reference + counts.prediction - counts.both
    return counts.both / union if union else _NAN


def overlap(reference: npt.NDArray[np.bool_], prediction: npt.NDArray[np.bool_]) -> Overlap:
    """Count two masks and what they share.

    Parameters
    ----------
    reference, prediction : ndarray of bool
        Of one shape.

    Raises
    ------
    GeometryError
        If their shapes differ.
    """
    if reference.shape != prediction.shape:
        raise GeometryError(
            f"reference and prediction have shapes {reference.shape} and {prediction.shape}"
        )
    count = np.count_nonzero
    return Overlap(
        int(count(reference)), int(count(prediction)), int(count(reference & prediction))
    )


@dataclass(frozen=True)
class AccuracyRow:
    """Agreement for one structure over one region.

    Differences are prediction minus reference. ``note`` says why a value is nan.

    Attributes
    ----------
    structure : str
        ``"ES_R"``, ..., or ``"foreground"`` for all structures as one.
    label : int
        Its value; 0 for the foreground.
    level, level_kind : str
        The region, as in the table of measures; for the slice-wise table ``level_kind`` is
        ``"slice"`` and ``level`` the slice's index.
    dice, jaccard : float
        Overlap, 0 to 1.
    hd95_mm, assd_mm : float
        95th percentile and mean of the distances between the surfaces, both ways.
    nsd_1mm, nsd_2mm : float
        Share of both surfaces that lie within 1 and 2 mm of the other, 0 to 1.
    reference_volume_ml, prediction_volume_ml : float
        Volumes of the structure in the region.
    volume_difference_ml, volume_difference_percent : float
        In per cent of the reference. Undefined for a structure that the reference nowhere shows;
        one that the prediction alone lacks has lost all its volume.
    csa_mean_difference_mm2, fat_ratio_difference : float
        Of the mean area over the slices, and of ΣF / Σ(F + W), 0 to 1.
    """

    case: str
    structure: str
    label: int
    level: str
    level_kind: str
    dice: float
    jaccard: float
    hd95_mm: float
    assd_mm: float
    nsd_1mm: float
    nsd_2mm: float
    reference_volume_ml: float
    prediction_volume_ml: float
    volume_difference_ml: float
    volume_difference_percent: float
    csa_mean_difference_mm2: float
    fat_ratio_difference: float
    note: str = ""


@dataclass(frozen=True)
class Accuracy:
    """Agreement of one case.

    Attributes
    ----------
    case : str
    rows : tuple of AccuracyRow
        Foreground and each structure, for the whole stack and for each level.
    slices : tuple of AccuracyRow
        The same for each slice that shows either: tells where a case fails.
    ignored_voxels : int
        Voxels marked to be ignored in either label map and left out.
    """

    case: str
    rows: tuple[AccuracyRow, ...]
    slices: tuple[AccuracyRow, ...]
    ignored_voxels: int

    def wide(self) -> dict[str, float | str]:
        """Return one row: ``case, dsc_global, dsc_1 ..., hd95_mm_1 ..., volume_difference_ml_1``.

        Columns end in the label's value, as the published tables do; ``_global`` takes all
        structures as one. ``note`` names the structures of which something is undefined.
        """
        whole = [r for r in self.rows if r.level_kind == "all"]
        suffix = {r.structure: "global" if r.label == 0 else str(r.label) for r in whole}
        row: dict[str, float | str] = {"case": self.case}
        for column, name in _WIDE:
            row |= {f"{column}_{suffix[r.structure]}": getattr(r, name) for r in whole}
        row["note"] = "; ".join(f"{r.structure}: {r.note}" for r in whole if r.note)
        return row


_WIDE = (
    ("dsc", "dice"),
    ("jaccard", "jaccard"),
    ("hd95_mm", "hd95_mm"),
    ("assd_mm", "assd_mm"),
    ("nsd_1mm", "nsd_1mm"),
    ("nsd_2mm", "nsd_2mm"),
    ("volume_difference_ml", "volume_difference_ml"),
    ("volume_difference_percent", "volume_difference_percent"),
    ("csa_mean_difference_mm2", "csa_mean_difference_mm2"),
    ("fat_ratio_difference", "fat_ratio_difference"),
)


def compare_label_maps(
    reference: LabelMap,
    prediction: LabelMap,
    *,
    case: str = "",
    levels: SliceLevels | None = None,
    pair: DixonPair | None = None,
    surfaces: bool = True,
    open_ends: bool = False,
) -> Accuracy:
    """Compare a predicted label map with its reference.

    Parameters
    ----------
    reference, prediction : LabelMap
        On one grid, of one scheme. Voxels that either marks as ignored (see
        `LabelScheme.ignoring`) are taken out of both.
    case : str
        Written into every row.
    levels : SliceLevels, optional
        Adds rows per disc, vertebra and span.
    pair : DixonPair, optional
        Adds differences of the fat ratio.
    surfaces : bool
        Whether to measure surface distances, the costly part. Those of a vertebra or span are the
        whole stack's, of the surface voxels that lie in it; those of a disc or slice, which is one
        slice, run between the outlines in it.
    open_ends : bool
        See `surface_distances`.

    Raises
    ------
    GeometryError
        If the grids differ.
    """
    difference = reference.geometry.describe_difference(prediction.geometry)
    if difference:
        raise GeometryError(
            f"reference and prediction lie on different grids: {difference}",
            hint="Bring the prediction to the reference's grid first with --resample",
        )
    ignored = reference.ignored | prediction.ignored
    reference, prediction = (_without(m, ignored) for m in (reference, prediction))
    window = foreground_window(reference, prediction)
    if pair is not None:
        check_grid(reference.geometry, pair)
    maps = cut(reference, window), cut(prediction, window)
    compared = _Compared(case, maps, cut_pair(pair, window))
    if surfaces:
        compared.measure_surfaces(open_ends)
    regions = levels.regions() if levels else (compared.whole,)
    if levels and levels.n_slices != len(compared.whole.slices):
        raise GeometryError(
            f"the levels are of a stack of {levels.n_slices} slices, the label map has "
            f"{len(compared.whole.slices)}"
        )
    slices = [Region(str(index), "all", (index,)) for index in compared.shown_slices()]
    return Accuracy(
        case,
        tuple(compared.row(name, r, r.kind) for r in regions for name in compared.structures),
        tuple(compared.row(name, r, "slice") for r in slices for name in compared.structures),
        int(np.count_nonzero(ignored)),
    )


def _without(labels: LabelMap, ignored: npt.NDArray[np.bool_]) -> LabelMap:
    if not ignored.any():
        return labels
    return labels.with_array(np.where(ignored, np.uint8(0), labels.array))


class _Compared:
    """Joint counts and sums of a reference and a prediction."""

    def __init__(self, case: str, maps: tuple[LabelMap, LabelMap], pair: DixonPair | None) -> None:
        reference, prediction = maps
        self.case = case
        self.maps = maps
        geometry = reference.geometry
        self.geometry = geometry
        n_slices = geometry.shape[geometry.slice_axis]
        self.whole = Region(ALL_SLICES, "all", tuple(range(n_slices)))
        self.values = reference.scheme.values
        self.structures = {FOREGROUND: self.values} | {s.key: (s.value,) for s in reference.scheme}
        self.joint = _joint_counts(reference, prediction)
        self.sums = tuple(
            {name: joined(sums, values) for name, values in self.structures.items()}
            for sums in (slice_sums(reference, pair), slice_sums(prediction, pair))
        )
        self.distances: dict[str, SurfaceDistances] = {}

    def shown_slices(self) -> list[int]:
        """Slices with any structure in either map."""
        return [int(n) for n in np.flatnonzero(self.joint.sum(axis=(1, 2)))]

    def counts(self, values: Sequence[int], slices: Sequence[int]) -> Overlap:
        """Voxels of some labels taken as one, over some slices."""
        table = self.joint[list(slices)].sum(axis=0)
        chosen = [1 + self.values.index(v) for v in values]
        return Overlap(
            int(table[chosen].sum()),
            int(table[:, chosen].sum()),
            int(table[np.ix_(chosen, chosen)].sum()),
        )

    def measure_surfaces(self, open_ends: bool) -> None:
        """Measure the surface distances of every structure over the whole stack."""
        for name in self.structures:
            self.distances[name] = self._distances(name, self.whole, open_ends)

    def _distances(self, name: str, region: Region, open_ends: bool = False) -> SurfaceDistances:
        """Measure a structure on some neighbouring slices, on one as an outline in 2-D."""
        axis = self.geometry.slice_axis
        part: list[slice] = [slice(None)] * 3
        part[axis] = slice(region.slices[0], region.slices[-1] + 1)
        chosen = np.array(self.structures[name], dtype=np.uint8)
        one, other = (np.isin(m.array[tuple(part)], chosen) for m in self.maps)
        return surface_distances(
            one, other, self.geometry.spacing_mm, open_ends=open_ends, slice_axis=axis
        )

    def _surfaces(self, name: str, region: Region, kind: str) -> SurfaceDistances:
        """Return the distances that a row is about."""
        if kind == "all":
            return self.distances[name]
        # The slice at the end of a stack is all cut face; as an outline it is like the others.
        if len(region.slices) == 1:
            return self._distances(name, region)
        return self.distances[name].within(region.slices)

    def row(self, name: str, region: Region, kind: str) -> AccuracyRow:
        """One row of the table."""
        values = self.structures[name]
        counts = self.counts(values, region.slices)
        voxel_ml = self.geometry.voxel_volume_ml
        sizes = (counts.reference * voxel_ml, counts.prediction * voxel_ml)
        sums = [part[name] for part in self.sums]
        outlined = sums[0].over().voxels > 0
        areas = [csa_measure(s, region.slices).mean_mm2 for s in sums]
        fats = [fat_measure(s.over(region.slices)) for s in sums]
        notes = [counts.reason]
        found = {"hd95_mm": _NAN, "assd_mm": _NAN, "nsd_1mm": _NAN, "nsd_2mm": _NAN}
        if self.distances:
            d = self._surfaces(name, region, kind)
            found = {"hd95_mm": hd95_mm(d), "assd_mm": assd_mm(d)}
            found |= {_NAMES[tolerance]: nsd(d, tolerance) for tolerance in _TOLERANCES_MM}
            notes.append(d.reason)
        notes += [f.reason for f in fats if f.reason and sums[0].has_pair]
        return AccuracyRow(
            case=self.case,
            structure=name,
            label=0 if name == FOREGROUND else values[0],
            level=region.name,
            level_kind=kind,
            dice=dice(counts),
            jaccard=jaccard(counts),
            **found,
            reference_volume_ml=sizes[0],
            prediction_volume_ml=sizes[1],
            volume_difference_ml=sizes[1] - sizes[0] if outlined else _NAN,
            volume_difference_percent=100 * (sizes[1] / sizes[0] - 1) if sizes[0] else _NAN,
            csa_mean_difference_mm2=areas[1] - areas[0],
            fat_ratio_difference=fats[1].fat_ratio - fats[0].fat_ratio,
            note="; ".join(dict.fromkeys(n for n in notes if n)),
        )


def _joint_counts(reference: LabelMap, prediction: LabelMap) -> IntArray:
    """Count pairs of values per slice, shape (n_slices, n + 1, n + 1); row 0, column 0: neither.

    Only voxels that are foreground in either map are looked at, so entry (0, 0) stays 0.
    """
    values = reference.scheme.values
    position = np.zeros(256, dtype=np.int64)
    position[list(values)] = np.arange(1, len(values) + 1)
    axis, n = reference.slice_axis, len(values) + 1
    where = np.nonzero(reference.array | prediction.array)
    cell = (where[axis] * n + position[reference.array[where]]) * n
    cell += position[prediction.array[where]]
    n_slices = reference.shape[axis]
    return np.bincount(cell, minlength=n_slices * n * n).reshape(n_slices, n, n)
