"""Cases found in exports that tests write, and their images."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

from dicom_files import Study, plane, ramp, write_series
from lpm_segmentator.study.cases import CaseFiles
from lpm_segmentator.study.dicom import DicomOptions, discover_dicom
from lpm_segmentator.study.dicom.source import import_images
from lpm_segmentator.study.discovery import Discovery

SHAPE = (8, 8, 4)
AFFINE = plane(shape=SHAPE, spacing_mm=(8.0, 8.0, 30.0))
LATER = Study(accession="ACC-3", date="20250101")
JOHN = Study(name="Roe^John", patient_id="PAT-0001-Z", accession="ACC-2", sex="M")


def discover(folder: Path, *inputs: Path, **options: object) -> Discovery:
    return discover_dicom(inputs or [folder / "in"], folder / "out", DicomOptions(**options))


def imported(files: CaseFiles) -> dict[str, np.ndarray]:
    """Write the images of a case and read them, in the order of the arrays they were made of."""
    assert files.dicom is not None
    assert import_images(files.dicom, files.paths) is None
    images = {role: np.asarray(nib.load(path).dataobj) for role, path in files.paths.items()}
    return {role: np.rint(array)[:, ::-1] for role, array in images.items()}


def t2w(folder: Path, **options: object) -> list[Path]:
    return write_series(folder, ramp(SHAPE), AFFINE, **options)


def reasons(found: Discovery) -> str:
    return "\n".join(f"{entry.path}: {entry.reason}" for entry in found.unused)
