"""Images with their corrected masks, as cases to learn from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lpm_segmentator.core import InputError
from lpm_segmentator.study.cases import CaseFiles
from lpm_segmentator.study.discovery import discover
from lpm_segmentator.study.edits import corrected_masks
from lpm_segmentator.study.labels import label_maps_in, match_label_maps, with_label_maps
from lpm_segmentator.study.layout import StudyFolder
from lpm_segmentator.study.listing import ImageFile
from lpm_segmentator.study.options import ReadOptions
from lpm_segmentator.study.record import read_case_record

__all__ = ["Corrected", "corrected_cases"]


@dataclass(frozen=True)
class Corrected:
    """Cases with a corrected mask.

    Attributes
    ----------
    cases : tuple of CaseFiles
        Each with its `CaseFiles.mask`, or with the problem that prevents it.
    notes : tuple of str
        What was left out.
    """

    cases: tuple[CaseFiles, ...]
    notes: tuple[str, ...]


def corrected_cases(images: Path, masks: Path, read: ReadOptions) -> Corrected:
    """Find the images that have a corrected mask.

    Parameters
    ----------
    images : Path
        A folder, or one image.
    masks : Path
        A folder of label maps named like the images, or the one label map of one image. Of the
        output folder of a run the masks count that a person corrected, beside the automatic one or
        in place.
    read : ReadOptions

    Raises
    ------
    LpmError
        If there are no images, or none has a mask.
    """
    found = discover(images, contrast=read.contrast, header=read.header, join_stacks=False).cases
    if not masks.is_dir():
        return Corrected(with_label_maps(found, masks, "mask", read.header), ())
    study = StudyFolder(masks)
    label_maps = _corrected_in(study) if study.is_study() else label_maps_in(masks, found)
    matches = match_label_maps(found, label_maps, read.header)
    cases = matches.given_to(found, "mask")
    usable = tuple(files for files in cases if files.mask is not None or files.problem)
    if not usable:
        raise InputError(
            "no mask in the folder belongs to any of the images",
            where=masks,
            hint="Name masks like the images, e.g. CASE.nii.gz or CASE_dseg.nii.gz",
        )
    left_out = {
        "they have no corrected mask": [files.case for files in cases if files not in usable],
        "no image belongs to them": sorted(path.name for path in matches.unmatched),
    }
    notes = (
        f"left out, since {why}: {', '.join(names)}" for why, names in left_out.items() if names
    )
    return Corrected(usable, tuple(notes))


def _corrected_in(study: StudyFolder) -> list[ImageFile]:
    """Return the masks of a run that a person corrected."""
    masks = [
        mask
        for folder in study.done()
        for mask in corrected_masks(folder, read_case_record(folder.record))
    ]
    if not masks:
        raise InputError(
            "the folder is that of a run, and none of its masks was corrected",
            where=study.path,
            hint="Correct masks first, as CASE_desc-edited_dseg.nii.gz beside the automatic ones",
        )
    return masks
