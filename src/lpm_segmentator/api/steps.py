"""The single steps of the method on files: crop, segment, clean, evaluate, measure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lpm_segmentator.api.cases import (
    CaseFiles,
    SliceTable,
    check_slices,
    find_cases,
    load_case,
    match_labels,
)
from lpm_segmentator.api.models import load_predictor
from lpm_segmentator.core import (
    InputError,
    LpmError,
    OutputError,
    crop_slices,
    resample,
)
from lpm_segmentator.io import (
    ImageCase,
    case_id,
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
from lpm_segmentator.measure import Accuracy, CaseMeasures, compare_label_maps, measure_case
from lpm_segmentator.pipeline import segment_case
from lpm_segmentator.segment import Connectivity, keep_largest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lpm_segmentator.segment import Predictor

__all__ = [
    "Failure",
    "clean_file",
    "crop_file",
    "evaluate_files",
    "find_label_maps",
    "find_measurable",
    "find_volumes",
    "for_each",
    "measure_files",
    "measure_rows",
    "output_paths",
    "pair_label_maps",
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
    labels, quality, warnings = segment_case(
        loaded.case, predictor or load_predictor(), keep_doubtful=keep_doubtful
    )
    write_label_map(labels, target, like=loaded.header)
    return tuple(dict.fromkeys((*warnings, *quality.flags)))


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


def pair_label_maps(reference: Path, prediction: Path) -> list[tuple[str, Path, Path]]:
    """Pair reference and predicted label maps: two files, or two folders by exact name.

    Returns
    -------
    list of tuple
        Case, reference file, prediction file.

    Raises
    ------
    InputError
        If a prediction has no reference, or one input is a file and the other a folder.
    """
    if reference.is_dir() != prediction.is_dir():
        raise InputError(
            "reference and prediction must both be files or both be folders",
            where=f"{reference} and {prediction}",
        )
    if not reference.is_dir():
        for path in (reference, prediction):
            find_images([path])
        return [(case_id(prediction), reference, prediction)]
    references = [item.path for item in find_label_maps([reference])]
    pairs, lonely = [], []
    for item in find_label_maps([prediction]):
        found = match_labels(CaseFiles(item.case, image=item.path), references)
        if found is None:
            lonely.append(item.case)
        else:
            pairs.append((item.case, found, item.path))
    if lonely:
        raise InputError(
            f"{len(lonely)} predictions have no reference: {', '.join(lonely[:5])}",
            where=reference,
            hint="Names are matched whole; give both sets the same case names",
        )
    return pairs


def evaluate_files(
    case: str,
    reference: Path,
    prediction: Path,
    *,
    ignore: Sequence[int] = (),
    on_grid: bool = False,
) -> Accuracy:
    """Compare two label map files.

    Parameters
    ----------
    case : str
    reference, prediction : Path
    ignore : sequence of int
        Values of the reference that mark voxels to leave out.
    on_grid : bool
        Resample the prediction to the reference's grid (nearest voxel) where they differ.

    Raises
    ------
    GeometryError
        If the grids differ and `on_grid` is not set.
    """
    truth = read_label_map(reference, ignore=ignore)
    found = read_label_map(prediction, ignore=ignore)
    if on_grid and truth.geometry.describe_difference(found.geometry) is not None:
        found = resample(found, truth.geometry, order=0)
    return compare_label_maps(truth, found, case=case)


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


def find_measurable(
    labels: Path,
    *,
    image: Path | None = None,
    water: Path | None = None,
    fat: Path | None = None,
) -> list[CaseFiles]:
    """List what to measure: one label map, or each of a folder with the images that belong to it.

    The label map is the `reference` of each case.

    Parameters
    ----------
    labels : Path
        A label map or a folder.
    image, water, fat : Path, optional
        Files for one label map, folders for a folder of them. Water and fat may be one folder.

    Raises
    ------
    LpmError
        If files are missing or do not belong together.
    """
    if not labels.is_dir():
        find_images([labels])
        files = CaseFiles(case_id(labels))
        if water is not None or fat is not None:
            (files,) = find_cases([], water=water, fat=fat)
        elif image is not None:
            files = CaseFiles(case_id(labels), image=image)
        return [replace(files, case=case_id(labels), reference=labels)]
    folders = list(dict.fromkeys(f for f in (image, water, fat) if f is not None))
    maps = [item.path for item in find_label_maps([labels])]
    if not folders:
        return [CaseFiles(case_id(path), reference=path) for path in maps]
    found = []
    for files in find_cases(folders):
        path = match_labels(files, maps)
        if path is None:
            raise InputError(
                f"no label map belongs to the case {files.case!r}",
                where=labels,
                hint="Names are matched whole; name label maps CASE_dseg.nii.gz",
            )
        found.append(replace(files, reference=path))
    return found


def measure_files(
    files: CaseFiles, *, ignore: Sequence[int] = (), accept_origin_mismatch: bool = False
) -> CaseMeasures:
    """Measure the label map of a case, with fat where there is a Dixon pair.

    Parameters
    ----------
    files : CaseFiles
        The label map is its `reference`.
    ignore : sequence of int
        Values of the label map that are no structure.
    accept_origin_mismatch : bool
        Whether images of one scan that differ by a lost origin count as one grid.

    Raises
    ------
    LpmError
        Whatever is wrong with the files, their grids included.
    """
    if files.reference is not None and list(files.paths) == ["reference"] and not files.problem:
        return measure_case(read_label_map(files.reference, ignore=ignore), case=files.case)
    case = load_case(files, accept_origin_mismatch=accept_origin_mismatch, ignore=ignore).case
    if case.reference is None:
        raise InputError("the case has no label map", where=files.case)
    return measure_case(case.reference, case=files.case, pair=case.pair)


def measure_rows(measures: CaseMeasures) -> list[dict[str, Any]]:
    """Return the tidy rows of a case."""
    return [asdict(row) for row in measures.rows]
