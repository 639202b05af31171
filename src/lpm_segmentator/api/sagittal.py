"""Which sagittal series belongs to which case: by name, and by where it lies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lpm_segmentator.api.cases import CaseFiles
from lpm_segmentator.core import Geometry, InputError, LpmError
from lpm_segmentator.io import case_id, find_images, has_lost_origin, read_geometry
from lpm_segmentator.levels import is_sagittal

__all__ = ["overlap", "person", "with_sagittal"]

#: parts of a file name that say which image of a person it is, not of whom
_SERIES_WORDS = re.compile(
    r"acq|ax|axial|cor|coronal|dixon|fat|fatsat|flair|frfse|fs|fse|haste|image|images|img|in|opp"
    r"|out|iso|levels|loc|localizer|lspine|lumbar|lwk|lws|mdixon|mr|mri|obl|oblique|ophase|para"
    r"|paracor|parasag|phase|pd|pdw?|plane|sag|sagittal|scout|se|series\d*|space|spair|spine"
    r"|spinecho|spir|stack\d*|stir|survey|t[12]w?|tirm|tra|trans|transversal|transverse|tse|vibe"
    r"|water|[wf]|[23]d|\d{1,2}mm|run|dseg"
)


def with_sagittal(cases: Sequence[CaseFiles], given: Path | None = None) -> list[CaseFiles]:
    """Return the cases with the sagittal series that belongs to each, where there is one.

    Sagittal series among the cases are no cases of their own then. A series belongs to a case when
    both names are alike after the words that name a sequence or a direction; where all the other
    images are of one person, any name will do. It must also overlap the image in space.

    Parameters
    ----------
    cases : sequence of CaseFiles
    given : Path, optional
        The series of all cases, or a folder of series; sought among the cases if not given.

    Raises
    ------
    FileFormatError
        If what is given does not exist or is no image.
    InputError
        If the series given is not sagittal, or the folder holds none.
    """
    geometries = {files.case: _geometry(files) for files in cases}
    found = [f for f in cases if (g := geometries[f.case]) is not None and is_sagittal(g)]
    images = [files for files in cases if files not in found]
    if given is None:
        series = [path for files in found if (path := _image(files)) is not None]
    else:
        series = _given(given)
    if not images:  # nothing to find a series for
        return list(cases)
    if given is not None and not given.is_dir():
        return [replace(files, sagittal=given) for files in images]
    alone = len({person(files.case) for files in images}) == 1
    placed = [(path, read_geometry(path)) for path in series]
    return [
        replace(files, sagittal=_best(files, geometries[files.case], placed, alone=alone))
        for files in images
    ]


def _given(path: Path) -> list[Path]:
    if not path.is_dir():
        geometry = read_geometry(path)
        if not is_sagittal(geometry):
            raise InputError(
                f"this is no sagittal series (its slices follow along "
                f"{geometry.axis_codes[geometry.through_plane_axis]})",
                where=path,
                hint="Name the sagittal series with --sagittal and the axial image as INPUT",
            )
        return [path]
    found = [i.path for i in find_images([path]) if is_sagittal(read_geometry(i.path))]
    if not found:
        raise InputError("the folder holds no sagittal series", where=path)
    return found


def _image(files: CaseFiles) -> Path | None:
    return files.water or files.image


def _geometry(files: CaseFiles) -> Geometry | None:
    """Return where the image of a case lies; None if that cannot be read, which its run tells."""
    paths = [p for p in (files.image, files.water, files.fat) if p is not None]
    if files.problem or not paths:
        return None
    try:
        places = [read_geometry(path) for path in paths]
    except LpmError:
        return None
    # Of a pair one image may have lost its origin in a conversion.
    return next((g for g in places if not has_lost_origin(g)), places[0])


def person(name: str) -> tuple[str, ...]:
    """Return the parts of a file's or case's name that may say of whom it is."""
    parts = [part for part in re.split(r"[_\-. ]+", name.lower()) if part]
    return tuple(part for part in parts if not _SERIES_WORDS.fullmatch(part))


def _best(
    files: CaseFiles,
    geometry: Geometry | None,
    series: Sequence[tuple[Path, Geometry]],
    *,
    alone: bool,
) -> Path | None:
    """Return the series of the same person that shows the most of the image's height."""
    if geometry is None:
        return None
    who = person(files.case)
    fitting = [
        (overlap(geometry, other)[2], path)
        for path, other in series
        if (alone or person(case_id(path)) == who) and min(overlap(geometry, other)) > 0
    ]
    named = [entry for entry in fitting if person(case_id(entry[1])) == who]
    return max(named or fitting, key=lambda entry: entry[0], default=(0.0, None))[1]


def overlap(one: Geometry, other: Geometry) -> tuple[float, float, float]:
    """Return how far the boxes around two images overlap along R, A and S in mm; 0 if they do not.

    Voxels count to their outer faces, so that single slices have a thickness.
    """
    boxes = []
    for geometry in (one, other):
        corners = geometry.corners_mm()
        half = 0.5 * np.abs(geometry.affine[:3, :3]).sum(axis=1)
        boxes.append((corners.min(axis=0) - half, corners.max(axis=0) + half))
    (a, b), (c, d) = boxes
    r, f, s = (float(v) for v in np.maximum(0.0, np.minimum(b, d) - np.maximum(a, c)))
    return r, f, s
