"""Image files that are stacks of one examination, by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lpm_segmentator.core import LpmError
from lpm_segmentator.io import HeaderOptions, read_geometry
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
    groups: dict[str, list[tuple[int, CaseFiles]]] = {}
    joined: list[CaseFiles] = []
    for files in cases:
        match = _NUMBERED.search(files.case)
        if match is None or files.image is None or not _is_axial(files.image, header):
            joined.append(files)
            continue
        name = (files.case[: match.start()] + files.case[match.end() :]).strip("_-. ")
        groups.setdefault(name, []).append((int(match.group(1)), files))
    for name, numbered in groups.items():
        members = [files for _, files in sorted(numbered, key=lambda entry: entry[0])]
        if len(members) == 1 or not name or any(files.case == name for files in joined):
            joined += members
            continue
        images = tuple(files.image for files in members if files.image is not None)
        notes = tuple(dict.fromkeys(note for files in members for note in files.notes))
        joined.append(replace(members[0], case=name, image=None, stacks=images, notes=notes))
    return joined


def _is_axial(path: Path, header: HeaderOptions) -> bool:
    try:
        return read_geometry(path, header).is_axial
    except LpmError:  # its run will report it
        return False
