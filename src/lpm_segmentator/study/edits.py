"""What a user edited in the folder of a case: noticed, and kept when a run writes there again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lpm_segmentator.core import (
    Area,
    Finding,
    InputError,
    LpmError,
    RecordError,
    Remedy,
    Severity,
)
from lpm_segmentator.io import (
    atomic_path,
    file_sha256,
    read_geometry,
    read_voxels,
    remove_file,
)
from lpm_segmentator.study.cases import stack_role
from lpm_segmentator.study.listing import ImageFile
from lpm_segmentator.study.record import CaseRecord, read_case_record

if TYPE_CHECKING:
    from lpm_segmentator.core import LabelMap
    from lpm_segmentator.study.layout import CaseFolder
    from lpm_segmentator.study.record import ImageRecord, MaskRecord

__all__ = [
    "KnownMask",
    "check_series",
    "corrected_masks",
    "earlier_record",
    "edited_mask_of",
    "edits_in_force",
    "is_about_an_edit",
    "is_file",
    "keep_corrected_levels",
    "keep_edited_mask",
    "kept_findings",
    "known_masks",
    "mask_in_force",
    "unedited_masks",
    "unusable_edit",
]

_KEPT_LEVELS, _KEPT_MASK = "levels-kept", "mask-kept"
_UNKNOWN = "the record of the earlier run cannot be read, so that its"


class KnownMask(NamedTuple):
    """What a record says of a mask: of that of a case, or of one of its stacks."""

    image: ImageRecord
    mask: MaskRecord


def earlier_record(folder: CaseFolder) -> CaseRecord | None:
    """Return the record in the folder of a case; None where none can be read."""
    try:
        return read_case_record(folder.record)
    except RecordError:
        return None


def known_masks(folder: CaseFolder, record: CaseRecord | None) -> dict[CaseFolder, KnownMask]:
    """Return what the record of a case says of its masks, by where they lie."""
    if record is None:
        return {}
    known = [KnownMask(stack.image, stack.mask) for stack in record.stacks]
    return dict(
        zip(
            folder.parts(len(record.stacks)),
            known or [KnownMask(record.image, record.mask)],
            strict=True,
        )
    )


def edited_mask_of(folder: CaseFolder, record: CaseRecord) -> Path | None:
    """Return the mask of a case if it is not the one that was measured; of stacks, the first such.

    The mask of a case is the one beside the automatic one (``_desc-edited_dseg``) where that is
    there, otherwise the automatic one, which may have been edited in place.
    """
    for place, (_, mask) in known_masks(folder, record).items():
        path = mask_in_force(place)
        if path is not None and (mask.file != path.name or file_sha256(path) != mask.sha256):
            return path
    return None


def corrected_masks(folder: CaseFolder, record: CaseRecord) -> list[ImageFile]:
    """Return the masks of a case that a person corrected, measured since or not.

    Masks of stacks are named by their number; the image of each is stated.
    """
    found = []
    for number, (place, known) in enumerate(known_masks(folder, record).items(), start=1):
        path = mask_in_force(place)
        if path is not None and (path == place.edited_mask or _is_edited(path, known.mask)):
            image = record.inputs.get(stack_role(number))
            found.append(ImageFile(place.case, path, image=None if image is None else Path(image)))
    return found


def unedited_masks(
    masks: Mapping[CaseFolder, KnownMask], inputs: Iterable[Path]
) -> tuple[Path, ...]:
    """Return the masks of an earlier run that nobody edited, without inputs of this one.

    Parameters
    ----------
    masks : mapping of CaseFolder to KnownMask
        Of the earlier run.
    inputs : iterable of Path
        Of this run.
    """
    used = list(inputs)
    return tuple(
        place.mask
        for place, known in masks.items()
        if place.mask.exists()
        and not _is_edited(place.mask, known.mask)
        and not any(is_file(place.mask, path) for path in used)
    )


def mask_in_force(folder: CaseFolder) -> Path | None:
    """Return the mask of a case or stack: the corrected one, or else that of the model."""
    path = folder.edited_mask if folder.edited_mask.exists() else folder.mask
    return path if path.exists() else None


def edits_in_force(folder: CaseFolder, record: CaseRecord | None) -> tuple[CaseFolder, ...]:
    """Return where the edited masks lie that count again if a case is run again.

    They are those that the numbers of its record are about, of one image and of each of several
    stacks alike. Masks that were edited since count once they are measured, by `remeasure`.

    Parameters
    ----------
    folder : CaseFolder
    record : CaseRecord or None
        Of the case before it is run again; see `earlier_record`.

    Returns
    -------
    tuple of CaseFolder
        The folder of the case, or those that `CaseFolder.of_stack` gives for its stacks.
    """
    known = known_masks(folder, record)
    return tuple(place for place, (_, mask) in known.items() if mask.kind == "edited")


def is_about_an_edit(folder: CaseFolder) -> bool:
    """Return whether the record of a case with one image is about an edited mask."""
    return folder in edits_in_force(folder, earlier_record(folder))


def unusable_edit(
    folder: CaseFolder,
    known: KnownMask | None,
    read: Callable[[Path], object],
    series_uid: str,
) -> Finding | None:
    """Return what to say of an edited mask that cannot be measured; None if there is none such.

    One of another image is none either: `keep_edited_mask` sets it aside.

    Parameters
    ----------
    folder : CaseFolder
        Of a stack: that of `CaseFolder.of_stack`.
    known : KnownMask or None
        Of the mask that was measured.
    read : callable
        Reads a mask on the grid of the image, and raises `LpmError` where that is impossible.
    series_uid : str
        Of the image; empty if unknown.
    """
    if known is not None and _is_other(known.image, series_uid):
        return None
    path = folder.edited_mask
    if not path.exists():
        if known is None or not _is_edited(folder.mask, known.mask):
            return None
        path = folder.mask  # a run will keep it as the edited mask
    try:
        read(path)
    except LpmError as error:
        message = (
            f"the edited mask {folder.edited_mask.name} cannot be used ({error.what}); it was left "
            "as it is and not measured"
        )
        return Finding(Area.SEGMENTATION, Severity.CHECK, "edited-mask-unusable", message)
    return None


def keep_edited_mask(
    folder: CaseFolder, known: KnownMask | None, new: LabelMap, series_uid: str
) -> list[Finding]:
    """Save a mask that was edited in place, before another one is written there.

    Edited masks of another image are set aside: they are masks of the case no longer.

    Parameters
    ----------
    folder : CaseFolder
        Of a stack: that of `CaseFolder.of_stack`.
    known : KnownMask or None
        Of the mask that is there.
    new : LabelMap
        The mask that will be written.
    series_uid : str
        Of the image of that mask; empty if unknown.

    Returns
    -------
    list of Finding
        Where a mask was kept that no run will measure by itself.

    Raises
    ------
    OutputError
        If it cannot be saved.
    """
    if known is not None and _is_other(known.image, series_uid):
        return _set_aside(folder, known.mask)
    if known is None:
        if not folder.mask.exists() or _holds(folder.mask, new):
            return []
        kept = _saved(folder.mask, folder.earlier_mask)
        return [_check(Area.SEGMENTATION, f"{_UNKNOWN} mask may have been edited", kept)]
    if not _is_edited(folder.mask, known.mask):
        return []
    kept = _saved(folder.mask, folder.saved_mask)
    if kept == folder.edited_mask:
        return []  # which is the mask of the case from now on
    return [_check(Area.SEGMENTATION, "the automatic mask was edited as well", kept)]


def _set_aside(folder: CaseFolder, known: MaskRecord) -> list[Finding]:
    """Keep the edited masks of another image under names that no run measures."""
    edited = [folder.edited_mask] if folder.edited_mask.exists() else []
    edited += [folder.mask] if _is_edited(folder.mask, known) else []
    what = "the mask was edited on an image of another DICOM series and was not measured"
    findings = [
        _check(Area.SEGMENTATION, what, _saved(path, folder.earlier_mask)) for path in edited
    ]
    remove_file(folder.edited_mask)
    return findings


def keep_corrected_levels(
    folder: CaseFolder, record: CaseRecord | None, new: str | None, requested: Path | None
) -> list[Finding]:
    """Save levels that were corrected in the folder of a case, unless the run uses them.

    Parameters
    ----------
    folder : CaseFolder
    record : CaseRecord or None
        Of the earlier run.
    new : str or None
        The text that will be written in their place, if any.
    requested : Path or None
        The file of levels that the run uses, if any.

    Raises
    ------
    OutputError
        If they cannot be saved.
    """
    path = folder.levels
    if not path.exists() or is_file(path, requested):
        return []
    if new is not None and path.read_bytes() == new.encode():
        return []
    if record is None:
        what = f"{_UNKNOWN} levels may have been corrected"
    else:
        known = record.levels
        if known is not None and not known.corrected and file_sha256(path) == known.sha256:
            return []
        what = "the corrected levels of an earlier run were not requested"
    kept = _saved(path, folder.saved_levels)
    return [_check(Area.LEVELS, what, kept, Remedy.LEVELS)]


def is_file(path: Path, other: Path | None) -> bool:
    """Return whether a path leads to a file, whatever links lie on the way."""
    return other is not None and path.exists() and other.exists() and path.samefile(other)


def kept_findings(findings: Sequence[Finding]) -> list[Finding]:
    """Return those of the findings that state where something was kept."""
    return [finding for finding in findings if finding.code in (_KEPT_LEVELS, _KEPT_MASK)]


def check_series(image: ImageRecord, series_uid: str, where: Path | None) -> None:
    """Check that an image is not of another series than the one whose mask was edited.

    Parameters
    ----------
    image : ImageRecord
        The image as it was measured.
    series_uid : str
        Of the image as it is now; empty if unknown.
    where : Path or None
        Its file, for the message.

    Raises
    ------
    InputError
        If it is of another series.
    """
    if _is_other(image, series_uid):
        raise InputError(
            "the image is now one of another DICOM series than when its mask was edited",
            where=where,
            hint="Run the case again, which keeps the edited mask under another name",
        )


def _is_other(image: ImageRecord, series_uid: str) -> bool:
    """Return whether an image is known to be of another series."""
    return bool(image.series_uid and series_uid) and image.series_uid != series_uid


def _is_edited(path: Path, known: MaskRecord) -> bool:
    """Return whether an automatic or imported mask was edited in place."""
    return path.exists() and file_sha256(path) != known.unedited_sha256


def _holds(path: Path, labels: LabelMap) -> bool:
    """Return whether a file holds a label map."""
    try:
        values, geometry = read_voxels(path)[0], read_geometry(path)
    except LpmError:
        return False
    is_same_grid = geometry.describe_difference(labels.geometry) is None
    return is_same_grid and np.array_equal(values, labels.array)


def _saved(path: Path, name: Callable[[int], Path]) -> Path:
    """Copy a file to the first of some numbered names that is free or holds the same."""
    content = path.read_bytes()
    number = 1
    while (kept := name(number)).exists() and kept.read_bytes() != content:
        number += 1
    with atomic_path(kept) as temporary:
        temporary.write_bytes(content)
    return kept


def _check(area: Area, what: str, kept: Path, remedy: Remedy | None = None) -> Finding:
    code = _KEPT_LEVELS if area is Area.LEVELS else _KEPT_MASK
    they = "they were" if area is Area.LEVELS else "it was"
    return Finding(area, Severity.CHECK, code, f"{what}; {they} kept in {kept.name}", remedy)
