"""The single steps of the method on files: crop, segment, clean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lpm_segmentator.api.cases import (
    CaseFiles,
    SliceTable,
    check_slices,
    load_case,
)
from lpm_segmentator.api.models import load_predictor
from lpm_segmentator.core import (
    InputError,
    LpmError,
    OutputError,
    crop_slices,
)
from lpm_segmentator.io import (
    ImageCase,
    find_images,
    is_label_name,
    is_nifti,
    lookup,
    read_header,
    read_image,
    read_label_map,
    write_image,
    write_label_map,
)
from lpm_segmentator.pipeline import segment_case
from lpm_segmentator.segment import Connectivity, keep_largest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lpm_segmentator.segment import Predictor

__all__ = [
    "Failure",
    "clean_file",
    "crop_file",
    "find_label_maps",
    "find_volumes",
    "for_each",
    "output_paths",
    "refuse_overwriting",
    "segment_files",
]


@dataclass(frozen=True)
class Failure:
    """A case that could not be done, and why."""

    case: str
    message: str


def output_paths(images: Sequence[ImageCase], out: Path, *, suffix: str = "") -> dict[str, Path]:
    """Return where the result of each image goes.

    One image and an `out` that ends in ``.nii`` or ``.nii.gz`` gives that file; otherwise `out`
    is a folder that gets one ``<case><suffix>.nii.gz`` an image.

    Raises
    ------
    OutputError
        If `out` names a file and there are several images, or a result would replace an input.
    """
    if is_nifti(out):
        if len(images) != 1:
            raise OutputError(
                f"{len(images)} images cannot go into one file",
                where=out,
                hint="Name a folder with -o",
            )
        found = {images[0].case: out}
    else:
        found = {image.case: out / f"{image.case}{suffix}.nii.gz" for image in images}
    inputs = {image.path.resolve() for image in images}
    for target in found.values():
        if target.resolve() in inputs:
            raise OutputError(
                "the result would replace an input",
                where=target,
                hint="Choose another folder or name with -o",
            )
    return found


def refuse_overwriting(targets: Iterable[Path | None], inputs: Iterable[Path | None]) -> None:
    """Refuse results that would replace an input.

    Parameters
    ----------
    targets : iterable of Path or None
        The files to write.
    inputs : iterable of Path or None
        Files and folders that are read; of a folder its images, label maps and files of levels.

    Raises
    ------
    OutputError
        If one would.
    """
    given = [path for path in inputs if path is not None]
    for target in (path for path in targets if path is not None):
        if any(_replaces(target, path) for path in given):
            raise OutputError(
                "the result would replace an input",
                where=target,
                hint="Choose another name or folder with -o",
            )


def _replaces(target: Path, given: Path) -> bool:
    if not target.exists() or not given.exists():
        return False
    if target.samefile(given):
        return True
    held = given.is_dir() and given.resolve() in target.resolve().parents
    return held and (is_nifti(target) or target.suffix.lower() == ".json")


def for_each(
    cases: Sequence[str],
    work: Callable[[str], None],
    *,
    progress: Callable[[str], None] | None = None,
) -> list[Failure]:
    """Do the work for each case; a lone case's error is raised, several cases' are collected.

    Raises
    ------
    LpmError
        If the only case fails.
    OutputError
        If any result cannot be written: a full disk will not become emptier with the next case.
    """
    failures = []
    for case in cases:
        try:
            work(case)
        except OutputError:
            raise
        except LpmError as error:
            if len(cases) == 1:
                error.where = error.where or case
                raise
            failures.append(Failure(case, str(error)))
        if progress is not None:
            progress(case)
    return failures


def crop_file(item: ImageCase, target: Path, table: SliceTable) -> None:
    """Write the slices of an image or label map that the table names; the origin moves along.

    Raises
    ------
    TableError
        If the case is not in the table.
    GeometryError
        If the range lies outside the image.
    """
    entry = lookup(table.read(), item.case)
    if is_label_name(item.path):
        labels = read_label_map(item.path, ignore=[255])
        check_slices(entry.start, entry.stop, labels, where=item.path)
        part, _ = crop_slices(labels, entry.start, entry.stop)
        write_label_map(part, target, like=read_header(item.path))
        return
    image = read_image(item.path)
    check_slices(entry.start, entry.stop, image.volume, where=item.path)
    cropped, _ = crop_slices(image.volume, entry.start, entry.stop)
    write_image(cropped, target, like=image.header)


def segment_files(
    item: ImageCase,
    target: Path,
    *,
    predictor: Predictor | None = None,
    keep_doubtful: bool = False,
) -> tuple[str, ...]:
    """Write the cleaned mask of an image and return the warnings.

    A mask that hardly is one of a lumbar back is emptied unless `keep_doubtful` is set.

    Raises
    ------
    LpmError
        Whatever is wrong with the image.
    """
    loaded = load_case(CaseFiles(item.case, image=item.path))
    segmented = segment_case(
        loaded.case, predictor or load_predictor(), keep_doubtful=keep_doubtful
    )
    write_label_map(segmented.labels, target, like=loaded.header)
    return tuple(dict.fromkeys((*segmented.warnings, *segmented.quality.flags)))


def clean_file(
    item: ImageCase, target: Path, *, connectivity: Connectivity = 6, ignore: Sequence[int] = ()
) -> int:
    """Write a label map with the largest component of each label; return the voxels removed.

    Values to ignore stay as they are.

    Raises
    ------
    LabelError
        If the file is no label map.
    """
    labels = read_label_map(item.path, ignore=ignore)
    result = keep_largest(labels, connectivity=connectivity)
    write_label_map(result.labels, target, like=read_header(item.path))
    return sum(result.removed_voxels.values())


def find_label_maps(inputs: Sequence[Path]) -> list[ImageCase]:
    """List label maps among files and folders, ordered by case id.

    In a folder, files whose names say label map (``_dseg``, ``_label``, …) are taken; where none
    does, all NIfTI files.

    Raises
    ------
    LpmError
        If an input does not exist or holds nothing.
    """
    files: list[Path] = []
    for given in inputs:
        if given.is_dir():
            held = [p for p in sorted(given.iterdir()) if is_nifti(p) and p.name[0] != "."]
            files += [p for p in held if is_label_name(p)] or held
        else:
            files.append(given)
    if not files:
        raise InputError("the folder holds no .nii or .nii.gz files", where=inputs[0])
    return find_images(files)


def find_volumes(inputs: Sequence[Path]) -> list[ImageCase]:
    """List every NIfTI file among files and folders, label maps included, ordered by case id.

    Raises
    ------
    LpmError
        If an input does not exist or holds nothing.
    """
    files: list[Path] = []
    for given in inputs:
        held = [p for p in sorted(given.iterdir()) if is_nifti(p)] if given.is_dir() else [given]
        files += [p for p in held if not p.name.startswith(".")]
    if not files:
        raise InputError(
            "there are no .nii or .nii.gz files", where=", ".join(map(str, inputs)) or None
        )
    return find_images(files)
