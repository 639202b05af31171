"""Which label map belongs to which case: by whole names, never by substring."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from lpm_segmentator.core import (
    FileFormatError,
    InputError,
    LpmError,
    PairingError,
    has_lost_origin,
)
from lpm_segmentator.io import (
    HeaderOptions,
    ParsedName,
    case_id,
    parse_name,
    read_geometry,
    read_voxels,
    subject_key,
)
from lpm_segmentator.study.cases import CaseFiles
from lpm_segmentator.study.listing import ImageFile, list_label_maps

__all__ = ["LabelMatches", "Role", "label_maps_in", "match_label_maps", "with_label_maps"]

Role = Literal["reference", "mask"]
"""What a label map is for: to compare with, or to measure."""

_Source = frozenset[tuple[str, str]]
"""BIDS entities of the image that a label map was made of."""

_PLAIN = HeaderOptions()
_HINT = "Name them like the cases, e.g. CASE.nii.gz or CASE_dseg.nii.gz"


def with_label_maps(
    cases: Sequence[CaseFiles], given: Path, role: Role, header: HeaderOptions = _PLAIN
) -> tuple[CaseFiles, ...]:
    """Return the cases with the label map that belongs to each, if there is one.

    Parameters
    ----------
    cases : sequence of CaseFiles
    given : Path
        A folder, or the one label map of the one case.
    role : {'reference', 'mask'}
    header : HeaderOptions
        What to trust in headers of label maps.

    Raises
    ------
    FileFormatError
        If there is no such file or folder.
    InputError
        If one file was given for several cases, or no label map belongs to any case.
    """
    if not given.exists():
        raise FileFormatError("there is no such file or folder", where=given)
    if not given.is_dir():
        others = [files for files in cases if files.image is None or not _same(files.image, given)]
        if len(others) != 1:
            raise InputError(
                f"one {role} was given for {len(others)} cases",
                where=given,
                hint="Give the folder that holds the label map of each case",
            )
        return (_with(others[0], role, given),)
    label_maps = label_maps_in(given, cases)
    matched = match_label_maps(cases, label_maps, header).given_to(cases, role)
    if not any(getattr(files, role) or files.problem for files in matched):
        raise InputError(
            f"no label map in the folder belongs to any of the cases "
            f"{', '.join(files.case for files in cases[:3])}",
            where=given,
            hint=_HINT,
        )
    return matched


def label_maps_in(folder: Path, cases: Sequence[CaseFiles]) -> list[ImageFile]:
    """Return the label maps in a folder, without the images of some cases."""
    images = {path.resolve() for files in cases for path in files.images}
    return [item for item in list_label_maps([folder]) if item.path.resolve() not in images]


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _with(files: CaseFiles, role: Role, path: Path | None) -> CaseFiles:
    return replace(files, reference=path) if role == "reference" else replace(files, mask=path)


@dataclass(frozen=True)
class LabelMatches:
    """Which label map belongs to which case.

    Attributes
    ----------
    paths : mapping of str to Path
        By case; without the cases that have none.
    errors : mapping of str to LpmError
        Why it is not known which one belongs to a case.
    unmatched : frozenset of Path
        Label maps that belong to no case.
    """

    paths: Mapping[str, Path]
    errors: Mapping[str, LpmError]
    unmatched: frozenset[Path]

    def given_to(self, cases: Sequence[CaseFiles], role: Role) -> tuple[CaseFiles, ...]:
        """Return the cases with their label maps; an error becomes the problem of its case.

        Raises
        ------
        LpmError
            If the label map of the only case is not known: there are no others to go on with.
        """
        if len(cases) == 1:
            for error in self.errors.values():
                raise error
        return tuple(
            replace(files, problem=files.problem or str(self.errors[files.case]))
            if files.case in self.errors
            else _with(files, role, self.paths.get(files.case))
            for files in cases
        )


def match_label_maps(
    cases: Sequence[CaseFiles],
    label_maps: Sequence[ImageFile],
    header: HeaderOptions = _PLAIN,
) -> LabelMatches:
    """Find the label map that belongs to each case.

    Names are compared whole after the parts that only state the kind of file (img, manual, label,
    segmentation, water, fat, …) were taken out of both. Derivatives in BIDS match by the entities
    of their source. A label map whose image is known counts by the name and place of that image.
    Where several folders hold files of one name, a label map belongs to the case with which it
    shares most names of folders.

    Parameters
    ----------
    cases : sequence of CaseFiles
    label_maps : sequence of ImageFile
    header : HeaderOptions
        What to trust in headers, where several label maps of a case are compared.

    Returns
    -------
    LabelMatches
        A case has an error if several label maps fit and differ, or one fits cases in different
        folders alike. A Dixon pair may have a label map for each contrast; the one that still has
        an origin is used if both hold the same labels.
    """
    fitting = _fitting(cases, label_maps)
    nearness = _Nearness(
        {item.path: _folders([item.image or item.path]) for item in label_maps},
        {files.case: _folders(files.images) for files in cases},
    )
    claims: dict[Path, list[str]] = {}
    for case, candidates in fitting.items():
        for path in candidates:
            claims.setdefault(path, []).append(case)
    nearest = {path: nearness.cases(path, claimants) for path, claimants in claims.items()}
    best = {case: nearness.paths(case, candidates) for case, candidates in fitting.items()}
    places = {files.case: {image.parent for image in files.images} for files in cases}
    paths: dict[str, Path] = {}
    errors: dict[str, LpmError] = {}
    matched: set[Path] = set()
    for case, candidates in best.items():
        # One that lies nearest to a case which has a better one is of a subject not among these.
        own = [
            path
            for path in candidates
            if case in nearest[path] and all(path in best[other] for other in nearest[path])
        ]
        matched.update(own)
        try:
            for path in own:
                if any(places[other] != places[case] for other in nearest[path]):
                    raise _several_cases(path, nearest[path])
            if own:
                paths[case] = _one_of(own, case, header)
        except LpmError as error:
            errors[case] = error
    unmatched = frozenset(item.path for item in label_maps) - matched
    return LabelMatches(paths, errors, unmatched)


def _fitting(cases: Sequence[CaseFiles], label_maps: Sequence[ImageFile]) -> dict[str, list[Path]]:
    """Return the label maps whose names fit each case, whatever folders they lie in."""
    by_key: dict[tuple[str, ...], list[Path]] = {}
    by_source: dict[_Source, list[ImageFile]] = {}
    for item in label_maps:
        by_key.setdefault(subject_key(case_id(item.image or item.path)), []).append(item.path)
        if item.name.entities:
            by_source.setdefault(_source(item.name), []).append(item)
    fitting = {}
    for files in cases:
        own, *others = dict.fromkeys(map(subject_key, files.ids))
        fitting[files.case] = (
            by_key.get(own)
            or [path for key in others for path in by_key.get(key, ())]
            or _derivatives(files, by_source)
        )
    return fitting


def _source(name: ParsedName) -> _Source:
    return frozenset(name.source_entities.items())


def _derivatives(files: CaseFiles, by_source: Mapping[_Source, Sequence[ImageFile]]) -> list[Path]:
    """Return the label maps that were made of an image of the case, as BIDS entities say."""
    made = [
        item.path
        for image in map(parse_name, files.images)
        for item in by_source.get(_source(image), ())
        if item.name.entities.get("space", "") in ("", image.suffix, "orig")
    ]
    return list(dict.fromkeys(made))


@dataclass(frozen=True)
class _Nearness:
    """Names of the folders that label maps and the images of cases lie in."""

    of_paths: Mapping[Path, frozenset[str]]
    of_cases: Mapping[str, frozenset[str]]

    def paths(self, case: str, paths: Sequence[Path]) -> list[Path]:
        """Return the label maps that share most names with a case."""
        shared = [len(self.of_paths[path] & self.of_cases[case]) for path in paths]
        most = max(shared, default=0)
        return [path for path, n in zip(paths, shared, strict=True) if n == most]

    def cases(self, path: Path, cases: Sequence[str]) -> list[str]:
        """Return the cases that share most names with a label map."""
        shared = [len(self.of_paths[path] & self.of_cases[case]) for case in cases]
        most = max(shared)
        return [case for case, n in zip(cases, shared, strict=True) if n == most]


def _folders(paths: Iterable[Path]) -> frozenset[str]:
    """Return the names of the folders that files lie in; links to files are not followed."""
    return frozenset(part for path in paths for part in path.absolute().parent.parts)


def _several_cases(path: Path, cases: Sequence[str]) -> PairingError:
    return PairingError(
        f"the label map {path.name} fits several cases: {', '.join(cases[:5])}",
        where=path,
        hint="Put label maps into folders named like those of the images, or name them like the "
        "cases",
    )


def _one_of(paths: Sequence[Path], case: str, header: HeaderOptions) -> Path:
    """Return the label map of a case among those that fit; raise if they differ."""
    if len(paths) == 1:
        return paths[0]
    first, *others = (read_voxels(path, header)[0] for path in paths)
    if all(np.array_equal(first, other) for other in others):
        placed = (p for p in paths if not has_lost_origin(read_geometry(p, header)))
        return next(placed, paths[0])
    raise PairingError(
        f"several label maps fit the case {case!r}, and they differ: "
        f"{', '.join(path.name for path in paths)}",
        hint="Keep one label map for each case in the folder",
    )
