"""Names of the files that a run leaves; no other module formats them."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CaseFolder", "StudyFolder"]

_RECORD = "case.json"


@dataclass(frozen=True)
class CaseFolder:
    """The folder of one case, ``OUT/cases/CASE``.

    Attributes
    ----------
    path : Path
    case : str
    """

    path: Path
    case: str

    @property
    def record(self) -> Path:
        """``case.json``: every number of the case; written last."""
        return self.path / _RECORD

    @property
    def mask(self) -> Path:
        """The mask of the model, or the imported one."""
        return self.path / f"{self.case}_dseg.nii.gz"

    def of_stack(self, number: int) -> CaseFolder:
        """Return where masks and maps of one of several stacks lie, numbered from 1."""
        return CaseFolder(self.path, f"{self.case}_chunk-{number}")

    def parts(self, stacks: int) -> list[CaseFolder]:
        """Return where masks and maps lie: those of each stack, or of the image if it is one."""
        return [self.of_stack(number) for number in range(1, stacks + 1)] or [self]

    @property
    def edited_mask(self) -> Path:
        """A corrected mask beside the automatic one."""
        return self.path / f"{self.case}_desc-edited_dseg.nii.gz"

    def saved_mask(self, number: int) -> Path:
        """Where a mask is kept that was edited in place; numbered from 1, the `edited_mask`."""
        ending = "" if number == 1 else str(number)
        return self.path / f"{self.case}_desc-edited{ending}_dseg.nii.gz"

    def earlier_mask(self, number: int) -> Path:
        """Where a mask is kept of which it is not known whether it was edited; from 1."""
        ending = "" if number == 1 else str(number)
        return self.path / f"{self.case}_desc-earlier{ending}_dseg.nii.gz"

    @property
    def picture(self) -> Path:
        """The picture of the mask on the image."""
        return self.path / f"{self.case}_qc.png"

    @property
    def page(self) -> Path:
        """The page of the case, where the report is an overview of many cases."""
        return self.path / f"{self.case}_report.html"

    @property
    def all_slices(self) -> Path:
        """The picture of all slices, where `picture` shows some."""
        return self.path / f"{self.case}_slices.jpg"

    @property
    def levels(self) -> Path:
        """The discs as JSON."""
        return self.path / f"{self.case}_levels.json"

    @property
    def levels_picture(self) -> Path:
        """The discs on the sagittal view."""
        return self.path / f"{self.case}_levels.png"

    def saved_levels(self, number: int) -> Path:
        """Where corrected levels are kept that a later run did not use; numbered from 1."""
        ending = "" if number == 1 else f"-{number}"
        return self.path / f"{self.case}_levels-corrected{ending}.json"

    def imported(self, label: str) -> Path:
        """Return the file of an image that was imported from DICOM, such as ``water``."""
        return self.path / "images" / f"{self.case}_{label}.nii.gz"

    def fat_map(self, name: str) -> Path:
        """Return the file of a map of fat: ``dixon``, or a method of intensity-based fat."""
        return self.path / f"{self.case}_fatmap-{name}.nii.gz"

    def fat_maps(self) -> list[Path]:
        """Return the maps of fat that are there, of the case and of its stacks."""
        name = glob.escape(self.case)
        patterns = (f"{name}_fatmap-*.nii.gz", f"{name}_chunk-*_fatmap-*.nii.gz")
        return sorted(path for pattern in patterns for path in self.path.glob(pattern))


@dataclass(frozen=True)
class StudyFolder:
    """The output folder of a run, ``OUT``.

    Attributes
    ----------
    path : Path
    """

    path: Path

    @property
    def cases(self) -> Path:
        """The folder that holds those of the cases."""
        return self.path / "cases"

    @property
    def run(self) -> Path:
        """``run.json``: versions, options, and the state of each case."""
        return self.path / "run.json"

    @property
    def lock(self) -> Path:
        """The file that a run locks while it writes to the folder."""
        return self.path / ".run.lock"

    @property
    def salt(self) -> Path:
        """The secret that pseudonyms of patients are made with."""
        return self.path / ".salt"

    @property
    def report(self) -> Path:
        """The report."""
        return self.path / "report.html"

    @property
    def figures(self) -> Path:
        """Default folder of ``lpm figures``."""
        return self.path / "figures"

    def table(self, name: str) -> Path:
        """Return the file of a table, such as ``measures``."""
        return self.path / f"{name}.csv"

    def case(self, name: str) -> CaseFolder:
        """Return the folder of a case."""
        return CaseFolder(self.cases / name, name)

    def done(self) -> Iterator[CaseFolder]:
        """Iterate over the folders of finished cases, ordered by case."""
        for record in sorted(self.cases.glob(f"*/{_RECORD}")):
            yield CaseFolder(record.parent, record.parent.name)

    def is_study(self) -> bool:
        """Whether the folder holds what a run left."""
        begun = self.run.is_file() or self.salt.is_file() or self.lock.is_file()
        return begun or (self.cases.is_dir() and any(self.done()))
