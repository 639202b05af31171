"""Label schemes of one's own, as JSON or as a table."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lpm_segmentator.core.about import about
from lpm_segmentator.core.errors import LabelError
from lpm_segmentator.core.numbering import NUMBERINGS, LabelNumbering
from lpm_segmentator.io.files import read_json
from lpm_segmentator.io.tables import read_table

__all__ = ["label_numbering"]

_HINT = (
    'Write JSON such as {"erector spinae right": 1, "multifidus right": 2}, or a table with the '
    "columns index and name, as in BIDS"
)


def label_numbering(name_or_path: str | os.PathLike[str]) -> LabelNumbering:
    """Return a known label scheme, or read one from a file.

    A JSON file maps names to a value or a list of values, such as ``{"ES_R": 1, "MF_R": [2, 12]}``;
    a table has the columns ``index`` and ``name``, as the ``_dseg.tsv`` of BIDS. Names that mean no
    erector spinae or multifidus of one side are other structures.

    Parameters
    ----------
    name_or_path : str or path-like
        One of `NUMBERINGS`, or a file.

    Raises
    ------
    LabelError
        If it is neither, or the file names no structure.
    InputError
        If the file cannot be read.
    """
    if str(name_or_path) in NUMBERINGS:
        return NUMBERINGS[str(name_or_path)]
    path = Path(name_or_path)
    if not path.exists():
        raise LabelError(
            f"no label scheme {str(name_or_path)!r}",
            hint=f"Known are {', '.join(NUMBERINGS)}; otherwise name a file",
        )
    names = _from_json(read_json(path), path) if path.suffix.lower() == ".json" else _rows(path)
    with about(path):
        return LabelNumbering.from_names(path.name, names)


def _from_json(content: Any, path: Path) -> dict[int, str]:
    names: dict[int, str] = {}
    if not isinstance(content, Mapping):
        raise LabelError("a label scheme maps names to values", where=path, hint=_HINT)
    for name, given in content.items():
        for value in given if isinstance(given, list) else [given]:
            names[_whole(value, path, names)] = str(name)
    return names


def _rows(path: Path) -> dict[int, str]:
    table = read_table(path, required=("index", "name"))
    names: dict[int, str] = {}
    for value, name in zip(table["index"], table["name"], strict=True):
        names[_whole(value, path, names)] = str(name)
    return names


def _whole(value: object, path: Path, known: Mapping[int, str]) -> int:
    try:
        number = float(str(value))
    except ValueError:
        number = float("nan")
    if isinstance(value, bool) or not number.is_integer():
        raise LabelError(f"{value!r} is no label value", where=path, hint=_HINT)
    if int(number) in known:
        raise LabelError(f"the value {int(number)} has two names", where=path, hint=_HINT)
    return int(number)
