"""Distance between the discs that two images of one back show."""

from __future__ import annotations

import math

import numpy as np

from lpm_segmentator.levels.types import Levels

__all__ = ["discs_apart_mm"]

_FEWEST = 3
#: discs this far above or below those of the other image are not expected in it
_BEYOND_MM = 10.0


def discs_apart_mm(one: Levels, other: Levels) -> float:
    """Return the median distance of the discs of two images in the sagittal plane.

    If the count is certain in both, discs of the same name are compared. Otherwise each disc of the
    first is compared with the nearest of the second, as far as it lies between them in height; a
    shift by a whole disc is then not detected.

    Returns
    -------
    float
        Millimetres; nan where fewer than three discs can be compared.
    """
    sure = one.named_surely and other.named_surely
    theirs = [np.array(found.centre_mm[1:]) for found in other.discs]
    if not theirs:
        return math.nan
    heights = [place[1] for place in theirs]
    low, high = min(heights) - _BEYOND_MM, max(heights) + _BEYOND_MM
    apart: list[float] = []
    for found in one.discs:
        mine = np.array(found.centre_mm[1:])
        same = other.find(found.disc)
        if sure and same is not None:
            apart.append(float(np.linalg.norm(mine - same.centre_mm[1:])))
        elif not sure and low <= mine[1] <= high:
            apart.append(min(float(np.linalg.norm(mine - place)) for place in theirs))
    return float(np.median(apart)) if len(apart) >= _FEWEST else math.nan
