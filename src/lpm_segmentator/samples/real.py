"""The real sample in the package: subject TUM01 of MyoSegmenTUM spine, cropped.

``tools/make_sample.py`` in the source repository makes its files from the published ones;
``samples/data/NOTICE`` states their source, licence and what was changed.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from lpm_segmentator.io import atomic_path
from lpm_segmentator.samples.sample import Sample

__all__ = ["real_sample"]

_FILES = {
    "water": "TUM01_water.nii.gz",
    "fat": "TUM01_fat.nii.gz",
    "reference": "TUM01_dseg.nii.gz",
    "levels": "TUM01_levels.json",
}
_NOTICE = "NOTICE"


def real_sample(folder: Path) -> Sample:
    """Copy the real sample and its notice to a folder.

    Parameters
    ----------
    folder : Path
        Where the files go; existing copies are replaced.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    source = files(__package__) / "data"
    for name in (*_FILES.values(), _NOTICE):
        with atomic_path(folder / name) as temporary:
            temporary.write_bytes((source / name).read_bytes())
    return Sample(
        **{role: folder / name for role, name in _FILES.items()},
        origin="sample: subject TUM01 of MyoSegmenTUM spine (Burian et al. 2019), cropped. The "
        "embedded model was trained on this subject: its Dice here says nothing about new images",
    )
