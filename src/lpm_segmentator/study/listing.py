"""List images and label maps among files and folders of any depth."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path

from lpm_segmentator.core import (
    Contrast,
    ContrastSource,
    FileFormatError,
    InputError,
    KnownContrast,
)
from lpm_segmentator.io import (
    ParsedName,
    case_id,
    contrast_in_text,
    is_dicom,
    is_image,
    is_label_name,
    parse_name,
)
from lpm_segmentator.study.layout import StudyFolder

__all__ = [
    "MOST_FILES_READ",
    "ImageFile",
    "files_in",
    "list_images",
    "list_label_maps",
    "list_volumes",
    "shown",
]

logger = logging.getLogger(__name__)

#: folders whose files are label maps, whatever their names
_LABEL_FOLDER = re.compile(
    r"(?i)(.*[_\-. ])?(masks?|labels?(tr|ts)?|segs?|segmentations?|dseg|references?|manual)"
)
#: so many files of a folder are looked into where DICOM files would only be named
MOST_FILES_READ = 200
#: folders of a BIDS data set that hold no raw images
_BIDS_NO_RAW = frozenset({"derivatives", "sourcedata", "code", "stimuli"})


@dataclass(frozen=True)
class ImageFile:
    """A file among the inputs.

    Attributes
    ----------
    case : str
        Case id: the file name without suffix, with the folder in front where several folders hold
        files of one name.
    path : Path
    scope : tuple of str
        Folders between the input and the file.
    image : Path, optional
        Of a label map: the image that it is known to be of.
    """

    case: str
    path: Path
    scope: tuple[str, ...] = ()
    image: Path | None = None

    @cached_property
    def name(self) -> ParsedName:
        """What the file's name says."""
        return parse_name(self.path)

    @cached_property
    def contrast(self) -> KnownContrast:
        """What name, or else the name of the folder, say about the contrast."""
        if self.name.contrast.contrast is not Contrast.UNKNOWN or not self.scope:
            return self.name.contrast
        contrast = contrast_in_text(self.scope[-1])
        if contrast is Contrast.UNKNOWN:
            return self.name.contrast
        return KnownContrast(contrast, ContrastSource.NAME)

    @property
    def place(self) -> tuple[str, ...]:
        """The folders without those that only name a contrast."""
        return tuple(f for f in self.scope if contrast_in_text(f) is Contrast.UNKNOWN)


def list_images(inputs: Iterable[str | os.PathLike[str]]) -> list[ImageFile]:
    """List the images among files and folders, ordered by case id.

    A folder gives the NIfTI files in it and in its subfolders, without hidden files, label maps
    (see `is_label_name`), the output of earlier runs, and the derivatives of a BIDS data set. A
    file that is named itself is taken as it is.

    Raises
    ------
    FileFormatError
        If an input does not exist, is not NIfTI, or a folder holds no image.
    InputError
        If two files of one folder give the same case id.
    """

    def wanted(path: Path, folders: Sequence[str]) -> bool:
        return not is_label_name(path) and not any(map(_LABEL_FOLDER.fullmatch, folders))

    return _listed(inputs, wanted, "images; names with _label, _seg, _dseg or _mask are label maps")


def list_label_maps(inputs: Iterable[str | os.PathLike[str]]) -> list[ImageFile]:
    """List label maps among files and folders, ordered by case id.

    In a folder, files whose names state a label map (``_dseg``, ``_label``, …) are taken, at any
    depth; where none does, all NIfTI files that lie directly in it.

    Raises
    ------
    FileFormatError
        If an input does not exist, is not NIfTI, or a folder holds no NIfTI file.
    InputError
        If two files of one folder give the same case id.
    """

    def in_folder(folder: Path) -> list[tuple[Path, tuple[str, ...]]]:
        files = files_in(folder, results=True, derivatives=True)
        labelled = list(_named(file for file in files if is_label_name(file[0])))
        if labelled:
            return labelled
        return [(p, ()) for p in sorted(folder.iterdir()) if is_image(p) and p.name[0] != "."]

    return _distinct(_expanded(inputs, in_folder, ".nii or .nii.gz files"))


def list_volumes(inputs: Iterable[str | os.PathLike[str]]) -> list[ImageFile]:
    """List every NIfTI file among files and folders, label maps included, ordered by case id.

    Raises
    ------
    FileFormatError, InputError
        As `list_images`.
    """
    return _listed(inputs, lambda _path, _folders: True, ".nii or .nii.gz files")


def shown(path: Path) -> str:
    """Return a path in characters that any terminal and file can show."""
    return str(path).encode(errors="backslashreplace").decode()


_CONVERT = (
    "'lpm run' imports DICOM and leaves NIfTI images in cases/CASE/images of its output folder; "
    "give these"
)

Wanted = Callable[[Path, Sequence[str]], bool]


