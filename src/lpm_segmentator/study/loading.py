"""Read the files of a case: from paths to the values that the pipeline takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from lpm_segmentator.core import (
    Area,
    Contrast,
    ContrastSource,
    DicomUids,
    DixonPair,
    Finding,
    GeometryError,
    InputError,
    KnownContrast,
    LabelMap,
    PairingError,
    Remedy,
    Severity,
    Source,
    TableError,
    Volume,
    about,
    pair_volumes,
)
from lpm_segmentator.io import (
    Image,
    SliceRange,
    file_stamp,
    lookup,
    read_image,
    read_source,
    read_voxels,
    slice_thickness_mm,
)
from lpm_segmentator.levels import (
    GivenLevels,
    LevelModel,
    LevelRequest,
    Series,
    level_model_files,
    levels_from_vertebrae,
    load_level_model,
)
from lpm_segmentator.pipeline import Case
from lpm_segmentator.study.cases import CaseFiles
from lpm_segmentator.study.grids import input_note, label_map_on
from lpm_segmentator.study.levels_files import read_levels
from lpm_segmentator.study.options import LevelOptions, ReadOptions, SliceTable

__all__ = ["LoadedCase", "check_slices", "load_case", "load_pair"]

_PLAIN = ReadOptions()


@dataclass(frozen=True, eq=False)
class LoadedCase:
    """A case in memory.

    Attributes
    ----------
    case : Case
    mask : LabelMap or None
        A mask to measure instead of segmenting, on the image's grid.
    contrast : KnownContrast
        What the image shows and where that is known from.
    """

    case: Case
    mask: LabelMap | None
    contrast: KnownContrast


def load_case(
    files: CaseFiles,
    read: ReadOptions = _PLAIN,
    *,
    slices: SliceTable | tuple[int, int] | None = None,
    levels: LevelOptions | None = None,
) -> LoadedCase:
    """Read the files of a case.

    Parameters
    ----------
    files : CaseFiles
    read : ReadOptions
    slices : SliceTable or tuple of int, optional
        The slice table, or the first and last slice, both kept.
    levels : LevelOptions, optional
        Where the levels come from.

    Raises
    ------
    LpmError
        Whatever is wrong with the files; the message names the file.
    """
    if files.problem:
        raise PairingError(files.problem)
    image, pair = _images(files, read)
    volume = image.volume
    findings = [input_note(note) for note in (*files.notes, *image.notes)]
    reference = mask = None
    if files.reference is not None:
        reference, more = label_map_on(volume.geometry, files.reference, files, read)
        findings += more
    if files.mask is not None:
        mask, more = label_map_on(volume.geometry, files.mask, files, read)
        findings += more
    request = None
    if levels is not None and levels.apply_to(files.sagittal):
        request, more = _request(files, levels, image, read)
        findings += more
    case = Case(
        name=files.case,
        image=volume,
        pair=pair,
        source=image.source,
        reference=reference,
        slices=_range(files, slices, volume),
        levels=request,
        thickness_mm=_thickness_mm(image),
        findings=tuple(dict.fromkeys(findings)),
    )
    return LoadedCase(case, mask, image.known_contrast)


def _thickness_mm(image: Image) -> float:
    return float("nan") if image.source.path is None else slice_thickness_mm(image.source.path)


def _images(files: CaseFiles, options: ReadOptions) -> tuple[Image, DixonPair | None]:
    """Read the image that masks are drawn on, and the Dixon pair if there is one."""
    if files.water is not None and files.fat is not None:
        image, pair = load_pair(files.water, files.fat, options)
        return image, pair
    if files.image is None:
        raise InputError("the case has no image", where=files.case)
    single = read_image(files.image, options.header)
    known = single.known_contrast
    if files.contrast is not None:
        known = files.contrast
    if options.contrast is not None:
        known = KnownContrast(options.contrast, ContrastSource.USER)
    volume = replace(single.volume, contrast=known.contrast)
    return replace(single, volume=volume, known_contrast=known), None


def load_pair(water: Path, fat: Path, options: ReadOptions) -> tuple[Image, DixonPair]:
    """Read the two images of a Dixon scan.

    Returns
    -------
    water : Image
        On the common grid, with the source whose header states it and the notes about both.
    pair : DixonPair

    Raises
    ------
    FileFormatError, GeometryError
        As `read_image`.
    PairingError
        As `pair_volumes`.
    """
    images = [read_image(path, options.header) for path in (water, fat)]
    volumes = [
        replace(image.volume, contrast=contrast)
        for image, contrast in zip(images, (Contrast.WATER, Contrast.FAT), strict=True)
    ]
    with about(f"{water} and {fat}"):
        pair = pair_volumes(*volumes, accept_origin_mismatch=options.accept_origin_mismatch)
    notes = []
    for name, image, volume in zip(("water", "fat"), images, volumes, strict=True):
        notes += [f"{name} image: {note}" for note in image.notes]
        if volume.geometry.describe_difference(pair.geometry) is not None:
            notes.append(f"the {name} image had lost its origin; that of the other one was used")
    known = images[0].known_contrast
    if known.contrast is not Contrast.WATER:
        known = KnownContrast(Contrast.WATER, ContrastSource.USER)
    return Image(pair.water, _source_of(images, pair), known, tuple(notes)), pair


def _source_of(images: Sequence[Image], pair: DixonPair) -> Source:
    """Return the source of the image whose header states the grid, with identifiers of either."""
    water, fat = (image.source for image in images)
    stated = water if images[0].volume.geometry == pair.geometry else fat
    uids = next((s.uids for s in (water, fat) if s.uids != DicomUids()), stated.uids)
    return replace(stated, uids=uids)


def _range(
    files: CaseFiles, slices: SliceTable | tuple[int, int] | None, image: Volume
) -> tuple[int, int] | None:
    """Return the half-open range that the user stated, if so."""
    if isinstance(slices, SliceTable):
        return _range_of(files, slices.read(), image)
    if slices is None:
        return None
    first, last = sorted(slices)
    check_slices(first, last + 1, image, where=files.case, remedy=Remedy.PICK_SLICES)
    return first, last + 1


def _range_of(files: CaseFiles, table: Sequence[SliceRange], image: Volume) -> tuple[int, int]:
    entries = [entry for entry in table if entry.case in files.ids]
    if not entries:
        lookup(table, files.case)  # raises, naming similar ids
    ranges = {(entry.start, entry.stop) for entry in entries}
    if len(ranges) > 1:
        raise TableError(
            f"the slice table lists {', '.join(entry.case for entry in entries)} with different "
            f"ranges {sorted(ranges)}",
            where=files.case,
            hint="Water and fat of a pair need the same slices",
        )
    ((start, stop),) = ranges
    check_slices(start, stop, image, where=files.case)
    return start, stop


def check_slices(
    start: int,
    stop: int,
    image: Volume | LabelMap,
    *,
    where: object,
    remedy: Remedy = Remedy.SLICE_END,
) -> None:
    """Check that a half-open range of slices lies in an image.

    Raises
    ------
    GeometryError
        If it does not.
    """
    count = image.shape[image.slice_axis]
    if start < 0 or stop > count:
        hint = "Slices count from 0 along the slice axis"
        if remedy is Remedy.SLICE_END:
            hint = (
                f"Check how the end of the table is meant ({remedy}): 'inclusive' takes slice_stop "
                "as the last slice to keep, 'exclusive' as the first to leave out. Images that "
                "were cropped before need no table"
            )
        raise GeometryError(
            f"the slices {start} to {stop - 1} were requested, but the image has {count} "
            f"(0 to {count - 1})",
            where=where,
            hint=hint,
            remedy=remedy,
        )


def _request(
    files: CaseFiles, options: LevelOptions, image: Image, read: ReadOptions
) -> tuple[LevelRequest, list[Finding]]:
    """Read what decides the levels of a case; an unreadable series counts only if it was named."""
    here = options.of_case(files.ids)
    path = here.sagittal or files.sagittal
    sagittal, findings = None, []
    if path is not None:
        try:
            series = read_image(path, read.header)
            sagittal = Series(series.volume, series.source)
        except InputError as error:
            if here.sagittal is not None:
                raise
            message = f"the sagittal series was not used: {error}"
            findings = [Finding(Area.LEVELS, Severity.CHECK, "sagittal-not-used", message)]
    request = LevelRequest(
        given=_given(files, here, image, read),
        sagittal=sagittal,
        sagittal_required=here.sagittal is not None,
        anchors=here.anchors,
        model=None if here.model is None else _level_model(here.model, _stamps(here.model)),
        accept_frame_mismatch=here.accept_frame_mismatch,
    )
    return request, findings


@lru_cache(maxsize=1)
def _level_model(path: Path, _stamps: tuple[tuple[int, int], ...]) -> LevelModel:
    return load_level_model(path)


def _stamps(model: Path) -> tuple[tuple[int, int], ...]:
    return tuple(map(file_stamp, level_model_files(model)))


def _given(
    files: CaseFiles, options: LevelOptions, image: Image, read: ReadOptions
) -> GivenLevels | None:
    """Return the levels that a file states: one of levels, or a map of vertebrae."""
    if options.written is not None:
        levels = read_levels(
            options.written,
            names=None if options.accept_frame_mismatch else files.ids,
            image=files.main_image,
            geometry=image.volume.geometry,
        )
        return GivenLevels(levels, Source(options.written))
    if options.vertebrae is None:
        return None
    values, geometry = read_voxels(options.vertebrae, read.header)
    if values.min() < 0:
        raise InputError("a map of vertebrae holds no negative numbers", where=options.vertebrae)
    with about(options.vertebrae):
        levels = levels_from_vertebrae(values, geometry, options.numbering)
    return GivenLevels(levels, read_source(options.vertebrae, read.header), geometry)
