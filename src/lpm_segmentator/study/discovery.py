"""From files and folders to cases: Dixon pairs, single images, and what no case uses."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from lpm_segmentator.core import (
    Contrast,
    ContrastSource,
    InputError,
    KnownContrast,
    PairingError,
    Remedy,
)
from lpm_segmentator.io import HeaderOptions, contrast_of, parse_name
from lpm_segmentator.study.cases import CaseFiles, Unused
from lpm_segmentator.study.labels import with_label_maps
from lpm_segmentator.study.listing import ImageFile, list_images
from lpm_segmentator.study.pairing import pair
from lpm_segmentator.study.stacks import with_stacks

__all__ = ["Discovery", "discover", "find_cases"]

_PLAIN = HeaderOptions()
#: images that accompany the water and fat images of one scan
_COMPANIONS = (Contrast.IN_PHASE, Contrast.OPPOSED_PHASE, Contrast.FAT_FRACTION)


@dataclass(frozen=True)
class Discovery:
    """The cases among some inputs.

    Attributes
    ----------
    cases : tuple of CaseFiles
        Ordered by id.
    unused : tuple of Unused
        Images that no case uses, with the reason.
    """

    cases: tuple[CaseFiles, ...]
    unused: tuple[Unused, ...] = ()

    def joined(self, other: Discovery) -> Discovery:
        """Return the cases of both.

        Raises
        ------
        InputError
            If two cases have one id.
        """
        return _checked((*self.cases, *other.cases), (*self.unused, *other.unused))


def find_cases(
    inputs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    water: str | os.PathLike[str] | None = None,
    fat: str | os.PathLike[str] | None = None,
    reference: str | os.PathLike[str] | None = None,
    masks: str | os.PathLike[str] | None = None,
    contrast: Contrast | None = None,
    header: HeaderOptions = _PLAIN,
    join_stacks: bool = True,
) -> list[CaseFiles]:
    """List the cases among files and folders, ordered by id; see `discover`.

    Raises
    ------
    LpmError
        As `discover`.
    """
    found = discover(
        inputs,
        water=water,
        fat=fat,
        reference=reference,
        masks=masks,
        contrast=contrast,
        header=header,
        join_stacks=join_stacks,
    )
    return list(found.cases)


def discover(
    inputs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    water: str | os.PathLike[str] | None = None,
    fat: str | os.PathLike[str] | None = None,
    reference: str | os.PathLike[str] | None = None,
    masks: str | os.PathLike[str] | None = None,
    contrast: Contrast | None = None,
    header: HeaderOptions = _PLAIN,
    join_stacks: bool = True,
) -> Discovery:
    """Group files into cases.

    Water and fat images of one scan, known by their names or sidecars, become Dixon pairs; all
    other images are cases of their own.

    Parameters
    ----------
    inputs : path-like or sequence of path-like
        NIfTI files and folders of any depth.
    water, fat : path-like, optional
        One Dixon pair whose names do not state it; then without `inputs`.
    reference, masks : path-like, optional
        A folder of label maps, or the one label map of the one case: to compare with, or to
        measure instead of segmenting.
    contrast : Contrast, optional
        Of all images; otherwise it is read from names and sidecars.
    header : HeaderOptions
        What to trust in headers, where several label maps of a case are compared.
    join_stacks : bool
        Whether images whose names differ only in the number of a stack are one case.

    Raises
    ------
    FileFormatError
        If an input does not exist or holds no images.
    PairingError
        If half of a pair was named.
    InputError
        If two cases have one id, or no input was given.
    """
    given = [inputs] if isinstance(inputs, (str, os.PathLike)) else list(inputs)
    if water is not None or fat is not None:
        found = Discovery((_named_pair(given, water, fat),))
    elif given:
        found = _grouped(list_images(given), contrast)
        if join_stacks:
            joined = with_stacks(found.cases, header)
            found = replace(found, cases=tuple(sorted(joined, key=lambda files: files.case)))
    else:
        raise InputError("no input was given", hint="Name an image, a Dixon pair or a folder")
    cases = found.cases
    if reference is not None:
        cases = with_label_maps(cases, Path(reference), "reference", header)
    if masks is not None:
        cases = with_label_maps(cases, Path(masks), "mask", header)
    own = {path.resolve() for files in cases for path in (files.reference, files.mask) if path}
    if own:  # a label map without a word for it in its name was listed as an image
        cases = tuple(f for f in cases if f.image is None or f.image.resolve() not in own)
    return replace(found, cases=cases)


def _named_pair(
    inputs: Sequence[object],
    water: str | os.PathLike[str] | None,
    fat: str | os.PathLike[str] | None,
) -> CaseFiles:
    if water is None or fat is None:
        raise PairingError(
            "one image of a Dixon pair was named without the other",
            hint="Name both the water and the fat image",
            remedy=Remedy.NAME_PAIR,
        )
    if inputs:
        raise InputError("the water and fat images are the input; leave out the other inputs")
    if Path(water).resolve() == Path(fat).resolve():
        raise PairingError("the water and the fat image are the same file", where=water)
    name = parse_name(water)
    case = name.pair_key if name.contrast.contrast.is_dixon else name.stem
    return CaseFiles(case or name.stem, water=Path(water), fat=Path(fat))


def _grouped(images: Sequence[ImageFile], stated: Contrast | None) -> Discovery:
    if stated is not None and not stated.is_dixon:
        known = KnownContrast(stated, ContrastSource.USER)
        return _checked([CaseFiles(i.case, image=i.path, contrast=known) for i in images], ())
    contrasts = {image.path: _contrast(image) for image in images}
    water = [i for i in images if contrasts[i.path].contrast is Contrast.WATER]
    fat = [i for i in images if contrasts[i.path].contrast is Contrast.FAT]
    pairs, water, fat, ambiguous = _paired(water, fat)
    cases = [CaseFiles(_pair_id(w, f, pairs), water=w.path, fat=f.path) for w, f in pairs]
    cases += [_ambiguous(ones, others) for ones, others in ambiguous]
    cases += [_half(image, contrasts[image.path]) for image in (*water, *fat)]
    singles, unused = [], []
    scans = {_scan(w) for w, _ in pairs}
    for image in images:
        known = contrasts[image.path]
        if known.contrast.is_dixon:
            continue
        if known.contrast in _COMPANIONS and _scan(image) in scans:
            reason = f"{known.contrast} image of a Dixon scan whose water and fat images are used"
            unused.append(Unused(image.path, reason))
        else:
            singles.append(CaseFiles(image.case, image=image.path, contrast=known))
    return _checked([*cases, *singles], unused)


def _contrast(image: ImageFile) -> KnownContrast:
    """Return the contrast of an image from its sidecar, its name, or its folder."""
    known = contrast_of(image.path)
    return image.contrast if known.contrast is Contrast.UNKNOWN else known


def _scan(image: ImageFile) -> Hashable:
    return image.place, image.name.subject


def _paired(
    water: list[ImageFile], fat: list[ImageFile]
) -> tuple[
    list[tuple[ImageFile, ImageFile]],
    list[ImageFile],
    list[ImageFile],
    list[tuple[tuple[ImageFile, ...], tuple[ImageFile, ...]]],
]:
    """Pair by whole names, then without series numbers, then across folders.

    Across folders only names that state a subject are paired: where folders tell subjects apart,
    names are alike.

    Returns
    -------
    pairs, water and fat images left over, and what could not be told apart.
    """
    pairs: list[tuple[ImageFile, ImageFile]] = []
    ambiguous: list[tuple[tuple[ImageFile, ...], tuple[ImageFile, ...]]] = []
    keys = (
        lambda image: (image.place, _pair_key(image)),
        lambda image: (image.place, image.name.loose_pair_key),
        lambda image: _pair_key(image) if image.name.subject else (image.place, _pair_key(image)),
    )
    for key in keys:
        result = pair(water, fat, left_key=key, right_key=key)
        pairs += result.matched
        water, fat = list(result.left), list(result.right)
        for ones, others in result.ambiguous:
            in_order = _in_order(ones, others)
            if in_order is None:
                ambiguous.append((ones, others))
            pairs += in_order or ()
    return pairs, water, fat, ambiguous


def _pair_key(image: ImageFile) -> str:
    """Return the name without the contrast; of a name that states none, the name itself."""
    return image.name.pair_key if image.name.contrast.contrast.is_dixon else image.name.stem


def _in_order(
    water: Sequence[ImageFile], fat: Sequence[ImageFile]
) -> list[tuple[ImageFile, ImageFile]] | None:
    """Pair several water and fat images of one subject by their series numbers, if these tell.

    The numbers of a pair must differ by the same amount in all pairs, and by less than those of
    different pairs.
    """
    numbered = [
        sorted((int(i.name.number), i.path) for i in images if i.name.number.isdigit())
        for images in (water, fat)
    ]
    by_path = {image.path: image for image in (*water, *fat)}
    if not len(water) == len(fat) == len(numbered[0]) == len(numbered[1]):
        return None
    couples = list(zip(*numbered, strict=True))
    steps = {f[0] - w[0] for w, f in couples}
    between = [b[0][0] - a[0][0] for a, b in pairwise(couples)]
    if len(steps) > 1 or abs(min(steps)) * 2 > min(between):
        return None
    return [(by_path[w[1]], by_path[f[1]]) for w, f in couples]


def _pair_id(water: ImageFile, fat: ImageFile, pairs: Sequence[tuple[ImageFile, ImageFile]]) -> str:
    """Return the case id of a pair: what both names share, with the folder where needed."""
    same = _pair_key(water) == _pair_key(fat)
    key = _pair_key(water) if same else water.name.loose_pair_key
    twins = [w for w, _ in pairs if w is not water and key in (_pair_key(w), w.name.loose_pair_key)]
    if any(w.place == water.place for w in twins):
        key = _pair_key(water)  # told apart by the series number
    elif twins:
        key = "_".join(filter(None, [*water.place, key]))
    return key or "_".join(water.place) or water.name.stem


def _ambiguous(water: Sequence[ImageFile], fat: Sequence[ImageFile]) -> CaseFiles:
    several, kind = (water, "water") if len(water) > 1 else (fat, "fat")
    case = _pair_key(water[0]) or water[0].case
    return CaseFiles(
        case,
        problem=f"{len(several)} {kind} images belong to the case {case!r}: "
        f"{', '.join(str(image.path) for image in several)}. Keep one of them, or name the pair "
        f"({Remedy.NAME_PAIR})",
    )


def _half(image: ImageFile, known: KnownContrast) -> CaseFiles:
    """Return the case of a water or fat image without its partner."""
    other = Contrast.FAT if known.contrast is Contrast.WATER else Contrast.WATER
    if image.name.by_letter and known.source is not ContrastSource.SIDECAR:
        note = (
            f"the letter in the name may state a {known.contrast} image, but there is no {other} "
            "image: it was taken as an image of unknown contrast"
        )
        return CaseFiles(image.case, image=image.path, contrast=KnownContrast(), notes=(note,))
    note = (
        f"there is a {known.contrast} image but no {other} image of the same name: fat ratios need "
        "both"
    )
    return CaseFiles(image.case, image=image.path, contrast=known, notes=(note,))


def _checked(cases: Iterable[CaseFiles], unused: Iterable[Unused]) -> Discovery:
    """Refuse cases whose results would go into one folder, on some systems or on all."""
    ordered = sorted(cases, key=lambda files: files.case)
    seen: dict[str, CaseFiles] = {}
    for files in ordered:
        other = seen.setdefault(files.case.casefold(), files)
        if other is files:
            continue
        alike = " differ only in upper and lower case" if other.case != files.case else " are equal"
        raise InputError(
            f"the case ids {other.case!r} and {files.case!r}{alike}, so that their results would "
            "be mixed up",
            where=" and ".join(str(f.main_image or f.case) for f in (other, files)),
            hint="Rename the files of one of them, or write both halves of a pair alike",
        )
    return Discovery(tuple(ordered), tuple(unused))
