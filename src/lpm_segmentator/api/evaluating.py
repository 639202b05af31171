"""Predicted label map files against their references."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lpm_segmentator.api.cases import (
    CaseFiles,
    find_cases,
    match_labels,
    on_grid_of,
    same_subject,
)
from lpm_segmentator.api.levels_file import read_slice_levels
from lpm_segmentator.api.sagittal import overlap
from lpm_segmentator.api.steps import find_label_maps
from lpm_segmentator.core import GeometryError, InputError, LabelMap, LpmError, resample
from lpm_segmentator.io import (
    ORIGIN_FLAG,
    case_id,
    differ_by_lost_origin,
    find_images,
    has_lost_origin,
    read_dixon,
    read_label_map,
    subject_key,
)
from lpm_segmentator.measure import Accuracy, compare_label_maps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lpm_segmentator.core import DixonPair

__all__ = ["EvaluateOptions", "LabelPairs", "evaluate_files", "pair_label_maps"]


@dataclass(frozen=True)
class EvaluateOptions:
    """How label maps are compared.

    Attributes
    ----------
    ignore : sequence of int
        Values that mark voxels to leave out.
    on_grid : bool
        Resample the prediction to the reference's grid (nearest voxel) where they differ.
    levels : Path, optional
        JSON of ``lpm levels``, or a folder with one a case: adds rows per level.
    water, fat : Path, optional
        Dixon pair, or folders of them: adds differences of the fat ratio.
    accept_origin_mismatch : bool
        Whether label maps and images of one scan that differ by nothing but a lost origin count as
        one grid.
    accept_frame_mismatch : bool
        Whether levels that were written for another person are taken as they lie.
    """

    ignore: Sequence[int] = ()
    on_grid: bool = False
    levels: Path | None = None
    water: Path | None = None
    fat: Path | None = None
    accept_origin_mismatch: bool = False
    accept_frame_mismatch: bool = False


@dataclass(frozen=True)
class LabelPairs:
    """Label maps and their references.

    Attributes
    ----------
    pairs : mapping of str to tuple of Path
        Reference and prediction of each case.
    lonely : mapping of str to str
        What lacks its partner, and what to do about it, by case.
    """

    pairs: Mapping[str, tuple[Path, Path]]
    lonely: Mapping[str, str]


def pair_label_maps(reference: Path, prediction: Path) -> LabelPairs:
    """Pair reference and predicted label maps: two files, or two folders by exact name.

    Raises
    ------
    InputError
        If no prediction has a reference, or one input is a file and the other a folder.
    """
    if reference.is_dir() != prediction.is_dir():
        raise InputError(
            "reference and prediction must both be files or both be folders",
            where=f"{reference} and {prediction}",
        )
    if not reference.is_dir():
        for path in (reference, prediction):
            find_images([path])
        return LabelPairs({case_id(prediction): (reference, prediction)}, {})
    references, predictions = find_label_maps([reference]), find_label_maps([prediction])
    pairs: dict[str, tuple[Path, Path]] = {}
    lonely: dict[str, str] = {}
    for item in predictions:
        try:
            found = match_labels(CaseFiles(item.case), [other.path for other in references])
        except LpmError as error:
            lonely[item.case] = str(error)
            continue
        if found is None:
            lonely[item.case] = f"the prediction has no reference in {reference}. {_NAMES}"
        else:
            pairs[item.case] = found, item.path
    if not pairs:
        first, *more = lonely.values()
        what = f"none of {len(lonely)} predictions has a reference" if more else first
        raise InputError(what, where=reference, hint=_NAMES if more else None)
    known = {subject_key(item.case) for item in predictions}
    for item in references:
        if subject_key(item.case) not in known:
            lonely[item.case] = f"the reference has no prediction in {prediction}. {_NAMES}"
    return LabelPairs(pairs, lonely)


_NAMES = "Names are matched whole; give both sets the same case names"


def evaluate_files(
    case: str, reference: Path, prediction: Path, options: EvaluateOptions | None = None
) -> Accuracy:
    """Compare two label map files.

    Parameters
    ----------
    case : str
    reference, prediction : Path
    options : EvaluateOptions, optional

    Raises
    ------
    GeometryError
        If the grids differ and the options do not say what to do, or one is to be resampled to
        the other and they show no place in common.
    LpmError
        Whatever else is wrong with the files.
    """
    options = options or EvaluateOptions()
    truth = read_label_map(reference, ignore=options.ignore)
    found = read_label_map(prediction, ignore=options.ignore)
    pair = None
    if options.water is not None or options.fat is not None:
        water, fat = _images(case, options)
        pair = read_dixon(water, fat, accept_origin_mismatch=options.accept_origin_mismatch).pair
    if options.accept_origin_mismatch:
        truth, found = _one_origin(truth, found, pair)
    found = _on_grid(truth, found, prediction, resampled=options.on_grid)
    levels = None
    if options.levels is not None:
        names = (case, case_id(reference))
        levels, _ = read_slice_levels(
            options.levels,
            names,
            truth.geometry,
            accept_mismatch=options.accept_frame_mismatch,
        )
    return compare_label_maps(truth, found, case=case, levels=levels, pair=pair)


def _one_origin(
    truth: LabelMap, found: LabelMap, pair: DixonPair | None
) -> tuple[LabelMap, LabelMap]:
    """Lay maps that differ by a lost origin alone on one grid: the images', or the one not lost."""
    if pair is not None:
        maps = truth.geometry, found.geometry
        if all(map(has_lost_origin, maps)) and maps[0].describe_difference(maps[1]) is not None:
            return truth, found  # crops of different slices
        place = pair.geometry
    else:
        place = (found if has_lost_origin(truth.geometry) else truth).geometry
    return on_grid_of(truth, place), on_grid_of(found, place)


