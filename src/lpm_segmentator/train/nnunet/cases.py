"""Images and their label maps: pairing by name, and checks before training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lpm_segmentator.core import (
    AXIAL_FRAME,
    Contrast,
    GeometryError,
    InputError,
    LabelMap,
    PairingError,
    Remedy,
    Volume,
    differ_by_lost_origin,
    reorient,
)
from lpm_segmentator.io import (
    case_id,
    is_image,
    is_label_name,
    parse_name,
    read_image,
    read_label_map,
)
from lpm_segmentator.train.labelled import base_name, check_sides, subject_of

__all__ = ["ORIENTATION", "TrainingCase", "find_training_cases", "load_training_case", "silent"]

#: nnU-Net does not reorient images, so all are written in one orientation, that of most MRI
ORIENTATION = AXIAL_FRAME
_SEQUENCES = (Contrast.WATER, Contrast.FAT, Contrast.T1W, Contrast.T2W)
_OTHER = "other"


def silent(*_: object) -> None:
    """Ignore progress."""


@dataclass(frozen=True)
class TrainingCase:
    """One image with its label map.

    Attributes
    ----------
    case : str
        The image's name without suffix.
    subject : str
        All cases of a subject are in one fold.
    sequence : str
        ``water``, ``fat``, ``T1w``, ``T2w`` or ``other``, read from the name.
    image, labels : Path
        The files.
    """

    case: str
    subject: str
    sequence: str
    image: Path
    labels: Path


def find_training_cases(
    images: Path, labels: Path, *, subject_pattern: str | None = None
) -> list[TrainingCase]:
    """Pair the images of a folder with the label maps of another folder, or of the same.

    Names must be equal apart from the words for the kind of file. A label map that names a sequence
    belongs only to the image of that sequence; one that names none belongs to all images of its
    name.

    Parameters
    ----------
    images, labels : Path
        Folders.
    subject_pattern : str, optional
        Regular expression whose first group (or whole match) in an image's name is the subject.
        By default ``sub-…`` of a BIDS name, else the name without sequence and kind of file.

    Raises
    ------
    InputError
        If an image has no label map or several, or the pattern does not match a name.
    """
    candidates = [p for p in sorted(labels.iterdir()) if is_image(p)] if labels.is_dir() else []
    if not candidates:
        raise InputError(
            "the folder has no .nii or .nii.gz label maps",
            where=labels,
            hint=f"Name the folder of the label maps ({Remedy.LABELS})",
            remedy=Remedy.LABELS,
        )
    image_paths = _images_in(images)
    paths = {path.resolve() for path in image_paths}
    candidates = [p for p in candidates if p.resolve() not in paths]
    cases, problems = [], []
    for image in image_paths:
        case = case_id(image)
        try:
            own = _labels_of(image, candidates)
            subject = subject_of(case, subject_pattern)
        except InputError as error:
            problems.append(str(error))
            continue
        cases.append(TrainingCase(case, subject, _sequence(image), image, own))
    if problems:
        raise _listed(problems, len(image_paths), "images cannot be paired with a label map")
    return cases


def _images_in(folder: Path) -> list[Path]:
    """Return the images directly in a folder, ordered by case id."""
    files = folder.iterdir() if folder.is_dir() else ()
    images = [p for p in files if is_image(p) and p.name[0] != "." and not is_label_name(p)]
    if not images:
        raise InputError("the folder has no .nii or .nii.gz images", where=folder)
    by_case: dict[str, Path] = {}
    for path in sorted(images, key=case_id):
        other = by_case.setdefault(case_id(path).casefold(), path)
        if other is not path:
            raise InputError(
                f"two images have the same name except for case or suffix: {other.name} and "
                f"{path.name}",
                where=folder,
                hint="Rename one of them",
            )
    return list(by_case.values())


def _listed(problems: Sequence[str], count: int, what: str) -> InputError:
    lines = "".join(f"\n  {problem}" for problem in problems)
    return InputError(f"{len(problems)} of {count} {what}:{lines}")


def _labels_of(image: Path, candidates: Sequence[Path]) -> Path:
    key, sequence = base_name(case_id(image)), _sequence(image)
    matching = [p for p in candidates if base_name(case_id(p)) == key]
    chosen = [p for p in matching if _sequence(p) == sequence] or [
        p for p in matching if _sequence(p) == _OTHER
    ]
    if len(chosen) == 1:
        return chosen[0]
    if not chosen:
        raise PairingError(
            "no label map has this name",
            where=image.name,
            hint=f"Name it {case_id(image)}_dseg.nii.gz",
        )
    names = ", ".join(p.name for p in chosen)
    raise PairingError(
        f"several label maps match: {names}", where=image.name, hint="Keep only one of them"
    )


def _sequence(path: Path) -> str:
    contrast = parse_name(path).contrast.contrast
    return str(contrast) if contrast in _SEQUENCES else _OTHER


def load_training_case(
    files: TrainingCase, *, accept_origin_mismatch: bool = False
) -> tuple[Volume, LabelMap]:
    """Read one case in `ORIENTATION`.

    Parameters
    ----------
    files : TrainingCase
    accept_origin_mismatch : bool
        Whether a label map that differs from its image only by a lost origin is placed on the grid
        of the image.

    Raises
    ------
    LpmError
        If a file cannot be read, the grids differ, a label is missing, or sides or muscles are
        swapped.
    """
    image, labels = read_image(files.image).volume, read_label_map(files.labels).labels
    difference = image.geometry.describe_difference(labels.geometry)
    is_lost = differ_by_lost_origin(image.geometry, labels.geometry)
    if difference and accept_origin_mismatch and is_lost:
        labels, difference = labels.with_grid(labels.array, image.affine), None
    if difference:
        accept = Remedy.ACCEPT_ORIGIN_MISMATCH
        raise GeometryError(
            f"image and label map are not on the same grid: {difference}",
            where=files.labels,
            hint=f"If one of them lost its origin, pass {accept}"
            if is_lost
            else "Export both from the same scan",
            remedy=accept if is_lost else None,
        )
    check_sides(labels, files.labels)
    return reorient(image, ORIENTATION), reorient(labels, ORIENTATION)
