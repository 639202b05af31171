"""Predicted label map files against their references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from lpm_segmentator.core import (
    DixonPair,
    Geometry,
    GeometryError,
    InputError,
    LabelMap,
    LabelNumbering,
    Remedy,
    differ_by_lost_origin,
    has_lost_origin,
    is_moved_in_plane,
    on_lattice,
    resample,
    with_origin_of,
)
from lpm_segmentator.io import HeaderOptions, LabelImage, case_id, read_label_map, set_paths
from lpm_segmentator.measure import Accuracy, compare_label_maps
from lpm_segmentator.measure.checks import check_against, check_orientation
from lpm_segmentator.study.cases import CaseFiles
from lpm_segmentator.study.discovery import find_cases
from lpm_segmentator.study.labels import match_label_maps
from lpm_segmentator.study.levels_files import read_slice_levels
from lpm_segmentator.study.listing import list_label_maps, list_volumes
from lpm_segmentator.study.loading import load_pair
from lpm_segmentator.study.options import ReadOptions

__all__ = [
    "EvaluateOptions",
    "Evaluated",
    "LabelPairs",
    "evaluate_files",
    "find_images",
    "pair_label_maps",
]

_ROUNDING = 0.02  # of a voxel: corners that coincide but for rounding add none
_HINT = "Names are matched whole; give both sets the same case names"


@dataclass(frozen=True)
class EvaluateOptions:
    """How label maps are compared.

    Attributes
    ----------
    read : ReadOptions
        How the files are read. With `resample` the prediction is brought to the reference's grid,
        by nearest neighbour, where they differ.
    levels : Path, optional
        JSON of ``lpm levels``, or a folder with one a case: adds rows per level.
    water, fat : Path, optional
        Dixon pair, or folders of them: adds differences of the fat ratio.
    accept_frame_mismatch : bool
        Whether levels that were written for another subject are used where they lie.
    reference_scheme : LabelNumbering, optional
        What the values of references mean, if not the same as in predictions
        (`ReadOptions.label_scheme`).
    """

    read: ReadOptions = field(default_factory=ReadOptions)
    levels: Path | None = None
    water: Path | None = None
    fat: Path | None = None
    accept_frame_mismatch: bool = False
    reference_scheme: LabelNumbering | None = None

    def __post_init__(self) -> None:
        set_paths(self, "levels", "water", "fat")


@dataclass(frozen=True)
class LabelPairs:
    """Label maps and their references.

    Attributes
    ----------
    pairs : mapping of str to tuple of Path
        Reference and prediction of each case.
    unpaired : mapping of str to str
        What lacks its partner, and what to do about it, by case.
    """

    pairs: Mapping[str, tuple[Path, Path]]
    unpaired: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Evaluated:
    """The accuracy of a prediction, and what there is to say about the files."""

    accuracy: Accuracy
    notes: tuple[str, ...]


def pair_label_maps(
    reference: Path, prediction: Path, header: HeaderOptions | None = None
) -> LabelPairs:
    """Pair reference and predicted label maps: two files, or two folders by exact name.

    Parameters
    ----------
    reference, prediction : Path
    header : HeaderOptions, optional
        What to trust in headers, where several references of a case are compared.

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
        list_volumes([reference])
        list_volumes([prediction])
        return LabelPairs({case_id(prediction): (reference, prediction)}, {})
    references, predictions = list_label_maps([reference]), list_label_maps([prediction])
    cases = [CaseFiles(item.case, image=item.path) for item in predictions]
    found = match_label_maps(cases, references, header or HeaderOptions())
    pairs = {
        item.case: (found.paths[item.case], item.path)
        for item in predictions
        if item.case in found.paths
    }
    missing = f"the prediction has no reference in {reference}. {_HINT}"
    unpaired = {
        item.case: str(found.errors.get(item.case, missing))
        for item in predictions
        if item.case not in found.paths
    }
    if not pairs:
        first, *more = unpaired.values()
        what = f"none of {len(unpaired)} predictions has a reference" if more else first
        raise InputError(what, where=reference, hint=_HINT if more else None)
    for item in references:
        if item.path in found.unmatched:
            unpaired[item.case] = f"the reference has no prediction in {prediction}. {_HINT}"
    return LabelPairs(pairs, unpaired)


def find_images(options: EvaluateOptions) -> list[CaseFiles]:
    """List the Dixon pair of the options, or those in their folders; empty if they name none.

    Raises
    ------
    LpmError
        If there are no images, or one of the two files is missing.
    """
    given = [path for path in (options.water, options.fat) if path is not None]
    if not any(path.is_dir() for path in given):
        return find_cases([], water=options.water, fat=options.fat) if given else []
    return find_cases(list(dict.fromkeys(given)), join_stacks=False)


