"""Published models, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from lpm_segmentator.core import Remedy

__all__ = ["PUBLISHED", "PublishedModel"]


@dataclass(frozen=True)
class PublishedModel:
    """A model that its authors offer for download.

    Attributes
    ----------
    name : str
        The name to install it under.
    page : str
        Address of its download page.
    file : str
        The file to download there.
    direct : str
        Address of the file itself; empty where the download needs a browser.
    sha256 : str
        Hash of the file, where known; a download is checked against it.
    folds : tuple of str
        The folds that make up the published model.
    card : mapping of str to object
        Entries of the installed model's card.
    """

    name: str
    page: str
    file: str
    direct: str = ""
    sha256: str = ""
    folds: tuple[str, ...] = ()
    card: Mapping[str, Any] = field(default_factory=dict)

    def how_to_install(self) -> str:
        """Return how to install a model whose download needs a browser; names `Remedy.NAME`."""
        return (
            f"Download {self.file} from {self.page} with a browser, then install the file under "
            f"the name {self.name!r} ({Remedy.NAME})"
        )


_LPM_2025 = PublishedModel(
    name="lpm-2025",
    page="https://drive.google.com/file/d/1rQnBHTOlbW9yA86Xjf7PLMHpxKn0W2Ze/view",
    file="nnUNet_trained_models.zip",
    folds=("1",),
    card=MappingProxyType(
        {
            "version": "2025",
            "labels": {"1": 1, "2": 2, "3": 3, "4": 4},
            # The network was trained on images whose array axes run to L, P and S, without
            # left-right mirroring: in any other orientation it would confuse the sides.
            "orientation": "LPS",
            "licence": "Apache-2.0",
            "citation": (
                "Zhang Z, et al. Radiology: Artificial Intelligence 2025. "
                "https://doi.org/10.1148/ryai.240833"
            ),
            "description": (
                "The published weights of LPM_Segmentator: nnU-Net v1, task 515, 3d_fullres, "
                "nnUNetTrainerV2_noMirroring, fold 1. Lumbar erector spinae and multifidus, left "
                "and right, on axial T1w, T2w, Dixon-water and Dixon-fat MRI."
            ),
        }
    ),
)

PUBLISHED: Mapping[str, PublishedModel] = MappingProxyType({_LPM_2025.name: _LPM_2025})
"""Published models by name."""
