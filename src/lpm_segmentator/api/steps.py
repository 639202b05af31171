"""The single steps of the method on files: crop, segment, postprocess, levels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lpm_segmentator.core import InputError, LabelError, crop_slices
from lpm_segmentator.io import (
    IGNORED_VALUE,
    HeaderOptions,
    SliceRange,
    case_id,
    is_label_name,
    lookup,
    read_image,
    read_label_map,
    write_image,
    write_label_map,
)
from lpm_segmentator.models import load_predictor
from lpm_segmentator.pipeline import Settings, locate, segment_case
from lpm_segmentator.segment import Connectivity, keep_largest
from lpm_segmentator.study.cases import CaseFiles
from lpm_segmentator.study.loading import check_slices, load_case
from lpm_segmentator.study.options import LevelOptions, ReadOptions, SliceTable

if TYPE_CHECKING:
    from lpm_segmentator.core import Finding
    from lpm_segmentator.segment import Predictor
    from lpm_segmentator.study.listing import ImageFile

__all__ = ["crop_file", "find_levels", "postprocess_file", "segment_file"]

_PLAIN = HeaderOptions()


def crop_file(
    item: ImageFile, target: Path, table: SliceTable, header: HeaderOptions = _PLAIN
) -> tuple[str, ...]:
    """Write the slices of an image or label map that the table names; the origin moves along.

    Returns
    -------
    tuple of str
        What is uncertain about the file.

    Raises
    ------
    TableError
        If the case is not in the table.
    GeometryError
        If the range lies outside the image.
    """
    entry = lookup(table.read(), item.case)
    if is_label_name(item.path):
        return _crop_labels(item.path, target, entry, header)
    try:
        image = read_image(item.path, header)
    except LabelError:  # a label map whose name does not say so
        return _crop_labels(item.path, target, entry, header)
    check_slices(entry.start, entry.stop, image.volume, where=item.path)
    cropped, _ = crop_slices(image.volume, entry.start, entry.stop)
    write_image(cropped, target, like=image.source)
    return image.notes


def _crop_labels(
    path: Path, target: Path, entry: SliceRange, header: HeaderOptions
) -> tuple[str, ...]:
    image = read_label_map(path, ignore=[IGNORED_VALUE], options=header)
    check_slices(entry.start, entry.stop, image.labels, where=path)
    labels, _ = crop_slices(image.labels, entry.start, entry.stop)
    write_label_map(labels, target, like=image.source)
    return image.notes


def segment_file(
    image: str | Path,
    target: str | Path,
    *,
    predictor: Predictor | None = None,
    settings: Settings | None = None,
    read: ReadOptions | None = None,
) -> tuple[Finding, ...]:
    """Write the mask of an image and return what there is to say about it.

    Parameters
    ----------
    image, target : path-like
    predictor : Predictor, optional
        The embedded model if not given.
    settings : Settings, optional
    read : ReadOptions, optional
        How the image is read, its contrast included.

    Raises
    ------
    LpmError
        Whatever is wrong with the image.
    """
    files = CaseFiles(case_id(image), image=Path(image))
    case = load_case(files, read or ReadOptions()).case
    segmented = segment_case(case, predictor or load_predictor(), settings)
    write_label_map(segmented.labels, target, like=case.source)
    return (*case.findings, *segmented.findings)


def postprocess_file(
    label_map: str | Path,
    target: str | Path,
    *,
    connectivity: Connectivity = 6,
    read: ReadOptions | None = None,
) -> int:
    """Write a label map with the largest component of each label; return the voxels removed.

    Values to ignore stay as they are.

    Parameters
    ----------
    label_map, target : path-like
    connectivity : {6, 18, 26}
        Neighbours of a voxel: those that share a face, an edge too, or a corner too.
    read : ReadOptions, optional
        How the label map is read.

    Raises
    ------
    LabelError
        If the file is not a label map.
    """
    read = read or ReadOptions()
    image = read_label_map(label_map, read.label_scheme, ignore=read.ignore, options=read.header)
    result = keep_largest(image.labels, connectivity=connectivity)
    write_label_map(result.labels, target, like=image.source)
    return sum(result.removed_voxels.values())


def find_levels(
    image: str | Path, options: LevelOptions | None = None, read: ReadOptions | None = None
) -> dict[str, Any]:
    """Return the levels of an image, as ``lpm levels`` writes them.

    Parameters
    ----------
    image : path-like
        A sagittal series, or an axial stack.
    options : LevelOptions, optional
    read : ReadOptions, optional
        How the image is read.

    Raises
    ------
    LpmError
        If a file cannot be read, shows no discs, or lies elsewhere in the world.
    """
    path = Path(image)
    files = CaseFiles(case_id(path), image=path)
    case = load_case(files, read or ReadOptions(), levels=options or LevelOptions()).case
    located = locate(case)
    if located is None or not located.levels.discs:
        reasons = [] if located is None else list(located.levels.warnings)
        raise InputError(
            " ".join(reasons) or "no lumbar spine detected",
            where=path,
            hint="Give a sagittal series or a contiguous axial stack of the lower back",
        )
    return located.levels.to_dict(case.image.geometry, case=case.name, image=path.name)
