"""From what the user names to cases: which files belong together, and what is in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lpm_segmentator.core import (
    LPM_SCHEME,
    FileFormatError,
    Geometry,
    GeometryError,
    InputError,
    LabelMap,
    LpmError,
    PairingError,
    TableError,
    Volume,
)
from lpm_segmentator.io import (
    DixonCase,
    SliceEnd,
    SliceRange,
    case_id,
    differ_by_lost_origin,
    dixon_name,
    find_images,
    has_lost_origin,
    is_dixon_name,
    is_nifti,
    lookup,
    pair_dixon,
    read_dixon,
    read_geometry,
    read_image,
    read_label_map,
    read_slice_table,
    subject_key,
)
from lpm_segmentator.pipeline import Case

if TYPE_CHECKING:
    import os

__all__ = [
    "CaseFiles",
    "LoadedCase",
    "SliceTable",
    "check_slices",
    "find_cases",
    "load_case",
    "match_labels",
    "on_grid_of",
    "same_subject",
    "with_reference",
]


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
    reference : Path, optional
        A manual label map.
    sagittal : Path, optional
        A sagittal series of the same examination.
    problem : str
        Why the case cannot be run at all; empty if it can.
    """

    case: str
    image: Path | None = None
    water: Path | None = None
    fat: Path | None = None
    reference: Path | None = None
    sagittal: Path | None = None
    problem: str = ""

    @property
    def paths(self) -> dict[str, Path]:
        """The files that are there, by role."""
        roles = {
            "image": self.image,
            "water": self.water,
            "fat": self.fat,
            "reference": self.reference,
            "sagittal": self.sagittal,
        }
        return {role: path for role, path in roles.items() if path is not None}

    @property
    def ids(self) -> tuple[str, ...]:
        """Names under which a table may list the case: its id and those of its images."""
        images = [p for role, p in self.paths.items() if role in ("image", "water", "fat")]
        return tuple(dict.fromkeys([self.case, *map(case_id, images)]))

    @property
    def ids_of_all(self) -> tuple[str, ...]:
        """The same, and the name of its label map."""
        own = () if self.reference is None else (case_id(self.reference),)
        return tuple(dict.fromkeys([*self.ids, *own]))


@dataclass(frozen=True)
class SliceTable:
    """The slice CSV and how its end is meant."""

    path: Path
    end: SliceEnd

    def read(self) -> list[SliceRange]:
        """Return the ranges, half-open.

        Raises
        ------
        TableError
            As `read_slice_table`.
        """
        return read_slice_table(self.path, end=self.end)


@dataclass(frozen=True, eq=False)
class LoadedCase:
    """A case in memory, and the header that results are written with."""

    case: Case
    header: Any


def find_cases(
    inputs: Sequence[str | os.PathLike[str]],
    *,
    water: str | os.PathLike[str] | None = None,
    fat: str | os.PathLike[str] | None = None,
    reference: str | os.PathLike[str] | None = None,
) -> list[CaseFiles]:
    """List the cases among files and folders, ordered by id.

    Files whose names hold the word water or fat become Dixon pairs; all others are single images.

    Parameters
    ----------
    inputs : sequence of path-like
        NIfTI files and folders of them.
    water, fat : path-like, optional
        One Dixon pair whose names say nothing; then without `inputs`.
    reference : path-like, optional
        A folder of manual label maps, or the one label map of the one case.

    Raises
    ------
    FileFormatError
        If an input does not exist or holds no images.
    PairingError
        If a water image of a single case has no fat image or the other way round, or its name says
        both. In a cohort that case is returned with a `problem`.
    InputError
        If two cases have one id, or no case was given.
    """
    if (water is None) != (fat is None):
        raise PairingError("--water and --fat go together", hint="Name both images of the pair")
    if water is not None and fat is not None:
        if inputs:
            raise InputError("--water and --fat name the pair; leave out the other inputs")
        if Path(water).resolve() == Path(fat).resolve():
            raise PairingError("--water and --fat name the same file", where=water)
        named = dixon_name(water)
        found = [
            CaseFiles(named.case if named else case_id(water), water=Path(water), fat=Path(fat))
        ]
    elif inputs:
        found = _cases_of([image.path for image in find_images(inputs)])
    else:
        raise InputError("no input was given", hint="Name an image, a Dixon pair or a folder")
    if reference is not None:
        found = _with_references(found, Path(reference))
    return found


