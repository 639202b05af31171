"""Models that are published somewhere, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

__all__ = ["PUBLISHED", "PublishedModel"]


@dataclass(frozen=True)
class PublishedModel:
    """A model that its authors offer for download.

    Attributes
    ----------
    name
        The name to install it under.
    page
        Where it is to be had.
    file
        What to fetch there.
    direct
        An address that answers with the file itself; empty where the download needs a browser.
    sha256
        Of the file, where known; then a download is checked against it.
    folds
        Which folds make up the published model.
    card
        What goes into the installed model's card.
    """

    name: str
    page: str
    file: str
    direct: str = ""
    sha256: str = ""
    folds: tuple[str, ...] = ()
    card: Mapping[str, Any] = field(default_factory=dict)

    def how_to_install(self) -> str:
        """Return the sentences for a user whose download needs a browser."""
        return (
            f"Open {self.page} in a browser, download {self.file}, then run: "
            f"lpm models install {self.file} --name {self.name}"
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
            # The network was trained on images whose array axes run to L, P and S, and without
            # left-right mirroring: turned otherwise, it would name the sides wrongly.
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
