"""From files and folders to cases: exact ids, never substrings."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lpm_segmentator.core.errors import FileFormatError, InputError, PairingError
from lpm_segmentator.io.nifti import NIFTI_SUFFIXES, is_nifti

__all__ = [
    "DixonCase",
    "DixonName",
    "ImageCase",
    "case_id",
    "dixon_name",
    "find_images",
    "is_dixon_name",
    "is_label_name",
    "pair_dixon",
    "subject_key",
]

logger = logging.getLogger(__name__)

Contrast = Literal["water", "fat"]

_LABEL_TOKENS = frozenset({"dseg", "label", "labels", "levels", "mask", "seg", "segmentation"})
#: parts of a file name that say what kind of file it is, not whose it is
_KIND_WORDS = frozenset(
    {"image", "img", "manual", "dseg", "label", "labels", "levels", "mask", "reference", "seg",
     "segmentation", "water", "fat"}
)  # fmt: skip
# A word may stand between any separators (`acq-water`), a letter between underscores only:
# in `A-F_water` the F belongs to the name.
_WORDS = re.compile(r"(?<![^_\-. ])(water|fat)(?![^_\-. ])", re.IGNORECASE)
_LETTERS = re.compile(r"(?<![^_])(w|f)(?![^_])", re.IGNORECASE)

#: parts of the names of other sequences, and of fat that was suppressed
_NO_DIXON = frozenset(
    {"t1", "t1w", "t2", "t2w", "pd", "pdw", "stir", "sat", "saturated", "sup", "suppressed"}
)


@dataclass(frozen=True)
class ImageCase:
    """One image to work on."""

    case: str
    path: Path


@dataclass(frozen=True)
class DixonCase:
    """The two files of one Dixon scan."""

    case: str
    water: Path
    fat: Path


@dataclass(frozen=True)
class DixonName:
    """What a file name says: which contrast, of which case."""

    case: str
    contrast: Contrast


def case_id(path: str | os.PathLike[str]) -> str:
    """Return the file name without ``.nii`` or ``.nii.gz``.

    Examples
    --------
    >>> case_id("study/TUM01_water.nii.gz")
    'TUM01_water'
    >>> case_id("sub-1.2_T2w.nii")
    'sub-1.2_T2w'
    """
    name = Path(path).name
    for suffix in NIFTI_SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def is_label_name(path: str | os.PathLike[str]) -> bool:
    """Return whether the name says that this is a label map, e.g. ``1_dseg.nii.gz``.

    Examples
    --------
    >>> is_label_name("TUM01_fat_manual_label_segmentation.nii.gz"), is_label_name("segal.nii")
    (True, False)
    """
    return not _LABEL_TOKENS.isdisjoint(re.split(r"[_\-. ]", case_id(path).lower()))


def subject_key(name: str) -> tuple[str, ...]:
    """Return the parts of a case id that say whose file it is.

    Examples
    --------
    >>> subject_key("TUM01_water_manual_label_segmentation_L2-L5")
    ('TUM01', 'L2-L5')
    """
    parts = [part for part in re.split(r"[_ ]+", name) if part]
    return tuple(part for part in parts if part.lower() not in _KIND_WORDS)


def find_images(inputs: Iterable[str | os.PathLike[str]]) -> list[ImageCase]:
    """List the images among files and folders, ordered by case id.

    A folder gives the NIfTI files directly in it, without hidden files and without label maps
    (see `is_label_name`); a file that is named itself is taken as it is.

    Raises
    ------
    FileFormatError
        If an input does not exist, is not NIfTI, or a folder holds no image.
    InputError
        If two files give the same case id, or ids that differ only in upper and lower case.
    """
    cases: dict[str, Path] = {}
    by_folded: dict[str, str] = {}
    for path in _image_paths(inputs):
        case = case_id(path)
        if not _names_a_case(path):
            raise InputError(
                "the file name holds no case id in UTF-8",
                where=_shown(path),
                hint="Rename the file",
            )
        same = by_folded.setdefault(case.casefold(), case)
        if same in cases and cases[same].resolve() != path.resolve():
            alike = (
                "" if same == case else " but for upper and lower case, which many systems mix up"
            )
            raise InputError(
                f"two images have the case id {case!r}{alike}: {cases[same]} and {path}",
                hint="Rename one of them, or process them into different output folders",
            )
        cases[case] = path
    return [ImageCase(case, cases[case]) for case in sorted(cases)]


def _shown(path: Path) -> str:
    """Return a path as any terminal and file can show it."""
    return str(path).encode(errors="backslashreplace").decode()


def _names_a_case(path: Path) -> bool:
    """Return whether a folder of results and a table can be given the name."""
    try:
        return bool(case_id(path).encode().strip(b". "))
    except UnicodeEncodeError:  # bytes that are no UTF-8
        return False


def _image_paths(inputs: Iterable[str | os.PathLike[str]]) -> Iterable[Path]:
    for given in map(Path, inputs):
        if given.is_dir():
            yield from _images_in(given)
        elif not given.exists():
            hint = "Check the path for typing mistakes"
            raise FileFormatError("there is no such file or folder", where=given, hint=hint)
        elif not is_nifti(given):
            hint = "Give .nii or .nii.gz files, or a folder of them"
            raise FileFormatError("this is not a NIfTI file", where=given, hint=hint)
        else:
            yield given


def _images_in(folder: Path) -> list[Path]:
    found = [
        path
        for path in sorted(folder.iterdir())
        if is_nifti(path) and not path.name.startswith(".") and not is_label_name(path)
    ]
    for path in [path for path in found if not _names_a_case(path)]:
        logger.warning(
            "%s: left out, since its name holds no case id in UTF-8; rename the file",
            _shown(path),
        )
        found.remove(path)
    if not found:
        raise FileFormatError(
            "the folder holds no .nii or .nii.gz images",
            where=folder,
            hint="Give the folder that directly holds them; names with _label, _seg, _dseg or "
            "_mask count as label maps",
        )
    return found


def is_dixon_name(path: str | os.PathLike[str]) -> bool:
    """Whether a file name says water or fat and names no sequence that has neither.

    Examples
    --------
    >>> is_dixon_name("7_W.nii"), is_dixon_name("sub-01_F_T2w.nii"), is_dixon_name("T1_fat_sat.nii")
    (True, False, False)
    """
    name = case_id(path)
    if not _NO_DIXON.isdisjoint(re.split(r"[_\-. ]", name.lower())):
        return False
    return bool(_WORDS.search(name) or _LETTERS.search(name))


def dixon_name(path: str | os.PathLike[str]) -> DixonName | None:
    """Read contrast and case from a file name; None if it names neither water nor fat.

    The words ``water`` and ``fat`` count as whole parts of the name, in any case; where neither is
    there, so do ``W`` and ``F``. The case is the name without that part.

    Examples
    --------
    >>> dixon_name("TUM01_water_img_img_L2-L5.nii.gz")
    DixonName(case='TUM01_img_img_L2-L5', contrast='water')
    >>> dixon_name("7_F.nii")
    DixonName(case='7', contrast='fat')
    >>> dixon_name("waterman_T2.nii")

    Raises
    ------
    PairingError
        If the name says both, or nothing but the contrast is in it.
    """
    name = case_id(path)
    pattern = _WORDS if _WORDS.search(name) else _LETTERS
    found = {match.lower()[0] for match in pattern.findall(name)}
    if not found:
        return None
    if len(found) > 1:
        raise PairingError(
            "the name says both water and fat",
            where=path,
            hint="Rename the file, or name the pair with --water and --fat",
        )
    case = _without(pattern, name)
    if not case:
        raise PairingError(
            "the name holds no case id beside the contrast",
            where=path,
            hint="Rename the pair to CASE_water and CASE_fat",
        )
    return DixonName(case, "water" if found == {"w"} else "fat")


def _without(pattern: re.Pattern[str], name: str) -> str:
    """Cut the parts out of the name, each with one separator beside it."""
    while match := pattern.search(name):
        start, stop = match.span()
        if start > 0:
            start -= 1
        else:
            stop += 1
        name = name[:start] + name[stop:]
    return name


def pair_dixon(paths: Iterable[str | os.PathLike[str]]) -> list[DixonCase]:
    """Pair water and fat files by name, ordered by case id.

    Label maps among the paths are left out.

    Raises
    ------
    PairingError
        If a water file lacks its fat file or the other way round, two files claim the same place,
        or a name says neither water nor fat.
    """
    found: dict[str, dict[Contrast, Path]] = {}
    for path in map(Path, paths):
        if is_label_name(path):
            continue
        name = dixon_name(path)
        if name is None:
            raise PairingError(
                "the name says neither water nor fat",
                where=path,
                hint="Rename the pair to CASE_water and CASE_fat, or use --water and --fat",
            )
        other = found.setdefault(name.case, {}).setdefault(name.contrast, path)
        if other != path:
            raise PairingError(
                f"two {name.contrast} images belong to the case {name.case!r}: {other} and {path}",
                hint="Keep one of them in the folder, or use --water and --fat",
            )
    return [_paired(case, found[case]) for case in sorted(found)]


def _paired(case: str, files: dict[Contrast, Path]) -> DixonCase:
    if len(files) == 1:
        ((has, path),) = files.items()
        lacks = "fat" if has == "water" else "water"
        raise PairingError(
            f"there is a {has} image of the case {case!r} but no {lacks} image",
            where=path,
            hint=f"Its name must be the same with {lacks} in place of {has}; "
            "'lpm segment' takes one image alone",
        )
    return DixonCase(case, files["water"], files["fat"])
