"""Images with their corrected masks, as cases to learn from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lpm_segmentator.core import FileFormatError, InputError
from lpm_segmentator.study.cases import CaseFiles
from lpm_segmentator.study.discovery import discover
from lpm_segmentator.study.edits import edited_mask_of, is_about_an_edit, mask_in_force
from lpm_segmentator.study.labels import match_label_maps, with_label_maps
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
    found = discover(images, contrast=read.contrast, header=read.header, join_stacks=False)
    study = StudyFolder(masks)
    if masks.is_dir() and study.is_study():
        corrected = _corrected_in(study)
        if not corrected:
            raise InputError(
                "the folder is that of a run, and none of its masks was corrected",
                where=masks,
                hint="Correct masks first, as CASE_desc-edited_dseg.nii.gz beside the automatic "
                "ones",
            )
        matches = match_label_maps(found.cases, corrected, read.header)
        cases = matches.given_to(found.cases, "mask")
    else:
        if not masks.exists():
            raise FileFormatError("there is no such file or folder", where=masks)
        cases = with_label_maps(found.cases, masks, "mask", read.header)
    own = {files.mask.resolve() for files in cases if files.mask is not None}
    cases = tuple(f for f in cases if f.image is None or f.image.resolve() not in own)
    usable = tuple(files for files in cases if files.mask is not None or files.problem)
    if not usable:
        raise InputError(
            "no mask in the folder belongs to any of the images",
            where=masks,
            hint="Name masks like the images, e.g. CASE.nii.gz or CASE_dseg.nii.gz",
        )
    left = [files.case for files in cases if files not in usable]
    notes = [f"left out, since they have no corrected mask: {', '.join(left)}"] if left else []
    return Corrected(usable, tuple(notes))


def _corrected_in(study: StudyFolder) -> list[ImageFile]:
    """Return the masks of a run that a person corrected."""
    masks = []
    for folder in study.done():
        record = read_case_record(folder.record)
        places = [folder.of_stack(n) for n, _ in enumerate(record.stacks, start=1)] or [folder]
        edited = edited_mask_of(folder, record) is not None or is_about_an_edit(folder)
        for place in places if edited else ():
            path = mask_in_force(place)
            if path is not None:
                masks.append(ImageFile(place.case, path))
    return masks
