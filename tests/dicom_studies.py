"""Whole examinations in DICOM for tests, and the objects in them that are no images of a spine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.fileset import FileSet

from dicom_dialects import SIEMENS_CLASSIC, Dialect
from dicom_files import STUDY, Study, dixon_images, plane, ramp, uid, write_dixon, write_series
from dicom_parts import dataset, patient_and_study, save

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
ENCAPSULATED_PDF, STRUCTURED_REPORT = (
    "1.2.840.10008.5.1.4.1.1.104.1",
    "1.2.840.10008.5.1.4.1.1.88.33",
)
PRESENTATION_STATE = "1.2.840.10008.5.1.4.1.1.11.1"
_PLANES = ("axial", "coronal", "sagittal")


def write_study(
    folder: Path,
    images: Mapping[str, np.ndarray] | None = None,
    affine: np.ndarray | None = None,
    *,
    dialect: Dialect = SIEMENS_CLASSIC,
    study: Study = STUDY,
) -> Path:
    """Write an examination of the lumbar spine as a PACS exports it; return its folder.

    Series 1 is a localiser in three planes, 2 a sagittal T2w, 3 an axial T2w of three stacks along
    the discs, 10 and on the Dixon scan (`images`, as `write_dixon` takes them); then a screenshot,
    a report, a PDF and a presentation state.
    """
    images = dixon_images() if images is None else images
    affine = plane() if affine is None else affine
    write_localiser(folder / "1", dialect=dialect, study=study)
    shape = (40, 40, 5)
    sagittal = plane("sagittal", shape, (6.0, 6.0, 4.4))
    write_series(folder / "2", ramp(shape), sagittal, dialect=dialect, study=study, number=2,
                 protocol="t2_tse_sag")  # fmt: skip
    write_multi_stack(folder / "3", dialect=dialect, study=study)
    write_dixon(folder / "10", images, affine, dialect=dialect, study=study)
    write_screenshot(folder / "90" / "capture.dcm", study=study)
    write_report(folder / "91" / "report.dcm", study=study)
    write_pdf(folder / "92" / "report_pdf.dcm", study=study)
    write_presentation_state(folder / "93" / "state.dcm", study=study)
    return folder


def write_localiser(
    folder: Path, *, dialect: Dialect = SIEMENS_CLASSIC, study: Study = STUDY, number: int = 1
) -> list[Path]:
    """Write slices in three planes that share a series."""
    series_uid, shape = uid("series", study.uid, number, "localizer"), (32, 32, 3)
    paths: list[Path] = []
    for name in _PLANES:
        paths += write_series(
            folder / name, ramp(shape), plane(name, shape, (10.0, 10.0, 20.0)), dialect=dialect,
            study=study, number=number, series_uid=series_uid, protocol="localizer",
            first_instance=len(paths) + 1,
        )  # fmt: skip
    return paths


def write_multi_stack(
    folder: Path,
    *,
    tilts_deg: tuple[float, ...] = (-8.0, 2.0, 15.0),
    centers_z_mm: tuple[float, ...] = (40.0, 0.0, -40.0),
    shape: tuple[int, int, int] = (32, 32, 4),
    dialect: Dialect = SIEMENS_CLASSIC,
    study: Study = STUDY,
    number: int = 3,
) -> list[Path]:
    """Write one series of several axial stacks, each along a disc."""
    series_uid = uid("series", study.uid, number, "stacks")
    paths: list[Path] = []
    for n, (tilt, z) in enumerate(zip(tilts_deg, centers_z_mm, strict=True)):
        affine = plane("axial", shape, (6.0, 6.0, 4.0), tilt_deg=tilt, center_mm=(0, 0, z))
        paths += write_series(
            folder / f"stack{n}", ramp(shape), affine, dialect=dialect, study=study, number=number,
            series_uid=series_uid, protocol="t2_tse_tra", first_instance=len(paths) + 1,
        )  # fmt: skip
    return paths


def write_screenshot(path: Path, *, study: Study = STUDY, number: int = 90) -> Path:
    """Write a screenshot: colour, with text in the pixels, without a place."""
    data = _no_image(SECONDARY_CAPTURE, study, number, path, modality="OT")
    data.ConversionType, data.BurnedInAnnotation = "WSD", "YES"
    data.ImageType = ["DERIVED", "SECONDARY", "SCREEN SAVE"]
    data.SeriesDescription = "Screen captures"
    data.SamplesPerPixel, data.PhotometricInterpretation = 3, "RGB"
    data.PlanarConfiguration = 0
    data.Rows, data.Columns = 24, 32
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
    data.PixelData = bytes(range(256)) * 9
    data["PixelData"].VR = "OB"
    return save(data, path)


def write_report(path: Path, *, study: Study = STUDY, number: int = 91) -> Path:
    """Write a structured report."""
    data = _no_image(STRUCTURED_REPORT, study, number, path, modality="SR")
    data.ValueType, data.ContinuityOfContent = "CONTAINER", "SEPARATE"
    name = dataset(CodeValue="18782-3", CodingSchemeDesignator="LN", CodeMeaning="Study report")
    data.ConceptNameCodeSequence = [name]
    data.CompletionFlag, data.VerificationFlag = "COMPLETE", "UNVERIFIED"
    return save(data, path)


def write_pdf(path: Path, *, study: Study = STUDY, number: int = 92) -> Path:
    """Write a PDF in a DICOM file."""
    data = _no_image(ENCAPSULATED_PDF, study, number, path, modality="DOC")
    data.MIMETypeOfEncapsulatedDocument = "application/pdf"
    data.EncapsulatedDocument = b"%PDF-1.4 no pages "
    return save(data, path)


def write_presentation_state(path: Path, *, study: Study = STUDY, number: int = 93) -> Path:
    """Write how somebody looked at the images."""
    data = _no_image(PRESENTATION_STATE, study, number, path, modality="PR")
    data.ContentLabel, data.ContentDescription = "STATE", ""
    data.PresentationCreationDate, data.PresentationCreationTime = study.date, study.time
    return save(data, path)


def write_dicomdir(folder: Path) -> Path:
    """Write a DICOMDIR of the files below a folder, in another folder beside it, as on a disc."""
    files = FileSet()
    for path in sorted(folder.rglob("*.dcm")):
        files.add(path)
    target = folder.with_name(f"{folder.name}_disc")
    files.write(target)
    files._stage["t"].cleanup()  # which it would leave to the end of the process, with a warning
    return target / "DICOMDIR"


def _no_image(sop_class: str, study: Study, number: int, path: Path, *, modality: str) -> Dataset:
    data = patient_and_study(study, modality)
    data.SOPClassUID, data.SOPInstanceUID = sop_class, uid("object", study.uid, path)
    data.SeriesInstanceUID = uid("series", study.uid, number, modality)
    data.SeriesNumber, data.InstanceNumber = number, 1
    data.Manufacturer = "Workstation"
    return data
