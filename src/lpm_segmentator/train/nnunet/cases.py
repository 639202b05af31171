"""Images and their label maps: which belong together, and whether they can be trained on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lpm_segmentator.core import (
    GeometryError,
    InputError,
    LabelError,
    LabelMap,
    PairingError,
    Volume,
    reorient,
)
from lpm_segmentator.io import (
    case_id,
    differ_by_lost_origin,
    dixon_name,
    find_images,
    is_nifti,
    read_image,
    read_label_map,
    subject_key,
)

__all__ = ["ORIENTATION", "TrainingCase", "find_training_cases", "load_training_case", "silent"]

#: nnU-Net never turns an image, so that all are written in one orientation: the one most MRI has
ORIENTATION = ("L", "P", "S")
_SEQUENCES = {"t1": "T1w", "t1w": "T1w", "t2": "T2w", "t2w": "T2w"}
_OTHER = "other"
_SEPARATORS = re.compile(r"[_\-. ]+")
_BIDS = re.compile(r"(?:^|_)(sub-[A-Za-z0-9]+)")


def silent(*_: object) -> None:
    """Show no progress."""


@dataclass(frozen=True)
class TrainingCase:
    """One image with its label map.

    Attributes
    ----------
    case
        The image's name without suffix.
    subject
        Whose it is; all cases of a subject are in one fold.
    sequence
        ``water``, ``fat``, ``T1w``, ``T2w`` or ``other``, as the name says.
    image, labels
        The files.
    """

    case: str
    subject: str
    sequence: str
    image: Path
    labels: Path


def find_training_cases(
    images: Path, labels: Path, *, subject_pattern: str | None = None
) -> list[TrainingCase]:
    """Pair the images of a folder with the label maps of another, or of the same.

    Names are compared as wholes, without the words that only say what kind of file it is. A label
    map that names a sequence belongs to that image alone; one that names none belongs to all
    images of its name.

    Parameters
    ----------
    images, labels
        Folders.
    subject_pattern
        Regular expression whose first group (or whole match) in an image's name is the subject.
        By default a BIDS name's ``sub-…``, else the name without sequence and kind of file.

    Raises
    ------
    InputError
        An image has no label map, or more than one, or the pattern does not fit a name.
    """
    candidates = [p for p in sorted(labels.iterdir()) if is_nifti(p)] if labels.is_dir() else []
    if not candidates:
        raise InputError("holds no .nii or .nii.gz label maps", where=labels, hint="See --labels")
    found = find_images([images])
    paths = {image.path.resolve() for image in found}
    candidates = [p for p in candidates if p.resolve() not in paths]
    cases, problems = [], []
    for image in found:
        try:
            own = _labels_of(image.path, candidates)
            subject = _subject(image.case, subject_pattern)
        except InputError as error:
            problems.append(str(error))
            continue
        cases.append(TrainingCase(image.case, subject, _sequence(image.path), image.path, own))
    if problems:
        raise _listed(problems, len(found), "images have no label map of their own")
    return cases


def _listed(problems: Sequence[str], count: int, what: str) -> InputError:
    lines = "".join(f"\n  {problem}" for problem in problems)
    return InputError(f"{len(problems)} of {count} {what}:{lines}")


def _labels_of(image: Path, candidates: Sequence[Path]) -> Path:
    key, sequence = _person(case_id(image)), _sequence(image)
    fitting = [p for p in candidates if _person(case_id(p)) == key]
    chosen = [p for p in fitting if _sequence(p) == sequence] or [
        p for p in fitting if _sequence(p) == _OTHER
    ]
    if len(chosen) == 1:
        return chosen[0]
    if not chosen:
        raise PairingError(
            "there is no label map of this name",
            where=image.name,
            hint=f"Name it {case_id(image)}_dseg.nii.gz",
        )
    names = ", ".join(p.name for p in chosen)
    raise PairingError(f"several label maps fit: {names}", where=image.name, hint="Keep one")


def _sequence(path: Path) -> str:
    dixon = dixon_name(path)
    if dixon:
        return dixon.contrast
    parts = _SEPARATORS.split(case_id(path).lower())
    return next((_SEQUENCES[part] for part in parts if part in _SEQUENCES), _OTHER)


def _person(case: str) -> str:
    """Return what is left of a name without the kind of file and the sequence."""
    parts = _SEPARATORS.split("_".join(subject_key(case)))
    return "_".join(part for part in parts if part.lower() not in _SEQUENCES)


def _subject(case: str, pattern: str | None) -> str:
    if pattern is None:
        bids = _BIDS.search(case)
        return bids[1] if bids else _person(case) or case
    try:
        match = re.search(pattern, case)
    except re.error as error:
        raise InputError(f"--subject-pattern {pattern!r} is no pattern ({error})") from error
    if match is None:
        raise InputError("--subject-pattern does not fit this name", where=case)
    return match[1] if match.re.groups else match[0]


def load_training_case(
    files: TrainingCase, *, accept_origin_mismatch: bool = False
) -> tuple[Volume, LabelMap]:
    """Read one case in `ORIENTATION`.

    Parameters
    ----------
    files
        The case.
    accept_origin_mismatch
        Whether a label map that differs from its image by nothing but a lost origin is laid on it.

    Raises
    ------
    LpmError
        A file cannot be read, the grids differ, a label is missing, or sides or muscles are
        exchanged.
    """
    image, labels = read_image(files.image).volume, read_label_map(files.labels)
    difference = image.geometry.describe_difference(labels.geometry)
    is_lost = differ_by_lost_origin(image.geometry, labels.geometry)
    if difference and accept_origin_mismatch and is_lost:
        labels, difference = labels.with_grid(labels.array, image.affine), None
    if difference:
        hint = "Export both from the same scan"
        if is_lost:
            hint = "If one of them lost its origin, add --accept-origin-mismatch"
        raise GeometryError(
            f"image and label map do not lie on the same grid: {difference}",
            where=files.labels,
            hint=hint,
        )
    _check_sides(labels, files.labels)
    return reorient(image, ORIENTATION), reorient(labels, ORIENTATION)


def _check_sides(labels: LabelMap, where: Path) -> None:
    """Check that the structures lie across the back in the order in which the scheme has them."""
    missing = [s.key for s in labels.scheme if not (labels.array == s.value).any()]
    if missing:
        raise LabelError(
            f"the label map has no voxel of {', '.join(missing)}",
            where=where,
            hint="Label all four muscles, or leave the case out: what is not labelled is trained "
            "as background",
        )
    right = [
        labels.geometry.voxel_to_world(np.argwhere(labels.array == s.value).mean(axis=0))[0]
        for s in labels.scheme
    ]
    keys = [s.key for s in labels.scheme]
    order = [keys[i] for i in np.argsort(right)[::-1]]  # from the right side to the left
    if order == keys:
        return
    what = "left and right are exchanged" if order == keys[::-1] else "the muscles are mixed up"
    raise LabelError(
        f"{what}: from right to left the labels lie in the order {', '.join(order)}, expected is "
        f"{', '.join(keys)}",
        where=where,
        hint="The labels are 1 ES right, 2 MF right, 3 MF left, 4 ES left; check the orientation "
        "in the headers as well",
    )
