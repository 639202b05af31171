"""Which sagittal series belongs to which case: by name, and by where it lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lpm_segmentator.core import Geometry, InputError, LpmError, Remedy, has_lost_origin
from lpm_segmentator.io import HeaderOptions, parse_name, read_geometry
from lpm_segmentator.levels import is_sagittal
from lpm_segmentator.study.cases import CaseFiles, Unused
from lpm_segmentator.study.discovery import Discovery
from lpm_segmentator.study.listing import list_images

__all__ = ["with_sagittal"]

_PLAIN = HeaderOptions()


def with_sagittal(
    cases: Sequence[CaseFiles],
    given: Path | None = None,
    header: HeaderOptions = _PLAIN,
    *,
    stacks_only: bool = False,
) -> Discovery:
    """Return the cases with the sagittal series that belongs to each, where there is one.

    Sagittal series among the cases are no cases of their own then. A series belongs to a case when
    both names state the same subject, or one of them states none and all axial images are of one
    subject. It must also overlap the image in space.

    Parameters
    ----------
    cases : sequence of CaseFiles
    given : Path, optional
        The series of all cases, or a folder of series; searched among the cases if not given.
    header : HeaderOptions
        What to trust where a header is wrong or contradicts itself.
    stacks_only : bool
        Whether only examinations in several stacks get a series. All other cases, and the sagittal
        series of other subjects, are returned as they are.

    Returns
    -------
    Discovery
        The cases, and the sagittal series that none of them uses.

    Raises
    ------
    FileFormatError
        If what is given does not exist or is no image.
    InputError
        If the series given is not sagittal, or the folder holds none.
    """
    geometries = {files.case: _geometry(files, header) for files in cases}
    sagittal = [f for f in cases if (g := geometries[f.case]) is not None and is_sagittal(g)]
    axial = [files for files in cases if files not in sagittal]
    if given is None:
        series = [path for files in sagittal if (path := files.main_image) is not None]
    else:
        series = _given(given, header)
    if not axial:  # nothing to find a series for
        return Discovery(tuple(cases))
    if given is not None and not given.is_dir():
        return Discovery(tuple(replace(files, sagittal=given) for files in axial))
    placed = [(path, read_geometry(path, header)) for path in series]
    return _matched(axial, sagittal, placed, geometries, stacks_only=stacks_only)


def _matched(
    axial: Sequence[CaseFiles],
    sagittal: Sequence[CaseFiles],
    series: Sequence[tuple[Path, Geometry]],
    geometries: Mapping[str, Geometry | None],
    *,
    stacks_only: bool,
) -> Discovery:
    alone = len({_subject(files) for files in axial}) == 1
    wanted = [files for files in axial if files.stacks or not stacks_only]
    cases = [
        replace(files, sagittal=_best(files, geometries[files.case], series, alone=alone))
        for files in wanted
    ]
    used = {files.sagittal for files in cases}
    cases += [files for files in axial if files not in wanted]
    if stacks_only and not alone:
        subjects = {_subject(files) for files in wanted}
        others = [f for f in sagittal if f.main_image not in used and _subject(f) not in subjects]
        cases += others
        used |= {files.main_image for files in others}
    reason = (
        "sagittal series that belongs to no axial image by its name and place; to use it, name it "
        f"({Remedy.SAGITTAL})"
    )
    return Discovery(
        tuple(sorted(cases, key=lambda files: files.case)),
        tuple(Unused(path, reason) for path, _ in series if path not in used),
    )


def _subject(files: CaseFiles) -> tuple[str, ...]:
    return parse_name(files.main_image or files.case).subject


def _given(path: Path, header: HeaderOptions) -> list[Path]:
    if not path.is_dir():
        geometry = read_geometry(path, header)
        if not is_sagittal(geometry):
            direction = geometry.axis_codes[geometry.through_plane_axis]
            raise InputError(
                f"this is not a sagittal series (its slices are stacked along {direction})",
                where=path,
                hint="Name the sagittal series, and the axial image as the input",
                remedy=Remedy.SAGITTAL,
            )
        return [path]
    paths = [image.path for image in list_images([path])]
    sagittal = [path for path in paths if is_sagittal(read_geometry(path, header))]
    if not sagittal:
        raise InputError("the folder holds no sagittal series", where=path)
    return sagittal


def _geometry(files: CaseFiles, header: HeaderOptions) -> Geometry | None:
    """Return where the image of a case lies; None if it cannot be read, as its run will report."""
    if files.problem or not files.images:
        return None
    try:
        places = [read_geometry(path, header) for path in files.images]
    except LpmError:
        return None
    # Of a pair one image may have lost its origin in a conversion.
    return next((g for g in places if not has_lost_origin(g)), places[0])


def _best(
    files: CaseFiles,
    geometry: Geometry | None,
    series: Sequence[tuple[Path, Geometry]],
    *,
    alone: bool,
) -> Path | None:
    """Return the series of the same subject that shows the most of the image's height."""
    if geometry is None:
        return None
    who = _subject(files)
    candidates = [
        (parse_name(path).subject, geometry.overlap_mm(other)[2], path)
        for path, other in series
        if min(geometry.overlap_mm(other)) > 0
    ]
    fitting = [entry for entry in candidates if entry[0] == who]
    if not fitting and alone:  # a name that states no subject contradicts none
        fitting = [entry for entry in candidates if not (entry[0] and who)]
    return max(fitting, key=lambda entry: entry[1], default=((), 0.0, None))[2]
