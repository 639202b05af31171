"""The image formats that can be read, in the order in which they are tried."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lpm_segmentator.io.nifti.container import DICOM_START, RawNifti, is_dicom_start, open_nifti

__all__ = ["FORMATS", "Format", "image_suffix", "is_dicom", "is_image", "open_raw"]

#: the second file of a pair, which is not listed by itself
_SECOND_FILES = (".img", ".img.gz")


@dataclass(frozen=True)
class Format:
    """A format of image files.

    Attributes
    ----------
    name : str
    suffixes : tuple of str
        Endings of file names in lower case, those with ``.gz`` first.
    open : callable
        Reads the header of a file and returns it in the terms of NIfTI, with a method that reads
        the voxels.
    """

    name: str
    suffixes: tuple[str, ...]
    open: Callable[[Path], RawNifti]


FORMATS: tuple[Format, ...] = (
    Format("NIfTI", (".nii.gz", ".nii", ".hdr.gz", ".img.gz", ".hdr", ".img"), open_nifti),
)


def image_suffix(path: str | os.PathLike[str]) -> str:
    """Return the ending of an image file's name as it is written; empty for other names.

    Examples
    --------
    >>> image_suffix("A.NII.gz"), image_suffix("A.csv")
    ('.NII.gz', '')
    """
    name = Path(path).name
    for known in FORMATS:
        for suffix in known.suffixes:
            if name.lower().endswith(suffix):
                return name[-len(suffix) :]
    return ""


def is_image(path: str | os.PathLike[str]) -> bool:
    """Return whether a file's name ends like that of an image, in any case.

    The ``.img`` of a pair does not count: the ``.hdr`` stands for both.
    """
    suffix = image_suffix(path).lower()
    return bool(suffix) and suffix not in _SECOND_FILES


def is_dicom(path: str | os.PathLike[str]) -> bool:
    """Return whether a file begins like one of DICOM; a file that cannot be read does not."""
    try:
        with Path(path).open("rb") as file:
            return is_dicom_start(file.read(DICOM_START))
    except OSError:
        return False


def open_raw(path: Path) -> RawNifti:
    """Read the header of an image; a file with an unknown ending is tried as NIfTI.

    Raises
    ------
    FileFormatError
        If the file is missing, empty, truncated or of another format.
    """
    suffix = image_suffix(path).lower()
    chosen = next((known for known in FORMATS if suffix in known.suffixes), FORMATS[0])
    return chosen.open(path)
