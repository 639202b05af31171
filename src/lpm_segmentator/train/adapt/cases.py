"""The user's corrected cases, and the checks before anything is trained on them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lpm_segmentator.core import DixonPair, InputError, LabelMap, LpmError, Volume, about
from lpm_segmentator.segment import water_image
from lpm_segmentator.segment.compact.slices import check_axial
from lpm_segmentator.train.labelled import Named, check_owner, check_sides

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["AdaptCase", "check_cases"]


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
        If there is no case, or one is not axial, lacks a muscle, has sides or muscles swapped, or
        the mask of another subject. All such cases are listed.
    """
    if not cases:
        raise InputError("there is no image with a mask to learn from")
    problems = []
    owners: dict[bytes, Named] = {}
    for case in cases:
        try:
            with about(case.case):
                check_axial(water_image(case.image))
                check_sides(case.labels, case.case)
                check_owner(case, case.labels, owners)
        except LpmError as error:
            problems.append(str(error))
    if problems:
        lines = "".join(f"\n  {problem}" for problem in problems)
        raise InputError(f"{len(problems)} of {len(cases)} cases cannot be learnt from:{lines}")
