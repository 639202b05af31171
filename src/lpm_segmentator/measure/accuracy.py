"""Agreement of a predicted label map with a reference: overlap, surfaces, sizes, fat.

Overlap comes from one joint count of reference and prediction values per slice (`joint_counts`),
from which every Dice, of each label, level and slice, follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core.errors import GeometryError, Remedy
from lpm_segmentator.core.regions import Region, SliceLevels, single_slice, whole_stack
from lpm_segmentator.core.volume import DixonPair, LabelMap
from lpm_segmentator.dataframes import data_frame
from lpm_segmentator.measure.catalogue import ACCURACY
from lpm_segmentator.measure.overlap import Overlap, joint_counts
from lpm_segmentator.measure.region_comparison import RegionComparison
from lpm_segmentator.measure.region_sums import GroupSums
from lpm_segmentator.measure.rows import AccuracyRow
from lpm_segmentator.measure.sums import check_grid, joined, slice_sums
from lpm_segmentator.measure.surface import SurfaceDistances, surface_distances
from lpm_segmentator.measure.window import cut, cut_pair, foreground_window

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FOREGROUND", "Accuracy", "compare_label_maps"]

FOREGROUND = "foreground"
"""Name of all structures taken as one, whatever their labels."""


@dataclass(frozen=True)
class Accuracy:
    """Agreement of one case.

    Attributes
    ----------
    case : str
    rows : tuple of AccuracyRow
        Foreground and each structure, for the whole stack and for each level.
    slices : tuple of AccuracyRow
        The same for each slice that shows either mask: where a case fails.
    ignored_voxels : int
        Voxels marked to be ignored in either label map and left out.
    """

    case: str
    rows: tuple[AccuracyRow, ...]
    slices: tuple[AccuracyRow, ...]
    ignored_voxels: int

    def to_dataframe(self) -> pd.DataFrame:
        """Return the rows as a table, one row a structure and region."""
        return data_frame(row.to_dict() for row in self.rows)

    def wide(self) -> dict[str, float | str]:
        """Return one row: ``case, dsc_global, dsc_1 ..., hd95_mm_1 ..., volume_difference_ml_1``.

        Columns end in the label's value, as in the published tables; ``_global`` takes all
        structures as one. ``note`` names the structures with undefined values.
        """
        whole = [r for r in self.rows if r.level_kind == "all"]
        suffix = {r.structure: "global" if r.label == 0 else str(r.label) for r in whole}
        row: dict[str, float | str] = {"case": self.case}
        for quantity in ACCURACY:
            if quantity.wide_name is not None:
                name = quantity.wide_name
                row |= {f"{name}_{suffix[r.structure]}": r[quantity.name] for r in whole}
        row["note"] = "; ".join(f"{r.structure}: {r.note}" for r in whole if r.note)
        return row


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
        `LabelScheme.ignoring`) are removed from both.
    case : str
        Written into every row.
    levels : SliceLevels, optional
        Adds rows per disc, vertebra and span.
    pair : DixonPair, optional
        Adds differences of the fat ratio.
    surfaces : bool
        Whether to measure surface distances, the costly part. Those of a vertebra or span are the
        whole stack's, of the surface voxels within it; those of a disc or slice, which is one
        slice, are measured between the outlines in it.
    open_ends : bool
        See `surface_distances`.

    Returns
    -------
    Accuracy
        Undefined values are nan; the row's note says why.

    Raises
    ------
    GeometryError
        If grids or levels do not belong together.
    """
    _check_grids(reference, prediction)
    check_grid(reference.geometry, pair)
    whole = whole_stack(reference.shape[reference.slice_axis])
    if levels:
        levels.check_stack(len(whole.slices))
    ignored = reference.ignored | prediction.ignored
    reference, prediction = (_without(m, ignored) for m in (reference, prediction))
    window = foreground_window(reference, prediction)
    compared = _Compared(cut(reference, window), cut(prediction, window), cut_pair(pair, window))
    if surfaces:
        compared.measure_surfaces(whole, open_ends)
    regions = levels.regions() if levels else (whole,)
    slices = [single_slice(index) for index in compared.shown_slices()]
    return Accuracy(
        case,
        tuple(compared.row(case, name, r) for r in regions for name in compared.structures),
        tuple(compared.row(case, name, r) for r in slices for name in compared.structures),
        int(np.count_nonzero(ignored)),
    )