def _listed(inputs: Iterable[str | os.PathLike[str]], wanted: Wanted, what: str) -> list[ImageFile]:
    def in_folder(folder: Path) -> list[tuple[Path, tuple[str, ...]]]:
        return list(_named(file for file in files_in(folder) if wanted(*file)))

    return _distinct(_expanded(inputs, in_folder, what))


def _expanded(
    inputs: Iterable[str | os.PathLike[str]],
    in_folder: Callable[[Path], list[tuple[Path, tuple[str, ...]]]],
    what: str,
) -> Iterator[tuple[Path, tuple[str, ...]]]:
    for given in map(Path, inputs):
        if given.is_dir():
            files = in_folder(given)
            if not files and _holds_dicom(given):
                raise FileFormatError("the folder holds DICOM files", where=given, hint=_CONVERT)
            if not files:
                hint = "Give the folder that holds them"
                raise FileFormatError(f"the folder holds no {what}", where=given, hint=hint)
            yield from files
        elif not given.exists():
            hint = "Check the path for typing mistakes"
            raise FileFormatError("there is no such file or folder", where=given, hint=hint)
        elif not is_image(given):
            if is_dicom(given):
                raise FileFormatError("this is a DICOM file", where=given, hint=_CONVERT)
            hint = "Give .nii or .nii.gz files, or a folder of them"
            raise FileFormatError("this is not a NIfTI file", where=given, hint=hint)
        else:
            yield given, ()


def _holds_dicom(folder: Path) -> bool:
    """Return whether one of the first files of a folder and its subfolders is DICOM."""
    paths = (path for path, _ in files_in(folder, derivatives=True))
    return any(map(is_dicom, islice(paths, MOST_FILES_READ)))


def files_in(
    folder: Path, *, results: bool = False, derivatives: bool = False
) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yield the files in a folder and its subfolders with the folders on the way.

    Hidden files and folders are left out, and so is the output of earlier runs in subfolders.

    Parameters
    ----------
    folder : Path
    results : bool
        Whether to list the results of earlier runs into the folder itself.
    derivatives : bool
        Whether to list the derivatives of a BIDS data set, and its other folders without images.
    """
    for root, subfolders, names in os.walk(folder):
        here = Path(root)
        study = StudyFolder(here)
        left_out: frozenset[str] = frozenset()
        if study.is_study():  # results of an earlier run are no input
            if here != folder:
                subfolders.clear()
                continue
            if not results:  # inputs may lie beside results that were written to their folder
                left_out |= {study.cases.name, study.figures.name}
        if not derivatives and (here / "dataset_description.json").exists():
            left_out |= _BIDS_NO_RAW
        subfolders[:] = sorted(f for f in subfolders if f[0] != "." and f not in left_out)
        scope = here.relative_to(folder).parts
        for name in sorted(names):
            if not name.startswith("."):
                yield here / name, scope


def _named(
    files: Iterable[tuple[Path, tuple[str, ...]]],
) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yield the NIfTI files whose names hold a case id."""
    for path, scope in files:
        if not is_image(path):
            continue
        if _names_a_case(path):
            yield path, scope
        else:
            logger.warning(
                "%s: left out, since its name holds no case id in UTF-8; rename the file",
                shown(path),
            )


def _distinct(files: Iterable[tuple[Path, tuple[str, ...]]]) -> list[ImageFile]:
    """Return the files with case ids that no two of them share."""
    by_id: dict[str, list[ImageFile]] = {}
    seen: dict[Path, Path] = {}
    for path, scope in files:
        if not _names_a_case(path):
            raise InputError(
                "the file name holds no case id in UTF-8", where=shown(path), hint="Rename the file"
            )
        first = seen.get(resolved := path.resolve())
        if first is None:
            seen[resolved] = path
            case = case_id(path)
            by_id.setdefault(case.casefold(), []).append(ImageFile(case, path, scope))
        elif path.absolute() != first.absolute():
            logger.warning(
                "%s: left out, since it links to the same file as %s", shown(path), shown(first)
            )
    images = [image for group in by_id.values() for image in _with_folders(group)]
    return sorted(images, key=lambda image: image.case)


def _with_folders(group: list[ImageFile]) -> list[ImageFile]:
    """Return files of one name with their folder in the case id; refuse those of one folder."""
    if len(group) == 1:
        return group
    # Files that were given one by one are told apart by the folder they lie in.
    named = [
        replace(image, case="_".join([*(image.scope or (image.path.parent.name,)), image.case]))
        for image in group
    ]
    ids = [image.case.casefold() for image in named]
    for image in named:
        if ids.count(image.case.casefold()) > 1:
            paths = " and ".join(str(other.path) for other in group[:2])
            raise InputError(
                f"two images have the case id {case_id(image.path)!r}, at most told apart by upper "
                f"and lower case or by their suffix: {paths}",
                hint="Rename one of them, or process them into different output folders",
            )
    return named


def _names_a_case(path: Path) -> bool:
    """Return whether a folder of results and a table can be given the name."""
    try:
        return bool(case_id(path).encode().strip(b". "))
    except UnicodeEncodeError:  # bytes that are no UTF-8
        return False