def _cases_of(paths: Sequence[Path]) -> list[CaseFiles]:
    groups: dict[str, list[Path]] = {}
    found = []
    for path in paths:
        try:
            name = dixon_name(path)
        except PairingError as error:
            if len(paths) == 1:
                raise
            found.append(CaseFiles(case_id(path), problem=str(error)))
            continue
        if name is None:
            found.append(CaseFiles(case_id(path), image=path))
        else:
            groups.setdefault(name.case, []).append(path)
    alone = len(groups) + len(found) == 1
    for case, members in groups.items():
        found.append(_paired(case, members, alone=alone))
    _check_distinct([files.case for files in found])
    return sorted(found, key=lambda files: files.case)


def _check_distinct(ids: Sequence[str]) -> None:
    """Refuse cases whose results would go into one folder, on some systems or on all."""
    seen: dict[str, str] = {}
    for case in ids:
        other = seen.get(case.casefold())
        if other == case:
            raise InputError(
                f"a Dixon pair and a single image have the case id {case!r}",
                hint="Rename one of them",
            )
        if other is not None:
            raise InputError(
                f"the case ids {other!r} and {case!r} differ only in upper and lower case, so "
                "that many systems mix up their results",
                hint="Rename the files of one of them, or write both halves of a pair alike",
            )
        seen[case.casefold()] = case


def _paired(case: str, members: list[Path], *, alone: bool) -> CaseFiles:
    try:
        (pair,) = pair_dixon(members)
    except PairingError as error:
        if alone:
            raise
        return CaseFiles(case, problem=str(error))
    return _of_pair(pair)


def _of_pair(pair: DixonCase) -> CaseFiles:
    return CaseFiles(pair.case, water=pair.water, fat=pair.fat)


def _with_references(found: list[CaseFiles], reference: Path) -> list[CaseFiles]:
    if reference.is_dir():
        candidates = [p for p in sorted(reference.iterdir()) if is_nifti(p)]
    elif reference.exists():
        if len(found) > 1:
            raise InputError(
                f"one reference was given for {len(found)} cases",
                where=reference,
                hint="Give the folder that holds the label map of each case",
            )
        return [replace(found[0], reference=reference)]
    else:
        raise FileFormatError("there is no such file or folder", where=reference)
    own = {path.resolve() for files in found for path in files.paths.values()}
    candidates = [p for p in candidates if p.resolve() not in own]
    matched = [with_reference(files, candidates, alone=len(found) == 1) for files in found]
    if not any(files.reference or files.problem for files in matched):
        raise InputError(
            f"no label map in the folder belongs to any of the cases {[f.case for f in found][:3]}",
            where=reference,
            hint="Name them like the cases, e.g. CASE.nii.gz or CASE_dseg.nii.gz",
        )
    return matched


def with_reference(files: CaseFiles, candidates: Sequence[Path], *, alone: bool) -> CaseFiles:
    """Return a case with the label map that belongs to it, if any, or with its problem.

    Raises
    ------
    LpmError
        As `match_labels`, if the case is `alone`.
    """
    try:
        return replace(files, reference=match_labels(files, candidates))
    except LpmError as error:
        if alone:
            raise
        return replace(files, problem=files.problem or str(error))


def match_labels(files: CaseFiles, candidates: Iterable[Path]) -> Path | None:
    """Return the label map that belongs to a case, or None.

    Names are compared whole, never by substring, after the words that only say what kind of file
    it is (img, manual, label, segmentation, water, fat, …) were taken out of both.

    Raises
    ------
    PairingError
        If several label maps fit and differ. A Dixon pair may have one for each contrast; then
        the one named like the image whose grid counts is used if both hold the same labels.
    """
    wanted = {subject_key(name) for name in files.ids}
    fitting = [path for path in candidates if subject_key(case_id(path)) in wanted]
    if len(fitting) <= 1:
        return fitting[0] if fitting else None
    maps = [_any_labels(path).array for path in fitting]
    if all(np.array_equal(maps[0], other) for other in maps[1:]):
        return _preferred(fitting)
    raise PairingError(
        f"several label maps fit the case {files.case!r}, and they differ: "
        f"{', '.join(path.name for path in fitting)}",
        hint="Keep one mask for each case in the reference folder",
    )


def _any_labels(path: Path) -> LabelMap:
    """Read a label map to compare it with another, whatever its values mean."""
    return read_label_map(path, ignore=sorted(set(range(1, 256)) - set(LPM_SCHEME.values)))


