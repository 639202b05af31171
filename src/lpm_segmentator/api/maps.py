"""Maps of fat beside the mask: NIfTI files that any viewer lays over the image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lpm_segmentator.io import write_image
from lpm_segmentator.measure import fat_fraction_map

if TYPE_CHECKING:
    from pathlib import Path

    from lpm_segmentator.core import DixonPair, LabelMap
    from lpm_segmentator.measure import IntensityFat

__all__ = ["write_fat_maps"]


def write_fat_maps(
    stem: Path,
    labels: LabelMap,
    *,
    pair: DixonPair | None,
    brightness: IntensityFat | None,
    like: Any,
) -> list[Path]:
    """Write ``<stem>_fatmap-….nii.gz`` of a case and return the paths.

    Parameters
    ----------
    stem : Path
        Folder and case.
    labels : LabelMap
        The muscles: brightness tells fat in them alone.
    pair : DixonPair or None
        Gives ``fatmap-dixon``, F / (F + W) of the whole image, nan without signal.
    brightness : IntensityFat or None
        Gives ``fatmap-gmm3-soft`` and the like: the share of fat, or 1 for fat and 0 for not; nan
        outside the muscles. A method that failed gives none.
    like : object
        Header of the image.

    Raises
    ------
    OutputError
        If a map cannot be written.
    """
    maps = {}
    if pair is not None:
        maps["dixon"] = fat_fraction_map(pair)
    for name, values in brightness.maps() if brightness is not None else ():
        inside = np.where(labels.foreground, values.array, np.float32("nan"))
        if np.isfinite(inside).any():
            maps[name.replace("_", "-")] = values.with_array(inside)
    written = []
    for name, values in maps.items():
        path = stem.with_name(f"{stem.name}_fatmap-{name}.nii.gz")
        write_image(values, path, like=like)
        written.append(path)
    return written
