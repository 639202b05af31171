"""What converters write beside an image: the JSON sidecar of BIDS."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from lpm_segmentator.io.cases import case_id

__all__ = ["read_sidecar"]


def read_sidecar(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what ``NAME.json`` beside ``NAME.nii.gz`` says; empty if there is none to be read.

    A sidecar is a help, not a part of the image: a damaged one is as good as none.
    """
    beside = Path(path).with_name(f"{case_id(path)}.json")
    try:
        values = json.loads(beside.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}