def evaluate_files(
    case: str,
    reference: str | Path,
    prediction: str | Path,
    options: EvaluateOptions | None = None,
    *,
    images: Sequence[CaseFiles] | None = None,
) -> Evaluated:
    """Compare two label map files.

    The comparison covers both maps: what either shows beyond the other's grid counts as missed or
    as wrongly labelled.

    Parameters
    ----------
    case : str
    reference, prediction : path-like
    options : EvaluateOptions, optional
    images : sequence of CaseFiles, optional
        What `find_images` lists for the options; listed if not given, which takes long where many
        cases are compared one after the other.

    Raises
    ------
    GeometryError
        If the grids differ and the options do not say what to do, or one is to be resampled to
        the other and they show no place in common.
    LpmError
        Whatever else is wrong with the files.
    """
    options = options or EvaluateOptions()
    reference, prediction = Path(reference), Path(prediction)
    label_maps = _read_both(reference, prediction, options)
    pair = _pair_of(case, options, images)
    truth, predicted = (label_map.labels for label_map in label_maps)
    if options.read.accept_origin_mismatch:
        truth, predicted = _on_one_origin(truth, predicted, pair)
    reference_grid = truth.geometry
    truth, predicted = _on_one_grid(truth, predicted, prediction, options.read)
    if pair is not None and pair.geometry.describe_difference(truth.geometry) is not None:
        truth, predicted = (
            _on_images(labels, pair.geometry, case) for labels in (truth, predicted)
        )
    levels, notes = (
        None,
        [f"{one.source.name}: {note}" for one in label_maps for note in one.notes],
    )
    notes += _renumbered(reference_grid, truth.geometry)
    if options.levels is not None:
        levels, outside = read_slice_levels(
            options.levels,
            (case, case_id(reference)),
            truth.geometry,
            accept_mismatch=options.accept_frame_mismatch,
        )
        notes += outside
    accuracy = compare_label_maps(truth, predicted, case=case, levels=levels, pair=pair)
    notes += _orientation(truth, predicted)
    return Evaluated(accuracy, tuple(dict.fromkeys(notes)))


def _orientation(truth: LabelMap, predicted: LabelMap) -> list[str]:
    """Return what is wrong with the orientation of either map."""
    of_truth, of_predicted = check_orientation(truth), check_orientation(predicted)
    if of_truth.warning or of_predicted.warning:
        pairs = (("reference", of_truth), ("prediction", of_predicted))
        return [c.warning.replace("the mask", f"the {name}") for name, c in pairs if c.warning]
    warning = check_against(predicted, truth).warning
    return [warning.replace("the mask", "the prediction or the reference")] if warning else []


def _renumbered(reference: Geometry, common: Geometry) -> list[str]:
    """State how slices are numbered where the common grid begins below the reference's."""
    axis = reference.slice_axis
    first = round(float(common.world_to_voxel(reference.origin_mm)[axis]))
    if not first:
        return []
    return [
        "the grids of reference and prediction were joined: slice 0 of the reference is slice "
        f"{first} in the tables"
    ]


def _read_both(reference: Path, prediction: Path, options: EvaluateOptions) -> list[LabelImage]:
    scheme = options.reference_scheme or options.read.label_scheme
    return [
        _read(reference, replace(options.read, label_scheme=scheme)),
        _read(prediction, options.read),
    ]


def _pair_of(
    case: str, options: EvaluateOptions, images: Sequence[CaseFiles] | None
) -> DixonPair | None:
    if options.water is None and options.fat is None:
        return None
    listed = find_images(options) if images is None else images
    return load_pair(*_images_of(case, listed, options), options.read)[1]


def _read(path: Path, options: ReadOptions) -> LabelImage:
    return read_label_map(path, options.label_scheme, ignore=options.ignore, options=options.header)


def _on_one_origin(
    truth: LabelMap, predicted: LabelMap, pair: DixonPair | None
) -> tuple[LabelMap, LabelMap]:
    """Place maps that differ by a lost origin alone on one grid: the images', or the other's."""
    if pair is not None:
        maps = truth.geometry, predicted.geometry
        if all(map(has_lost_origin, maps)) and maps[0].describe_difference(maps[1]) is not None:
            return truth, predicted  # crops of different slices
        place = pair.geometry
    else:
        place = (predicted if has_lost_origin(truth.geometry) else truth).geometry
    return with_origin_of(truth, place), with_origin_of(predicted, place)


