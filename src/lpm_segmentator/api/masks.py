"""Masks in the folder of a case: read, and described for its record."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

import numpy as np

from lpm_segmentator.core import Geometry, LabelMap, LpmError
from lpm_segmentator.io import IGNORED_VALUE, file_sha256, read_label_map, read_sidecar
from lpm_segmentator.study.grids import on_grid_of
from lpm_segmentator.study.record import MaskRecord

if TYPE_CHECKING:
    from pathlib import Path

    from lpm_segmentator.study.layout import CaseFolder
    from lpm_segmentator.study.options import ReadOptions

__all__ = ["automatic_labels", "mask_record", "read_mask"]


def read_mask(path: Path, grid: Geometry, read: ReadOptions) -> LabelMap:
    """Read a mask in the folder of a case, on the grid of its image."""
    ignore = (*read.ignore, IGNORED_VALUE) if read.ignore else ()
    image = read_label_map(path, ignore=ignore, options=read.header)
    return on_grid_of(image, grid)[0]


def mask_record(
    known: MaskRecord,
    mask: Path,
    labels: LabelMap,
    automatic: LabelMap | None,
    *,
    imported: bool = False,
) -> MaskRecord:
    """Return what is recorded of a mask that may have been edited.

    Parameters
    ----------
    known : MaskRecord
        Of the mask as it was measured before.
    mask : Path
    labels : LabelMap
        What it holds.
    automatic : LabelMap, optional
        The mask beside it that was not edited.
    imported : bool
        Whether the mask before any edit was imported.
    """
    before = known.unedited_sha256
    sha256 = file_sha256(mask)
    if sha256 == before:  # an edit that was undone
        return MaskRecord("imported" if imported else "automatic", mask.name, sha256)
    changed = None if automatic is None else int(np.count_nonzero(automatic.array != labels.array))
    return MaskRecord(
        kind="edited",
        file=mask.name,
        sha256=sha256,
        edited=_modified(mask),
        editor=str(read_sidecar(mask).get("Editor") or ""),
        changed_voxels=changed,
        automatic_sha256=before,
    )


def _modified(path: Path) -> str:
    seconds = path.stat().st_mtime
    return datetime.fromtimestamp(seconds, tz=timezone.utc).isoformat(timespec="seconds")


def automatic_labels(
    folder: CaseFolder, mask: Path, grid: Geometry, read: ReadOptions
) -> LabelMap | None:
    """Return the automatic mask beside an edited one; None where it is not there."""
    if mask == folder.mask or not folder.mask.exists():
        return None
    try:
        return read_mask(folder.mask, grid, read)
    except LpmError:
        return None
