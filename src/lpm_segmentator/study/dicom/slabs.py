"""Which short stacks form one examination in several stacks, such as one tilted to each disc."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lpm_segmentator.study.dicom.describe import Described

__all__ = ["stacks_of_one_scan"]

#: a stack that covers more shows the lumbar spine by itself
_WHOLE_MM = 90.0
#: stacks of one scan agree in their times within this share
_SAME_TIME = 0.1
_SAME_SPACING = 0.01
#: stacks that share more than this part of the smaller one, and its direction, are repetitions
_REPEATED = 0.7
_REPEATED_DEG = 5.0


def stacks_of_one_scan(images: Sequence[Described]) -> list[list[Described]]:
    """Group images: short stacks of one scan together, every other image by itself.

    Stacks are of one scan if contrast, frame of reference, pixel spacing, repetition and echo time
    agree. A repeated stack begins another group.

    Parameters
    ----------
    images : sequence of Described
        Axial images of one examination, ordered by series number.
    """
    groups: list[list[Described]] = []
    for image in images:
        group = next((group for group in groups if _fits(image, group)), None)
        if group is None:
            groups.append([image])
        else:
            group.append(image)
    return groups


def _fits(image: Described, group: Sequence[Described]) -> bool:
    return all(_of_one_scan(image, other) and not _repeats(image, other) for other in group)


def _of_one_scan(one: Described, other: Described) -> bool:
    a, b = one.tags, other.tags
    if not (one.extent_mm < _WHOLE_MM and other.extent_mm < _WHOLE_MM):
        return False
    same = (one.contrast, one.fat_suppressed, a.frame_of_reference) == (
        other.contrast, other.fat_suppressed, b.frame_of_reference)  # fmt: skip
    times = _alike(a.tr_ms, b.tr_ms, _SAME_TIME) and _alike(a.te_ms, b.te_ms, _SAME_TIME)
    mine, theirs = ((tags.pixel_spacing_mm or (0.0,))[0] for tags in (a, b))
    return same and times and _alike(mine, theirs, _SAME_SPACING)


def _alike(one: float, other: float, share: float) -> bool:
    return bool(np.isnan(one) and np.isnan(other)) or abs(one - other) <= share * max(one, other)


def _repeats(one: Described, other: Described) -> bool:
    """Whether two stacks show the same slices."""
    a, b = one.stack.geometry, other.stack.geometry
    if a is None or b is None:
        return True
    angle = np.degrees(np.arccos(min(1.0, abs(float(a.normal(2) @ b.normal(2))))))
    shared = a.overlap_mm(b)[2] / min(one.extent_mm, other.extent_mm)
    return bool(angle < _REPEATED_DEG and shared > _REPEATED)
