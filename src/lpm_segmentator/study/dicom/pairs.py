"""Which water and fat images of an examination belong together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from lpm_segmentator.core import Contrast
from lpm_segmentator.io import WATER_AND_FAT_WORDS, words_of
from lpm_segmentator.study.dicom.describe import Described, same_frame

__all__ = ["DixonScan", "dixon_scans"]


@dataclass(frozen=True, eq=False)
class DixonScan:
    """The water and fat images of one scan.

    Attributes
    ----------
    water, fat : Described
    evidence : str
        Why they are taken as one scan.
    """

    water: Described
    fat: Described
    evidence: str


def dixon_scans(images: Sequence[Described]) -> tuple[list[DixonScan], dict[int, str]]:
    """Pair the water and fat images of one examination.

    Two images are of one scan if they lie on one grid in one frame of reference. Where several
    fit, those of one series, of one acquisition, of one description and of the nearest times and
    series numbers belong together, in this order; each image must be the best partner of the other.

    Returns
    -------
    scans : list of DixonScan
    left : dict of int to str
        Why an image has no partner, by ``id`` of the image.
    """
    water = [image for image in images if image.contrast is Contrast.WATER]
    fat = [image for image in images if image.contrast is Contrast.FAT]
    distances = {
        (w, f): _distance(water[w], fat[f])
        for w, f in product(range(len(water)), range(len(fat)))
        if _on_one_grid(water[w], fat[f])
    }
    scans: list[DixonScan] = []
    left = dict.fromkeys(map(id, fat), "there is no water image of the same scan")
    for w, image in enumerate(water):
        partners = _nearest({pair[1]: d for pair, d in distances.items() if pair[0] == w})
        rivals = [
            _nearest({pair[0]: d for pair, d in distances.items() if pair[1] == f})
            for f in partners
        ]
        if len(partners) == 1 and rivals == [[w]]:
            other = fat[partners[0]]
            scans.append(DixonScan(image, other, _evidence(image, other)))
            del left[id(other)]
        elif partners:
            left[id(image)] = "several water and fat images fit each other equally well"
        else:
            left[id(image)] = "there is no fat image of the same scan"
    return scans, left


def _nearest(distances: Mapping[int, tuple[float, ...]]) -> list[int]:
    """Return the partners of the least distance."""
    least = min(distances.values(), default=None)
    return [partner for partner, distance in distances.items() if distance == least]


def _on_one_grid(one: Described, other: Described) -> bool:
    a, b = one.stack.geometry, other.stack.geometry
    if a is None or b is None:
        return False
    return same_frame(one, other) and a.describe_difference(b) is None


def _distance(one: Described, other: Described) -> tuple[float, ...]:
    """Return how little two images say that they are of one scan; each entry outweighs the next."""
    a, b = one.tags, other.tags
    return (
        float(a.series != b.series),
        float(a.acquisition != b.acquisition),
        float(_stem(a.description) != _stem(b.description)),
        round(_difference(one.stack.frames[0].time_s, other.stack.frames[0].time_s)),
        float(abs((a.number or 0) - (b.number or 0))),
    )


def _difference(one: float, other: float) -> float:
    return 0.0 if math.isnan(one) or math.isnan(other) else abs(one - other)


def _stem(description: str) -> tuple[str, ...]:
    """Return a description without the words that name the image of the scan."""
    return tuple(word for word in words_of(description) if word not in WATER_AND_FAT_WORDS)


def _evidence(water: Described, fat: Described) -> str:
    return "one series" if water.tags.series == fat.tags.series else "one grid, two series"
