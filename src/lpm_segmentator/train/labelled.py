"""What trainings on the user's own images share: subjects, folds, and checks of masks."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from typing import TYPE_CHECKING, Protocol

import numpy as np

from lpm_segmentator.core import InputError, LabelError, LabelMap, Remedy
from lpm_segmentator.io import subject_key

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "IGNORED",
    "Named",
    "assign_folds",
    "base_name",
    "check_owner",
    "check_sides",
    "subject_of",
]

_SEQUENCE_WORDS = frozenset({"t1", "t1w", "t2", "t2w"})
_SEPARATORS = re.compile(r"[_\-. ]+")
#: the number of one of several images of a subject
_NUMBERED = re.compile(r"(?i)[_\-. ](?:stack|slab|chunk|slice)[-_ ]?\d+(?=[_\-. ]|$)")
_BIDS = re.compile(r"(?:^|_)(sub-[A-Za-z0-9]+)")

#: label of voxels that are left out of losses and scores
IGNORED = 255


class Named(Protocol):
    """A case with the subject it is of."""

    @property
    def case(self) -> str:
        """Its name."""

    @property
    def subject(self) -> str:
        """All cases of a subject are in one fold."""


def base_name(case: str) -> str:
    """Return a name without the kind of file and the sequence."""
    parts = _SEPARATORS.split("_".join(subject_key(case)))
    return "_".join(part for part in parts if part.lower() not in _SEQUENCE_WORDS)


def subject_of(case: str, pattern: str | None = None) -> str:
    """Return the subject that the name of a case states.

    Parameters
    ----------
    case : str
    pattern : str, optional
        Regular expression whose first group (or whole match) is the subject. By default ``sub-…``
        of a BIDS name, else the name without sequence, kind of file, and number of a stack or
        slice.

    Raises
    ------
    InputError
        If the pattern is not a regular expression or does not match.
    """
    if pattern is None:
        bids = _BIDS.search(case)
        return bids[1] if bids else base_name(_NUMBERED.sub("", case)) or case
    try:
        match = re.search(pattern, case)
    except re.error as error:
        raise InputError(
            f"the subject pattern {pattern!r} is not a regular expression ({error})",
            hint=f"Correct {Remedy.SUBJECT_PATTERN}",
            remedy=Remedy.SUBJECT_PATTERN,
        ) from error
    if match is None:
        raise InputError(
            f"the subject pattern {pattern!r} does not match this name",
            where=case,
            hint=f"Correct {Remedy.SUBJECT_PATTERN}",
            remedy=Remedy.SUBJECT_PATTERN,
        )
    return match[1] if match.re.groups else match[0]


def assign_folds(subjects: Iterable[str], count: int) -> dict[str, int]:
    """Return the fold of each subject.

    Subjects are assigned in order of decreasing number of cases, each to the fold with the fewest.

    Parameters
    ----------
    subjects : iterable of str
        Of each case.
    count : int
        Number of folds.

    Raises
    ------
    InputError
        If there are fewer subjects than folds, or fewer than two.
    """
    sizes = Counter(subjects)
    if len(sizes) < max(2, count):
        names = ", ".join(sorted(sizes)[:5])
        remedy = Remedy.FOLDS if len(sizes) > 1 else Remedy.SUBJECT_PATTERN
        raise InputError(
            f"{max(2, count)} folds require at least {max(2, count)} subjects; the file names have "
            f"{len(sizes)} ({names})",
            hint=f"Use {len(sizes)} folds ({remedy})"
            if len(sizes) > 1
            else f"If the images are of several subjects, pass {remedy}",
            remedy=remedy,
        )
    folds: dict[str, int] = {}
    load = [0] * count
    for subject in sorted(sizes, key=lambda s: (-sizes[s], s)):
        fold = load.index(min(load))
        folds[subject] = fold
        load[fold] += sizes[subject]
    return folds


def check_owner(case: Named, labels: LabelMap, owners: dict[bytes, Named]) -> None:
    """Refuse identical masks of two subjects: they may be one subject, divided over two folds.

    Parameters
    ----------
    case : Named
    labels : LabelMap
        Its mask.
    owners : dict
        The first case of each mask so far, by a hash of the mask; this case is added.

    Raises
    ------
    InputError
        If a case of another subject has the same mask.
    """
    other = owners.setdefault(hashlib.sha256(labels.array.tobytes()).digest(), case)
    if other.subject != case.subject:
        raise InputError(
            f"has the same mask as {other.case}, although their names are of the subjects "
            f"{case.subject!r} and {other.subject!r}",
            where=case.case,
            hint="State which part of a name is the subject, for example '^[^_]+' "
            f"({Remedy.SUBJECT_PATTERN})",
            remedy=Remedy.SUBJECT_PATTERN,
        )


def check_sides(labels: LabelMap, where: object) -> None:
    """Check that all structures are there and lie from right to left in the order of the scheme.

    Parameters
    ----------
    labels : LabelMap
    where : object
        The file or case, for messages.

    Raises
    ------
    LabelError
        If a structure is missing, or sides or muscles are swapped.
    """
    missing = [s.key for s in labels.scheme if not (labels.array == s.value).any()]
    if missing:
        raise LabelError(
            f"the label map has no voxel of {', '.join(missing)}",
            where=where,
            hint="Label all four muscles, or leave the case out: unlabelled voxels are trained as "
            "background",
        )
    right = [
        labels.geometry.voxel_to_world(np.argwhere(labels.array == s.value).mean(axis=0))[0]
        for s in labels.scheme
    ]
    keys = [s.key for s in labels.scheme]
    order = [keys[i] for i in np.argsort(right)[::-1]]  # from the right side to the left
    if order == keys:
        return
    what = "left and right are swapped" if order == keys[::-1] else "the muscles are mixed up"
    raise LabelError(
        f"{what}: from right to left the order of the labels is {', '.join(order)}, expected "
        f"{', '.join(keys)}",
        where=where,
        hint="The labels are 1 ES right, 2 MF right, 3 MF left, 4 ES left; also check the "
        "orientation in the headers",
    )