def _check_grids(reference: LabelMap, prediction: LabelMap) -> None:
    difference = reference.geometry.describe_difference(prediction.geometry)
    if difference:
        raise GeometryError(
            f"reference and prediction lie on different grids: {difference}",
            hint=f"Resample the prediction to the reference's grid first: pass {Remedy.RESAMPLE}",
            remedy=Remedy.RESAMPLE,
        )


def _without(labels: LabelMap, ignored: npt.NDArray[np.bool_]) -> LabelMap:
    if not ignored.any():
        return labels
    return labels.with_array(np.where(ignored, np.uint8(0), labels.array))


class _Compared:
    """Joint counts, sums and surface distances of a reference and a prediction."""

    def __init__(self, reference: LabelMap, prediction: LabelMap, pair: DixonPair | None) -> None:
        self.maps = (reference, prediction)
        self.geometry = reference.geometry
        self.values = reference.scheme.values
        self.structures = {FOREGROUND: self.values} | {s.key: (s.value,) for s in reference.scheme}
        self.joint = joint_counts(reference, prediction)
        self.sums = tuple(
            {name: GroupSums(joined(sums, values)) for name, values in self.structures.items()}
            for sums in (slice_sums(reference, pair), slice_sums(prediction, pair))
        )
        self.distances: dict[str, SurfaceDistances] = {}

    def shown_slices(self) -> list[int]:
        """Return the slices with any structure in either map."""
        return [int(n) for n in np.flatnonzero(self.joint.sum(axis=(1, 2)))]

    def counts(self, values: Sequence[int], slices: Sequence[int]) -> Overlap:
        """Return the voxels of some labels taken as one, over some slices."""
        table = self.joint[list(slices)].sum(axis=0)
        chosen = [1 + self.values.index(v) for v in values]
        return Overlap(
            int(table[chosen].sum()),
            int(table[:, chosen].sum()),
            int(table[np.ix_(chosen, chosen)].sum()),
        )

    def measure_surfaces(self, whole: Region, open_ends: bool) -> None:
        """Measure the surface distances of every structure over the whole stack."""
        for name in self.structures:
            self.distances[name] = self._distances(name, whole, open_ends)

    def _distances(self, name: str, region: Region, open_ends: bool = False) -> SurfaceDistances:
        """Measure a structure on neighbouring slices; a single slice as an outline in 2-D."""
        axis = self.geometry.slice_axis
        part: list[slice] = [slice(None)] * 3
        part[axis] = slice(region.slices[0], region.slices[-1] + 1)
        chosen = np.array(self.structures[name], dtype=np.uint8)
        one, other = (np.isin(m.array[tuple(part)], chosen) for m in self.maps)
        return surface_distances(
            one, other, self.geometry.spacing_mm, open_ends=open_ends, slice_axis=axis
        )

    def _surfaces(self, name: str, region: Region) -> SurfaceDistances | None:
        """Return the distances of a structure in a region; None where they are not wanted."""
        if not self.distances:
            return None
        if region.kind == "all":
            return self.distances[name]
        # The slice at the end of a stack is all cut face; as an outline it is like the others.
        if len(region.slices) == 1:
            return self._distances(name, region)
        return self.distances[name].within(region.slices)

    def row(self, case: str, name: str, region: Region) -> AccuracyRow:
        """Return one row of the table."""
        values = self.structures[name]
        reference, prediction = (sums[name].over(region) for sums in self.sums)
        regions = RegionComparison(
            self.counts(values, region.slices),
            reference,
            prediction,
            self._surfaces(name, region),
        )
        return AccuracyRow(
            case=case,
            structure=name,
            label=0 if name == FOREGROUND else values[0],
            level=region.name,
            level_kind=region.kind,
            values={quantity.name: quantity.function(regions) for quantity in ACCURACY},
            note="; ".join(regions.reasons()),
        )
