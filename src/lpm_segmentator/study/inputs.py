"""Which inputs are read as NIfTI and which as DICOM."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lpm_segmentator.io import is_dicom, is_image
from lpm_segmentator.io.dicom import DICOMDIR, archive_holds_dicom
from lpm_segmentator.study.cases import Unused
from lpm_segmentator.study.listing import MOST_FILES_READ, files_in

__all__ = ["Inputs", "split_inputs"]


@dataclass(frozen=True)
class Inputs:
    """Inputs by format.

    Attributes
    ----------
    nifti, dicom : tuple of Path
        What is neither is among `nifti`, whose listing names what is wrong with it.
    unused : tuple of Unused
        Folders whose DICOM files are left out.
    """

    nifti: tuple[Path, ...]
    dicom: tuple[Path, ...]
    unused: tuple[Unused, ...] = ()


def split_inputs(inputs: Iterable[str | os.PathLike[str]]) -> Inputs:
    """Sort inputs by format.

    A folder with a NIfTI image is one of NIfTI; DICOM files in it are not used, and named.
    """
    nifti: list[Path] = []
    dicom: list[Path] = []
    unused: list[Unused] = []
    for given in map(Path, inputs):
        if not given.is_dir():
            (dicom if _is_dicom_file(given) else nifti).append(given)
            continue
        has_nifti = any(map(is_image, _files(given)))
        # Beside NIfTI a look at some files is enough: they would not be used.
        looked_at = islice(_files(given), MOST_FILES_READ if has_nifti else None)
        has_dicom = any(_is_dicom_file(path, beside_nifti=has_nifti) for path in looked_at)
        if has_nifti and has_dicom:
            reason = "its DICOM files are left out since it holds NIfTI images; give their folder"
            unused.append(Unused(given, reason))
        (dicom if has_dicom and not has_nifti else nifti).append(given)
    return Inputs(tuple(nifti), tuple(dicom), tuple(unused))


def _is_dicom_file(path: Path, *, beside_nifti: bool = False) -> bool:
    if not path.is_file() or is_image(path):
        return False
    if path.suffix.lower() == ".zip":  # beside NIfTI it may hold anything
        return not beside_nifti or archive_holds_dicom(path)
    return path.name.upper() == DICOMDIR or is_dicom(path)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path, _ in files_in(folder, derivatives=True))
