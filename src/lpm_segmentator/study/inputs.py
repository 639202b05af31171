"""Which inputs are read as NIfTI and which as DICOM."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lpm_segmentator.io import is_dicom, is_image
from lpm_segmentator.study.cases import Unused
from lpm_segmentator.study.layout import StudyFolder

__all__ = ["Inputs", "split_inputs"]

_MOST_FILES_READ = 200
_ARCHIVE = ".zip"


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
        looked_at = islice(_files(given), _MOST_FILES_READ if has_nifti else None)
        has_dicom = any(map(_is_dicom_file, looked_at))
        if has_nifti and has_dicom:
            reason = "its DICOM files are left out since it holds NIfTI images; give their folder"
            unused.append(Unused(given, reason))
        (dicom if has_dicom and not has_nifti else nifti).append(given)
    return Inputs(tuple(nifti), tuple(dicom), tuple(unused))


def _is_dicom_file(path: Path) -> bool:
    if not path.is_file() or is_image(path):
        return False
    return path.suffix.lower() == _ARCHIVE or path.name.upper() == "DICOMDIR" or is_dicom(path)


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder, without the results of earlier runs."""
    for root, subfolders, names in os.walk(folder):
        study = StudyFolder(Path(root))
        is_study = study.is_study()
        if is_study and study.path != folder:
            subfolders.clear()
            continue
        left_out = {study.cases.name, study.figures.name} if is_study else set()
        subfolders[:] = sorted(f for f in subfolders if f[0] != "." and f not in left_out)
        yield from (Path(root) / name for name in sorted(names) if not name.startswith("."))
