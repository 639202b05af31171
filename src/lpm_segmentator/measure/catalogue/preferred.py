"""The fat measures that are shown where one has to be chosen."""

from __future__ import annotations

from dataclasses import dataclass

from lpm_segmentator.measure.catalogue.measures import CATALOGUE, PREFERRED_MAP, Measure

__all__ = ["DIXON_FAT", "INTENSITY_FAT", "PreferredFat"]


@dataclass(frozen=True)
class PreferredFat:
    """The preferred measure of fat from one kind of image.

    Attributes
    ----------
    fat : Measure
    functional_csa : Measure
        The functional CSA that rests on it.
    """

    fat: Measure
    functional_csa: Measure


DIXON_FAT = PreferredFat(CATALOGUE["fat_ratio"], CATALOGUE["lean_csa_mean_mm2"])
"""Of a Dixon pair."""

INTENSITY_FAT = PreferredFat(CATALOGUE[f"fat_{PREFERRED_MAP}"], CATALOGUE["lean_csa_mean_gmm3_mm2"])
"""Of the intensities of a single image."""
