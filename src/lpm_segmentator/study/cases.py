"""The files of a case, by role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lpm_segmentator.core import KnownContrast
from lpm_segmentator.io import case_id, set_paths, subject_key

if TYPE_CHECKING:
    from lpm_segmentator.study.dicom.source import DicomSource
    from lpm_segmentator.study.record_parts import ExaminationRecord

__all__ = ["CaseFiles", "Unused", "stack_role"]


_STACK = "stack-"


def stack_role(number: int) -> str:
    """Return the role of one of several stacks, numbered from 1."""
    return f"{_STACK}{number}"


@dataclass(frozen=True)
class CaseFiles:
    """The files of one case.

    Attributes
    ----------
    case : str
        Its id: the file name without suffix, and for a Dixon pair without the contrast.
    image : Path, optional
        A single image.
    water, fat : Path, optional
        A Dixon pair, instead of `image`.
    stacks : tuple of Path
        Several stacks of one examination, instead of `image`.
    reference : Path, optional
        A manual label map to compare with.
    mask : Path, optional
        A label map to measure instead of segmenting.
    sagittal : Path, optional
        A sagittal series of the same examination.
    contrast : KnownContrast, optional
        Of a single image, as the user stated it or name, folder and sidecar tell. Without it, the
        name and the sidecar are asked when the image is read.
    notes : tuple of str
        What was uncertain when the files were grouped.
    problem : str
        Why the case cannot be run at all; empty if it can.
    dicom : DicomSource, optional
        The DICOM images that the files are made of when the case is run.
    examination : ExaminationRecord, optional
        What is recorded of that examination.
    """

    case: str
    image: Path | None = None
    water: Path | None = None
    fat: Path | None = None
    reference: Path | None = None
    mask: Path | None = None
    sagittal: Path | None = None
    contrast: KnownContrast | None = None
    notes: tuple[str, ...] = ()
    problem: str = ""
    dicom: DicomSource | None = None
    examination: ExaminationRecord | None = None
    stacks: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        set_paths(self, "image", "water", "fat", "reference", "mask", "sagittal")
        object.__setattr__(self, "stacks", tuple(map(Path, self.stacks)))

    @classmethod
    def from_paths(cls, case: str, paths: Mapping[str, Path], **others: Any) -> CaseFiles:
        """Return the case whose `paths` are these.

        Parameters
        ----------
        case : str
        paths : mapping of str to Path
            As `paths` gives them.
        **others
            Other attributes.
        """
        named: dict[str, Any] = {k: v for k, v in paths.items() if not k.startswith(_STACK)}
        stacks = tuple(path for role, path in paths.items() if role.startswith(_STACK))
        return cls(case, **named, stacks=stacks, **others)

    @property
    def paths(self) -> dict[str, Path]:
        """The files that are there, by role."""
        roles = {
            "image": self.image,
            **{stack_role(number): path for number, path in enumerate(self.stacks, start=1)},
            "water": self.water,
            "fat": self.fat,
            "reference": self.reference,
            "mask": self.mask,
            "sagittal": self.sagittal,
        }
        return {role: path for role, path in roles.items() if path is not None}

    @property
    def main_image(self) -> Path | None:
        """The image that masks are drawn on: of a pair the water image."""
        return self.water or self.image or next(iter(self.stacks), None)

    @property
    def images(self) -> tuple[Path, ...]:
        """The axial images."""
        named = (self.image, self.water, self.fat, *self.stacks)
        return tuple(path for path in named if path is not None)

    @property
    def ids(self) -> tuple[str, ...]:
        """Names under which a table may list the case: its id and those of its images."""
        return tuple(dict.fromkeys([self.case, *map(case_id, self.images)]))

    @property
    def ids_of_all(self) -> tuple[str, ...]:
        """The same, and the names of its label maps."""
        masks = [case_id(p) for p in (self.reference, self.mask) if p is not None]
        return tuple(dict.fromkeys([*self.ids, *masks]))

    def is_called(self, name: str) -> bool:
        """Return whether the case has a name, parts that state the kind of a file left out."""
        return subject_key(name) in {subject_key(own) for own in self.ids}


@dataclass(frozen=True)
class Unused:
    """A file that no case uses.

    Attributes
    ----------
    path : Path
    reason : str
        Why, and what would make it used.
    """

    path: Path
    reason: str
