"""What reading a file gives: voxels, where they come from, and what is uncertain about them."""

from __future__ import annotations

from dataclasses import dataclass, field

from lpm_segmentator.core.contrast import KnownContrast
from lpm_segmentator.core.source import Source
from lpm_segmentator.core.volume import LabelMap, Volume

__all__ = ["Image", "LabelImage"]


@dataclass(frozen=True, eq=False)
class Image:
    """An image as it was read.

    Attributes
    ----------
    volume : Volume
        Its `contrast` is that of `known_contrast`.
    source : Source
        To be handed to a writer as `like`, so that a result overlays the image.
    known_contrast : KnownContrast
        What the image shows and where that is known from.
    notes : tuple of str
        What is uncertain about the file, or was repaired.
    """

    volume: Volume
    source: Source
    known_contrast: KnownContrast = field(default_factory=KnownContrast)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class LabelImage:
    """A label map as it was read; the attributes are those of `Image`."""

    labels: LabelMap
    source: Source
    notes: tuple[str, ...] = ()