def _on_one_grid(
    truth: LabelMap, predicted: LabelMap, path: Path, options: ReadOptions
) -> tuple[LabelMap, LabelMap]:
    """Return both maps on a grid that covers both; refuse what cannot be brought there."""
    difference = truth.geometry.describe_difference(predicted.geometry)
    if difference is None:
        return truth, predicted
    is_lost = differ_by_lost_origin(truth.geometry, predicted.geometry)
    if not (is_lost or options.resample):
        _check_overlap(truth, predicted, difference, is_lost=False)
        # A map cropped within its slices has another shape; so one of the origins may be wrong.
        is_part = not is_moved_in_plane(truth.geometry, predicted.geometry)
        grid = _covering(truth.geometry, predicted.geometry)
        if is_part and (placed := on_lattice(predicted, grid)) is not None:
            whole = on_lattice(truth, grid)
            if whole is not None:
                return whole, placed
    if not options.resample:
        hint = (
            "If both headers are right, bring the prediction to the reference's grid: pass "
            f"{Remedy.RESAMPLE}"
        )
        remedies = [Remedy.RESAMPLE]
        if is_lost:
            hint = (
                "If one of them has lost its origin in a conversion, pass "
                f"{Remedy.ACCEPT_ORIGIN_MISMATCH}; if both headers are right, pass "
                f"{Remedy.RESAMPLE}"
            )
            remedies.append(Remedy.ACCEPT_ORIGIN_MISMATCH)
        raise GeometryError(
            f"reference and prediction lie on different grids: {difference}",
            where=path,
            hint=hint,
            remedy=remedies,
        )
    _check_overlap(truth, predicted, difference, is_lost=is_lost)
    grid = _covering(truth.geometry, predicted.geometry)
    whole = on_lattice(truth, grid)
    return whole or truth, resample(predicted, grid if whole else truth.geometry, order=0)


def _covering(grid: Geometry, other: Geometry) -> Geometry:
    """Return a grid continued by whole voxels so that it covers another one as well."""
    corners = grid.world_to_voxel(other.corners_mm())
    low = np.minimum(0, np.floor(corners.min(axis=0) + _ROUNDING)).astype(int)
    high = np.maximum(grid.shape, np.ceil(corners.max(axis=0) - _ROUNDING).astype(int) + 1)
    return grid.shifted(low.tolist(), (high - low).tolist())


def _check_overlap(truth: LabelMap, predicted: LabelMap, difference: str, *, is_lost: bool) -> None:
    """Refuse maps of which no comparison makes sense: they show no place in common."""
    if min(truth.geometry.overlap_mm(predicted.geometry)) > 0:
        return
    hint, remedy = (
        "The origin of one is wrong, or they are of two examinations; export the mask again, or "
        "crop it with 'lpm crop', which keeps the origin",
        None,
    )
    if is_lost:
        hint = (
            "If one of them has lost its origin in a conversion, pass "
            f"{Remedy.ACCEPT_ORIGIN_MISMATCH}"
        )
        remedy = Remedy.ACCEPT_ORIGIN_MISMATCH
    raise GeometryError(
        f"reference and prediction do not overlap: {difference}", hint=hint, remedy=remedy
    )


def _on_images(labels: LabelMap, grid: Geometry, case: str) -> LabelMap:
    """Return a label map on the grid of the images, which must be of its lattice."""
    placed = on_lattice(labels, grid)
    if placed is None:
        difference = grid.describe_difference(labels.geometry)
        raise GeometryError(
            f"the label maps and the images lie on different grids: {difference}",
            where=case,
            hint="Give label maps and images of one scan. If one lost its origin in a conversion, "
            f"pass {Remedy.ACCEPT_ORIGIN_MISMATCH}",
            remedy=Remedy.ACCEPT_ORIGIN_MISMATCH,
        )
    return placed


def _images_of(
    case: str, images: Sequence[CaseFiles], options: EvaluateOptions
) -> tuple[Path, Path]:
    """Return water and fat of a case: the two files, or those of its name in the folders."""
    given = [path for path in (options.water, options.fat) if path is not None]
    if any(path.is_dir() for path in given):
        images = [files for files in images if files.is_called(case)]
        if len(images) != 1:
            raise InputError(
                f"{len(images) or 'no'} Dixon pairs belong to the case {case!r}",
                where=given[0],
                hint="Names are matched whole; name them CASE_water.nii.gz and CASE_fat.nii.gz",
            )
    (files,) = images
    if files.water is None or files.fat is None:
        raise InputError(files.problem or "the case has no Dixon pair", where=case)
    return files.water, files.fat