def _preferred(fitting: list[Path]) -> Path:
    """Of equal label maps take the one that still has an origin."""
    for path in fitting:
        if not has_lost_origin(read_geometry(path)):
            return path
    return fitting[0]


def same_subject(files: CaseFiles, name: str) -> bool:
    """Return whether a case goes by a name, words that say the kind of a file left out."""
    return subject_key(name) in {subject_key(own) for own in files.ids}


def load_case(
    files: CaseFiles,
    *,
    slices: Sequence[SliceRange] | None = None,
    accept_origin_mismatch: bool = False,
    ignore: Sequence[int] = (),
) -> LoadedCase:
    """Read the files of a case.

    Parameters
    ----------
    files : CaseFiles
    slices : sequence of SliceRange, optional
        The slice table; the case must be in it.
    accept_origin_mismatch : bool
        Whether images of one scan that differ by a lost origin count as one grid.
    ignore : sequence of int
        Values of the reference that mark voxels to leave out.

    Raises
    ------
    LpmError
        Whatever is wrong with the files; the message names the file.
    """
    if files.problem:
        raise PairingError(files.problem)
    if files.water is not None and files.fat is not None:
        dixon = read_dixon(files.water, files.fat, accept_origin_mismatch=accept_origin_mismatch)
        image, pair, header, notes = dixon.pair.water, dixon.pair, dixon.header, dixon.notes
    else:
        if files.image is None:
            raise InputError("the case has no image", where=files.case)
        single = read_image(files.image)
        image, pair, header, notes = single.volume, None, single.header, single.notes
    reference = None
    if files.reference is not None:
        reference = read_label_map(files.reference, ignore=ignore)
        moved = reference
        if accept_origin_mismatch:
            _check_crop(files, reference)
            moved = on_grid_of(reference, image.geometry)
        if moved is not reference:
            notes += (
                "the reference or the image had lost its origin; the reference was laid on it",
            )
        reference = moved
    case = Case(
        name=files.case,
        image=image,
        pair=pair,
        dixon=files.image is not None and is_dixon_name(files.image),
        reference=reference,
        slices=None if slices is None else _range_of(files, slices, image),
        notes=notes,
    )
    return LoadedCase(case, header)


def _check_crop(files: CaseFiles, reference: LabelMap) -> None:
    """Refuse a reference that was cut from other slices than the image that lost its origin too."""
    if not has_lost_origin(reference.geometry):
        return
    for path in (files.water, files.fat):
        place = None if path is None else read_geometry(path)
        if place is None or not has_lost_origin(place):
            continue
        apart = float(np.abs(place.origin_mm - reference.geometry.origin_mm).max())
        if apart > 0.1:  # mm; less comes of a rounded spacing
            raise GeometryError(
                f"the reference and {path} have both lost their origin and were cropped "
                f"differently ({apart:.2f} mm apart)",
                where=files.case,
                hint="Crop both again from the whole images with one --slices table",
            )


def on_grid_of(labels: LabelMap, geometry: Geometry) -> LabelMap:
    """Return the label map on a grid if the two differ by nothing but a lost origin."""
    if labels.geometry.describe_difference(geometry) is None:
        return labels
    if differ_by_lost_origin(labels.geometry, geometry):
        return labels.with_grid(labels.array, geometry.affine)
    return labels


def _range_of(files: CaseFiles, table: Sequence[SliceRange], image: Volume) -> tuple[int, int]:
    found = [entry for entry in table if entry.case in files.ids]
    if not found:
        lookup(table, files.case)  # raises, naming what is near
    ranges = {(entry.start, entry.stop) for entry in found}
    if len(ranges) > 1:
        raise TableError(
            f"the slice table lists {[entry.case for entry in found]} with different ranges "
            f"{sorted(ranges)}",
            where=files.case,
            hint="Water and fat of a pair need the same slices",
        )
    ((start, stop),) = ranges
    check_slices(start, stop, image, where=files.case)
    return start, stop


def check_slices(start: int, stop: int, image: Volume | LabelMap, *, where: object) -> None:
    """Check that the slices of a table are in the image.

    Raises
    ------
    GeometryError
        If they are not; the message names the flag that says how a table's end is meant.
    """
    count = image.shape[image.slice_axis]
    if stop > count:
        raise GeometryError(
            f"the slice table asks for the slices {start} to {stop - 1}, but the image has {count} "
            f"(0 to {count - 1})",
            where=where,
            hint="Check --slice-end: 'inclusive' takes slice_stop as the last slice to keep, "
            "'exclusive' as the first to leave out. Images that were cropped before need no table",
        )
