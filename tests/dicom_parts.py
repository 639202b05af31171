"""The parts of DICOM files that `dicom_files` puts together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid
from pydicom.valuerep import DSfloat

from dicom_dialects import Dialect, Scaling

MR, ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1"
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
Edit = Callable[[Dataset, int], None]
"""Changes a data set before it is written; gets the data set and the slice."""


def uid(*sources: object) -> str:
    """Return the unique identifier that belongs to some names."""
    return generate_uid(entropy_srcs=[str(source) for source in sources])


@dataclass(frozen=True)
class Study:
    """A patient and an examination. `identity` is what must never appear in outputs."""

    name: str = "Doe^Jane"
    patient_id: str = "PAT-4711-X"
    birth_date: str = "19610317"
    accession: str = "ACC-0815-Y"
    sex: str = "F"
    size_m: str = "1.68"
    weight_kg: str = "71"
    date: str = "20240312"
    time: str = "101500"
    description: str = "MRI lumbar spine"

    @property
    def uid(self) -> str:
        return uid("study", self.patient_id, self.date, self.time)

    @property
    def frame_of_reference(self) -> str:
        return uid("frame of reference", self.uid)

    @property
    def identity(self) -> tuple[str, ...]:
        return (*self.name.split("^"), self.patient_id, self.birth_date, self.accession)


STUDY = Study()


@dataclass(frozen=True)
class Choices:
    """What a caller chose: tags by keyword (None leaves one out), and an edit of each file."""

    dialect: Dialect
    tags: Mapping[str, object] = field(default_factory=dict)
    edit: Edit | None = None

    def of_frames(self, names: set[str]) -> Choices:
        """Return the choices without the tags that frames state for themselves."""
        tags = {name: value for name, value in self.tags.items() if name not in names}
        return Choices(self.dialect, tags, self.edit)


def save(data: Dataset, path: Path, syntax: str = ExplicitVRLittleEndian) -> Path:
    """Write a data set as a file, with what the part before the data set states."""
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.file_meta.TransferSyntaxUID = syntax
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path


def patient_and_study(study: Study, modality: str = "MR") -> Dataset:
    """Return what all objects of an examination state."""
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 100"
    data.StudyDate = data.SeriesDate = data.AcquisitionDate = data.ContentDate = study.date
    data.StudyTime = data.SeriesTime = data.AcquisitionTime = data.ContentTime = study.time
    data.AccessionNumber, data.StudyID = study.accession, "1"
    data.Modality, data.ReferringPhysicianName = modality, ""
    data.StudyDescription, data.StudyInstanceUID = study.description, study.uid
    data.PatientName, data.PatientID = study.name, study.patient_id
    data.PatientBirthDate, data.PatientSex = study.birth_date, study.sex
    data.PatientSize, data.PatientWeight = study.size_m, study.weight_kg
    return data


def base(dialect: Dialect, kind: str, study: Study, protocol: str) -> Dataset:
    data = patient_and_study(study)
    data.SOPClassUID = ENHANCED_MR if dialect.enhanced else MR
    data.Manufacturer, data.ManufacturerModelName = dialect.manufacturer, dialect.model
    data.ImageType = list(dialect.type_of(kind))
    data.SeriesDescription = dialect.description.get(kind, "{}").format(protocol)
    data.ProtocolName, data.BodyPartExamined = protocol, "LSPINE"
    data.PatientPosition = "HFS"
    data.ScanningSequence, data.SequenceVariant = "SE", "SK"
    data.MRAcquisitionType, data.SequenceName = "2D", "*tse2d1_15"
    data.MagneticFieldStrength, data.FlipAngle = "3", "150"
    data.RepetitionTime = "4000"
    data.EchoTime = DSfloat(dialect.echo_ms.get(kind, 80.0))
    data.EchoNumbers = 1
    data.FrameOfReferenceUID = study.frame_of_reference
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    return data


def place(data: Dataset, array: np.ndarray, affine: np.ndarray, k: int) -> None:
    """State where a slice lies."""
    lps = LPS @ affine
    columns, rows, slices = lps[:3, :3].T
    between_columns, between_rows = np.linalg.norm(columns), np.linalg.norm(rows)
    direction = (*(columns / between_columns), *(rows / between_rows))
    normal = np.cross(direction[:3], direction[3:])
    data.ImageOrientationPatient = [decimal(value) for value in direction]
    data.ImagePositionPatient = [decimal(value) for value in (lps @ [0, 0, k, 1])[:3]]
    data.PixelSpacing = [decimal(between_rows), decimal(between_columns)]
    data.SliceThickness = data.SpacingBetweenSlices = decimal(abs(slices @ normal))
    data.Columns, data.Rows = array.shape[:2]


def stored(values: np.ndarray, scaling: Scaling) -> np.ndarray:
    """Return the numbers to store for one slice, rows first."""
    return np.rint((values.T - scaling.zero) / scaling.gain).astype(np.int64)


def store(data: Dataset, slices: list[np.ndarray], *, signed: bool) -> None:
    pixels = np.stack(slices)
    signed = signed or bool(pixels.min() < 0)
    data.BitsAllocated = 16
    data.BitsStored = 16 if signed or pixels.max() > 4095 else 12
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, int(signed)
    data.PixelData = pixels.astype("<i2" if signed else "<u2").tobytes()
    data["PixelData"].VR = "OW"


def scale(data: Dataset, private: Dataset, scaling: Scaling) -> None:
    if scaling != Scaling():
        data.RescaleIntercept, data.RescaleSlope = map(decimal, (scaling.intercept, scaling.slope))
    if scaling.scale_slope:
        private.add_new(0x20050010, "LO", "Philips MR Imaging DD 001")
        private.add_new(0x2005100E, "FL", scaling.scale_slope)


def finish(data: Dataset, path: Path, choices: Choices, k: int = 0) -> Path:
    """Apply what the caller chose, and write."""
    data.SOPInstanceUID = uid("instance", data.SeriesInstanceUID, path)
    for name, value in choices.tags.items():
        if value is not None:
            setattr(data, name, value)
        elif name in data:
            delattr(data, name)
    if choices.edit is not None:
        choices.edit(data, k)
    implicit = choices.dialect.implicit
    return save(data, path, ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian)


def copy(data: Dataset) -> Dataset:
    """Return a copy that can be written in any encoding."""
    copied = Dataset()
    copied.update({element.tag: element for element in data})
    return copied


def decimal(value: float) -> DSfloat:
    return DSfloat(float(value), auto_format=True)


def dataset(**values: object) -> Dataset:
    data = Dataset()
    for name, value in values.items():
        setattr(data, name, value)
    return data


def item(**groups: Dataset) -> Dataset:
    return dataset(**{name: [group] for name, group in groups.items()})


def private(group: int, creator: str) -> Dataset:
    data = Dataset()
    data.add_new((group << 16) | (0x11 if group == 0x0021 else 0x10), "LO", creator)
    return data
