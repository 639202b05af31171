"""A sample: the files of one case that comes with the package or is generated."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Sample"]


@dataclass(frozen=True)
class Sample:
    """The files of a sample case.

    Attributes
    ----------
    water, fat : Path
        The images of an axial Dixon pair.
    reference : Path
        The reference label map, on the grid of both images.
    levels : Path
        The discs in the stack, in the format of ``lpm levels``.
    origin : str
        What the sample is and where it comes from, in one sentence.
    """

    water: Path
    fat: Path
    reference: Path
    levels: Path
    origin: str
