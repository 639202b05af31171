"""A sample to show the tool on: a folder, a download, or the phantom."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from lpm_segmentator.core import InputError, LabelMap, Volume

__all__ = ["SAMPLE_FILES", "Sample", "get_sample"]

logger = logging.getLogger(__name__)

_TUM01 = (
    "sample: TUM01, on which the embedded model was trained (its Dice says nothing of new images; "
    "docs/model-card.md does), MyoSegmenTUM"
)
_SOURCE = "https://raw.githubusercontent.com/johnnydfci/LPM_Segmentator"
_IMAGES = "nnUNet_raw_data_base/nnUNet_train_data_raw/img_in_nii_L2-L5"
_LABELS = "nnUNet_raw_data_base/nnUNet_train_data_raw/seg_in_nii_L2-L5"
_TESTS = "nnUNet_raw_data_base/nnUNet_test_data/test_img_in_nii_raw"


@dataclass(frozen=True)
class _Remote:
    """A file of the published repository: name, commit, folder and SHA-256."""

    name: str
    commit: str
    folder: str
    sha256: str

    @property
    def url(self) -> str:
        return f"{_SOURCE}/{self.commit}/{self.folder}/{self.name}"


SAMPLE_FILES = {
    "water": _Remote(
        "TUM01_water_img_img_L2-L5.nii.gz",
        "c20e42efae4c32b06b1129a6f2d6b35ce8bcf842",
        _TESTS,
        "3f26c7e6d400a16290c1530bd3e89a53b57bb0891fae60a42ec23440ff897d4f",
    ),
    "fat": _Remote(
        "TUM01_fat_img_img_L2-L5.nii.gz",
        "a31939d4d1934152b816dd29ec55a416429660c2",
        _IMAGES,
        "4f54bc9385c493d39d8a405aff737946abeb5228a030473150a15b1147f1ced7",
    ),
    "reference": _Remote(
        "TUM01_fat_manual_label_segmentation_L2-L5.nii.gz",
        "a31939d4d1934152b816dd29ec55a416429660c2",
        _LABELS,
        "d285e40cc3d9253c842e16da2ccfbfbb4e7c71c20bfce930c4a9407cf23f8dd5",
    ),
}


@dataclass(frozen=True)
class Sample:
    """Files of a sample and where they came from, in a sentence."""

    water: Path
    fat: Path
    reference: Path
    origin: str


def get_sample(folder: Path, *, kind: str = "auto") -> Sample:
    """Return a sample.

    Parameters
    ----------
    folder : Path
        Where a phantom is written.
    kind : {'auto', 'real', 'phantom'}

    Raises
    ------
    InputError
        If the real sample was asked for and cannot be had, or ``LPM_SAMPLE_DIR`` lacks its files.
    OutputError
        If the phantom cannot be written.
    """
    if kind != "phantom":
        named = os.environ.get("LPM_SAMPLE_DIR")
        if named:
            return _from_folder(Path(named))
        try:
            return _download()
        except InputError as error:
            if kind == "real":
                raise
            logger.info("%s", error)
    return _phantom(folder)


def _from_folder(folder: Path) -> Sample:
    paths = {role: folder / remote.name for role, remote in SAMPLE_FILES.items()}
    missing = [path.name for path in paths.values() if not path.exists()]
    if missing:
        raise InputError(
            f"LPM_SAMPLE_DIR lacks {', '.join(missing)}",
            where=folder,
            hint="Unset the variable, or name the folder with the sample's files",
        )
    return Sample(**paths, origin=f"{_TUM01} from {folder}")


def _download() -> Sample:
    import pooch
    import requests
    from platformdirs import user_cache_dir

    folder = Path(user_cache_dir("lpm-segmentator")) / "sample"
    pooch.get_logger().setLevel(logging.WARNING)  # its own logger, not one of the tree
    paths = {}
    for role, remote in SAMPLE_FILES.items():
        try:
            paths[role] = Path(
                pooch.retrieve(
                    remote.url,
                    known_hash=f"sha256:{remote.sha256}",
                    fname=remote.name,
                    path=folder,
                    downloader=pooch.HTTPDownloader(timeout=10),
                )
            )
        except (requests.RequestException, OSError, ValueError) as error:
            raise InputError(
                f"the sample cannot be fetched ({type(error).__name__})",
                where=remote.url,
                hint="Name a folder that holds it with LPM_SAMPLE_DIR, or use --sample phantom",
            ) from error
    return Sample(**paths, origin=f"{_TUM01} (Burian et al. 2019)")


def _phantom(folder: Path) -> Sample:
    from lpm_segmentator.io import write_image, write_label_map
    from lpm_segmentator.train.phantom import make_phantom

    phantom = make_phantom(seed=7, shape=(340, 230, 24))
    paths = {
        "water": folder / "phantom_water.nii.gz",
        "fat": folder / "phantom_fat.nii.gz",
        "reference": folder / "phantom_dseg.nii.gz",
    }
    write_image(Volume(phantom.water, phantom.affine), paths["water"])
    write_image(Volume(phantom.fat, phantom.affine), paths["fat"])
    write_label_map(LabelMap(phantom.labels, phantom.affine), paths["reference"])
    return Sample(
        **paths,
        origin="sample: a synthetic phantom, since the real sample was not asked for or cannot be "
        "fetched",
    )