def _on_grid(truth: LabelMap, found: LabelMap, path: Path, *, resampled: bool) -> LabelMap:
    """Return the prediction on the reference's grid; refuse what cannot be brought there."""
    difference = truth.geometry.describe_difference(found.geometry)
    if difference is None:
        return found
    is_lost = differ_by_lost_origin(truth.geometry, found.geometry)
    lost = f"If one of them has lost its origin, add {ORIGIN_FLAG}"
    if not resampled:
        hint = "Bring the prediction to the reference's grid with --resample"
        raise GeometryError(
            f"reference and prediction lie on different grids: {difference}",
            where=path,
            hint=f"{lost}; if both are right, add --resample" if is_lost else hint,
        )
    moved = resample(found, truth.geometry, order=0)
    apart = min(overlap(truth.geometry, found.geometry)) <= 0
    if apart or (found.foreground.any() and not moved.foreground.any()):
        what = "do not overlap" if apart else "have no place in common that the prediction labels"
        raise GeometryError(
            f"reference and prediction {what}, so that resampling would leave nothing to compare: "
            f"{difference}",
            where=path,
            hint=lost
            if is_lost
            else "The origin of one is wrong, or they are of two examinations; export the mask "
            "again, or crop it with 'lpm crop', which keeps the origin",
        )
    return moved


def _images(case: str, options: EvaluateOptions) -> tuple[Path, Path]:
    """Return water and fat of a case: the two files, or those of its name in the folders."""
    given = [path for path in (options.water, options.fat) if path is not None]
    if not any(path.is_dir() for path in given):
        (files,) = find_cases([], water=options.water, fat=options.fat)
    else:
        fitting = [f for f in find_cases(list(dict.fromkeys(given))) if same_subject(f, case)]
        if len(fitting) != 1:
            raise InputError(
                f"{len(fitting) or 'no'} Dixon pairs belong to the case {case!r}",
                where=given[0],
                hint="Names are matched whole; name them CASE_water.nii.gz and CASE_fat.nii.gz",
            )
        (files,) = fitting
    if files.water is None or files.fat is None:
        raise InputError(files.problem or "the case has no Dixon pair", where=case)
    return files.water, files.fat
