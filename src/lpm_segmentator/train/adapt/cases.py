"""The user's corrected cases, and the checks before anything is trained on them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lpm_segmentator.core import DixonPair, InputError, LabelMap, LpmError, Volume, about
from lpm_segmentator.segment import water_image
from lpm_segmentator.segment.compact.slices import check_axial
from lpm_segmentator.train.labelled import check_sides

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["AdaptCase", "assign_folds", "check_cases"]


@dataclass(frozen=True, eq=False)
class AdaptCase:
    """An image or Dixon pair with its corrected mask.

    Attributes
    ----------
    case : str
    subject : str
        All cases of a subject are in one fold of the cross-validation.
    image : Volume or DixonPair
    labels : LabelMap
        On the grid of the image. Slices without a muscle are not used.
    """

    case: str
    subject: str
    image: Volume | DixonPair
    labels: LabelMap

    @property
    def volumes(self) -> tuple[Volume, ...]:
        """The image, or water and fat."""
        if isinstance(self.image, DixonPair):
            return self.image.water, self.image.fat
        return (self.image,)

    @property
    def contrast(self) -> str:
        """``Dixon`` for a pair, else the contrast of the image."""
        return "Dixon" if isinstance(self.image, DixonPair) else str(self.image.contrast)

    @property
    def sha256(self) -> str:
        """Hash of all that samples are drawn from: voxels, grids, labels and contrast."""
        scheme = self.labels.scheme
        meaning = [(s.value, s.key) for s in scheme]
        content = hashlib.sha256(repr((self.contrast, meaning, sorted(scheme.ignored))).encode())
        for part in (*self.volumes, self.labels):
            content.update(repr((part.array.dtype.str, part.shape)).encode())
            content.update(part.affine.tobytes())
            content.update(part.array.tobytes())
        return content.hexdigest()


def check_cases(cases: Sequence[AdaptCase]) -> None:
    """Check that every case can be learnt from.

    Raises
    ------
    InputError
        If there is no case, or one is not axial, lacks a muscle, or has sides or muscles swapped.
        All such cases are listed.
    """
    if not cases:
        raise InputError("there is no image with a mask to learn from")
    problems = []
    for case in cases:
        try:
            with about(case.case):
                check_axial(water_image(case.image))
                check_sides(case.labels, case.case)
        except LpmError as error:
            problems.append(str(error))
    if problems:
        lines = "".join(f"\n  {problem}" for problem in problems)
        raise InputError(f"{len(problems)} of {len(cases)} cases cannot be learnt from:{lines}")


def assign_folds(cases: Sequence[AdaptCase], most: int) -> dict[str, int]:
    """Return the fold of each subject; with one subject there is no fold.

    Parameters
    ----------
    cases : sequence of AdaptCase
    most : int
        Largest number of folds; with fewer subjects each is a fold of its own.
    """
    subjects = sorted({case.subject for case in cases})
    if len(subjects) < 2:
        return {}
    return {subject: index % min(most, len(subjects)) for index, subject in enumerate(subjects)}
