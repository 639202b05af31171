"""The parts of the record of a case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

__all__ = [
    "CoverageRecord",
    "DiscSliceRecord",
    "ExaminationRecord",
    "ImageRecord",
    "LevelsRecord",
    "MaskRecord",
    "QualityRecord",
    "SeriesRecord",
    "StackRecord",
]


@dataclass(frozen=True)
class ImageRecord:
    """The image that was measured.

    Attributes
    ----------
    shape : tuple of int
    spacing_mm : tuple of float
        Along the array axes.
    axis_codes : str
        Direction each array axis grows to, such as ``"LPS"``.
    obliquity_deg : float
        Angle between the normal of the slices and superior.
    contrast : str
        As `Contrast`.
    contrast_source : str
        Where the contrast is known from, as `ContrastSource`.
    series_uid : str
        Identifier of the DICOM series, of a pair that of the water image; empty if unknown.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    axis_codes: str
    obliquity_deg: float
    contrast: str = "unknown"
    contrast_source: str = "nothing"
    series_uid: str = ""


@dataclass(frozen=True)
class MaskRecord:
    """The mask that the numbers are about.

    Attributes
    ----------
    kind : {'automatic', 'edited', 'imported'}
        Drawn by the model, corrected by a user, or taken from elsewhere.
    file : str
        Name of its file in the case's folder.
    sha256 : str
        Of that file, as it was measured: another hash means that it was edited since.
    edited : str
        When it was edited (ISO 8601); empty unless `kind` is ``"edited"``.
    editor : str
        Who edited it, where a tool recorded that; empty otherwise.
    changed_voxels : int, optional
        Voxels that differ from the automatic mask; None where that is not there.
    automatic_sha256 : str
        Of the automatic mask; empty where there is none.
    """

    kind: Literal["automatic", "edited", "imported"]
    file: str
    sha256: str
    edited: str = ""
    editor: str = ""
    changed_voxels: int | None = None
    automatic_sha256: str = ""

    @property
    def unedited_sha256(self) -> str:
        """Of the automatic or imported mask, as it was before any edit."""
        return self.automatic_sha256 or self.sha256


@dataclass(frozen=True)
class LevelsRecord:
    """The levels of a case.

    Attributes
    ----------
    source : str
        File that they come from.
    discs : tuple of mapping
        As in the file that ``lpm levels`` writes; empty where none was found. Of several stacks
        `slice` counts through all of them, as in the profile.
    warnings : tuple of str
    named : bool
        Whether the names are certain, so that rows of the tables carry them.
    sha256 : str
        Of ``CASE_levels.json`` as it was written: another hash means that it was corrected since.
    corrected : bool
        Whether that file was corrected before and is a user's work.
    """

    source: str
    discs: tuple[dict[str, Any], ...]
    warnings: tuple[str, ...]
    named: bool
    sha256: str
    corrected: bool


@dataclass(frozen=True)
class QualityRecord:
    """How far to trust a mask that a model drew; as `lpm_segmentator.segment.Quality`."""

    score: float | None
    slice_scores: dict[str, float]
    expected_dice: float | None
    low_confidence_slices: tuple[int, ...]
    minimum_expected_dice: float


@dataclass(frozen=True)
class CoverageRecord:
    """The slices behind the volumes.

    Attributes
    ----------
    slices : int
        Slices that show any muscle.
    spacing_mm : float
        Distance between slice centres.
    covered_mm : float
        Length that the volumes describe, gaps included.
    gap_mm : float or None
        Gap between slices; None where the slice thickness is unknown.
    """

    slices: int
    spacing_mm: float
    covered_mm: float
    gap_mm: float | None


@dataclass(frozen=True)
class StackRecord:
    """A stack of an examination in several stacks.

    Attributes
    ----------
    image : ImageRecord
    mask : MaskRecord
    first_slice : int
        Number of its first slice in the profile, which counts through all stacks.
    slices : int
        Slices that show any muscle.
    spacing_mm : float
        Distance between slice centres.
    """

    image: ImageRecord
    mask: MaskRecord
    first_slice: int
    slices: int
    spacing_mm: float


@dataclass(frozen=True)
class DiscSliceRecord:
    """The slice that a disc was measured in, of an examination in several stacks.

    Attributes
    ----------
    level : str
        The disc.
    stack : int
        From 1.
    slice : int
        Within the stack.
    distance_mm : float
        Of the disc's centre from the middle of the slice.
    angle_deg : float
        Between the slice and the plane of the disc.
    """

    level: str
    stack: int
    slice: int
    distance_mm: float
    angle_deg: float


@dataclass(frozen=True)
class SeriesRecord:
    """A series of the examination.

    Attributes
    ----------
    role : str
        What it was used as (``"image"``, ``"water"``, ``"fat"``, ``"sagittal"``); empty if it was
        not used.
    number : int or None
    description : str
    plane : str
    contrast : str
    slices : int
    reason : str
        Why it was used, or why it was not.
    """

    role: str
    number: int | None
    description: str
    plane: str
    contrast: str
    slices: int
    reason: str


@dataclass(frozen=True)
class ExaminationRecord:
    """The DICOM examination that a case comes from.

    Attributes
    ----------
    subject, session : str
        Pseudonyms of the patient and of the examination.
    series : tuple of SeriesRecord
        All series, those that were used first.
    covariates : mapping
        Row of ``cases.csv``: age, sex, height and weight, scanner and sequence.
    """

    subject: str
    session: str
    series: tuple[SeriesRecord, ...]
    covariates: dict[str, bool | int | float | str | None]
