"""What an image shows: its contrast, and how that is known."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["Contrast", "ContrastSource", "KnownContrast"]


class Contrast(str, Enum):
    """The contrast of an MR image; the value is its name in records and options."""

    T1W = "T1w"
    T2W = "T2w"
    WATER = "water"
    FAT = "fat"
    IN_PHASE = "in-phase"
    OPPOSED_PHASE = "opposed-phase"
    FAT_FRACTION = "fat-fraction"
    UNKNOWN = "unknown"

    def __str__(self) -> str:
        """Return the name."""
        return self.value

    @property
    def is_dixon(self) -> bool:
        """Whether the image is the water or the fat image of a Dixon scan."""
        return self in (Contrast.WATER, Contrast.FAT)


class ContrastSource(str, Enum):
    """Where a contrast is known from, the most reliable first."""

    USER = "user"
    DICOM = "DICOM header"
    SIDECAR = "JSON sidecar"
    BIDS = "BIDS entity"
    NAME = "file name"
    NOTHING = "nothing"

    def __str__(self) -> str:
        """Return the source in words."""
        return self.value


@dataclass(frozen=True)
class KnownContrast:
    """A contrast and where it is known from.

    Attributes
    ----------
    contrast : Contrast
    source : ContrastSource
        `ContrastSource.NOTHING` exactly where the contrast is unknown.
    """

    contrast: Contrast = Contrast.UNKNOWN
    source: ContrastSource = ContrastSource.NOTHING

    def __str__(self) -> str:
        """Return both in words, e.g. ``"T2w (file name)"``."""
        if self.contrast is Contrast.UNKNOWN:
            return str(self.contrast)
        return f"{self.contrast} ({self.source})"
