"""Image files that are stacks of one examination, by their names."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lpm_segmentator.core import LpmError
from lpm_segmentator.io import HeaderOptions, case_id, read_geometry
from lpm_segmentator.study.cases import CaseFiles

__all__ = ["with_stacks"]

_NUMBERED = re.compile(r"(?i)(?:^|(?<=[_\-. ]))(?:stack|slab|chunk)[-_ ]?(\d+)(?:[_\-. ]|$)")


def with_stacks(cases: Sequence[CaseFiles], header: HeaderOptions) -> list[CaseFiles]:
    """Return the cases with those joined whose names differ only in the number of a stack.

    Parameters
    ----------
    cases : sequence of CaseFiles
        ``P1_T2_tra_stack1`` and ``P1_T2_tra_stack2`` become ``P1_T2_tra``; ``chunk-1`` of BIDS
        counts as well. Images that are not axial are left alone.
    header : HeaderOptions
        What to trust where a header is wrong or contradicts itself.
    """
    groups: dict[tuple[Path, str], list[tuple[int, CaseFiles]]] = {}
    joined: list[CaseFiles] = []
    for files in cases:
        stem = "" if files.image is None else case_id(files.image)
        match = _NUMBERED.search(stem)
        if match is None or files.image is None or not _is_axial(files.image, header):
            joined.append(files)
            continue
        name = (stem[: match.start()] + stem[match.end() :]).strip("_-. ")
        place = files.image.resolve().parent
        groups.setdefault((place, name), []).append((int(match.group(1)), files))
    names = _distinct_names(list(groups))
    for key, numbered in groups.items():
        members = [files for _, files in sorted(numbered, key=lambda entry: entry[0])]
        name = names[key]
        if len(members) == 1 or not name or any(files.case == name for files in joined):
            joined += members
            continue
        images = tuple(files.image for files in members if files.image is not None)
        notes = tuple(dict.fromkeys(note for files in members for note in files.notes))
        joined.append(replace(members[0], case=name, image=None, stacks=images, notes=notes))
    return joined


def _distinct_names(keys: Sequence[tuple[Path, str]]) -> dict[tuple[Path, str], str]:
    """Return a case id for each folder and name: with the folder where folders share the name."""
    names = {}
    for place, name in keys:
        places = [other for other, same in keys if same == name]
        folders = place.relative_to(os.path.commonpath(places)).parts if len(places) > 1 else ()
        names[place, name] = "_".join([*folders, name])
    return names


def _is_axial(path: Path, header: HeaderOptions) -> bool:
    try:
        return read_geometry(path, header).is_axial
    except LpmError:  # its run will report it
        return False
