"""Which label map belongs to which case: by whole names, never by substring."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from lpm_segmentator.core import (
    FileFormatError,
    InputError,
    LpmError,
    PairingError,
    has_lost_origin,
)
from lpm_segmentator.io import case_id, parse_name, read_geometry, read_voxels, subject_key
from lpm_segmentator.study.cases import CaseFiles
from lpm_segmentator.study.listing import list_label_maps

__all__ = ["Role", "label_map_of", "with_label_map", "with_label_maps"]

Role = Literal["reference", "mask"]
"""What a label map is for: to compare with, or to measure."""

_HINT = "Name them like the cases, e.g. CASE.nii.gz or CASE_dseg.nii.gz"


def with_label_maps(cases: Sequence[CaseFiles], given: Path, role: Role) -> tuple[CaseFiles, ...]:
    """Return the cases with the label map that belongs to each, if there is one.

    Parameters
    ----------
    cases : sequence of CaseFiles
    given : Path
        A folder, or the one label map of the one case.
    role : {'reference', 'mask'}

    Raises
    ------
    FileFormatError
        If there is no such file or folder.
    InputError
        If one file was given for several cases, or no label map belongs to any case.
    """
    if not given.exists():
        raise FileFormatError("there is no such file or folder", where=given)
    if not given.is_dir():
        others = [files for files in cases if files.image is None or not _same(files.image, given)]
        if len(others) != 1:
            raise InputError(
                f"one {role} was given for {len(others)} cases",
                where=given,
                hint="Give the folder that holds the label map of each case",
            )
        return (_with(others[0], role, given),)
    images = {path.resolve() for files in cases for path in files.images}
    label_maps = [i.path for i in list_label_maps([given]) if i.path.resolve() not in images]
    matched = tuple(with_label_map(f, label_maps, role, alone=len(cases) == 1) for f in cases)
    if not any(getattr(files, role) or files.problem for files in matched):
        raise InputError(
            f"no label map in the folder belongs to any of the cases "
            f"{', '.join(files.case for files in cases[:3])}",
            where=given,
            hint=_HINT,
        )
    return matched


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _with(files: CaseFiles, role: Role, path: Path | None) -> CaseFiles:
    return replace(files, reference=path) if role == "reference" else replace(files, mask=path)


def with_label_map(
    files: CaseFiles, label_maps: Sequence[Path], role: Role, *, alone: bool
) -> CaseFiles:
    """Return a case with the label map that belongs to it, if any, or with its problem.

    Raises
    ------
    LpmError
        As `label_map_of`, if the case is `alone`.
    """
    try:
        return _with(files, role, label_map_of(files, label_maps))
    except LpmError as error:
        if alone:
            raise
        return replace(files, problem=files.problem or str(error))


def label_map_of(files: CaseFiles, label_maps: Iterable[Path]) -> Path | None:
    """Return the label map that belongs to a case, or None.

    Names are compared whole after the parts that only state the kind of file (img, manual, label,
    segmentation, water, fat, …) were taken out of both. Derivatives in BIDS match by the entities
    of their source.

    Raises
    ------
    PairingError
        If several label maps fit and differ. A Dixon pair may have one for each contrast; then the
        one that still has an origin is used if both hold the same labels.
    """
    paths = list(label_maps)
    keys = {subject_key(name) for name in files.ids}
    fitting = [path for path in paths if subject_key(case_id(path)) in keys]
    fitting = fitting or [path for path in paths if _is_derivative_of(path, files)]
    if len(fitting) <= 1:
        return fitting[0] if fitting else None
    first, *others = (read_voxels(path)[0] for path in fitting)
    if all(np.array_equal(first, other) for other in others):
        return next((p for p in fitting if not has_lost_origin(read_geometry(p))), fitting[0])
    raise PairingError(
        f"several label maps fit the case {files.case!r}, and they differ: "
        f"{', '.join(path.name for path in fitting)}",
        hint="Keep one label map for each case in the folder",
    )


def _is_derivative_of(path: Path, files: CaseFiles) -> bool:
    """Return whether BIDS entities say that a label map was made of an image of the case."""
    label = parse_name(path)
    if not label.entities:
        return False
    space = label.entities.get("space", "")
    for image in map(parse_name, files.images):
        if label.source_entities == image.source_entities and space in ("", image.suffix, "orig"):
            return True
    return False
