"""The interface of segmentation models.

The embedded model, an nnU-Net model and a user's own class are used through the same protocol,
:class:`Predictor`: an image or a Dixon pair in, a label map on the same grid out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from lpm_segmentator.core import DixonPair

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lpm_segmentator.core import LabelMap, Volume

__all__ = ["IDENTITY_LABELS", "Mode", "ModelInfo", "Prediction", "Predictor", "water_image"]

Mode = Literal["fast", "exact"]
"""How a model computes: ``exact`` gives its best result, ``fast`` trades accuracy for time."""

IDENTITY_LABELS: Mapping[int, int] = MappingProxyType({1: 1, 2: 2, 3: 3, 4: 4})
"""The label mapping of a model that uses the package's own label scheme."""


@dataclass(frozen=True)
class ModelInfo:
    """Description of a model, for the user and for the record of a run.

    Attributes
    ----------
    name : str
        The name of the model, e.g. ``lpm-2025``.
    version : str
        The model's own version; empty where it has none.
    kind : str
        How the model is run, e.g. ``compact`` or ``nnunet-v1-3d_fullres``.
    sha256 : str
        Hash of the weights (hex), or empty where the model has no file.
    labels : mapping of int to int
        Output value of the model → value in the package's label scheme. Background (0) is omitted;
        a model value without an entry becomes background.
    input_channels : tuple of str
        Names of the images that the model takes at once, e.g. ``("MRI",)``.
    citation, licence, description : str
        Free text for the report.
    """

    name: str
    version: str = ""
    kind: str = ""
    sha256: str = ""
    labels: Mapping[int, int] = field(default_factory=lambda: IDENTITY_LABELS)
    input_channels: tuple[str, ...] = ("MRI",)
    citation: str = ""
    licence: str = ""
    description: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the description as plain types that JSON can hold (label keys become text)."""
        return {
            "name": self.name,
            "version": self.version,
            "kind": self.kind,
            "sha256": self.sha256,
            "labels": {str(key): int(value) for key, value in self.labels.items()},
            "input_channels": list(self.input_channels),
            "citation": self.citation,
            "licence": self.licence,
            "description": self.description,
        }


@dataclass(frozen=True)
class Prediction:
    """The result of a model for one image.

    Attributes
    ----------
    labels : LabelMap
        On the grid of the image, before any postprocessing.
    confidence : ndarray of float32 or None
        Probability of the assigned label in each voxel, 0–1, of the image's shape; None where the
        model gives no probabilities.
    warnings : tuple of str
        Messages for the user, e.g. that the model runs outside its intended range.
    details : mapping of str to object
        Values for the record of a run (tiles computed, seconds, mode, …).
    minimum_expected_dice : float
        A mask whose expected Dice (`segment.assess`) is lower is not considered to show a lumbar
        back. It is a property of the model: models differ in how confident they are on images that
        are unlike their training data.
    notes : tuple of str
        Messages that need no action.
    """

    labels: LabelMap
    confidence: NDArray[np.float32] | None = None
    warnings: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    minimum_expected_dice: float = 0.75
    notes: tuple[str, ...] = ()


@runtime_checkable
class Predictor(Protocol):
    """A model that segments one image or one Dixon pair at a time."""

    @property
    def info(self) -> ModelInfo:
        """Description of the model."""
        ...

    def predict(self, image: Volume | DixonPair) -> Prediction:
        """Segment an image or a Dixon pair.

        Parameters
        ----------
        image : Volume or DixonPair
            In any orientation. A model that takes a single image segments the water image of a
            pair (`water_image`).

        Returns
        -------
        Prediction
            The label map on exactly the grid of `image`.

        Raises
        ------
        ModelError
            If the model cannot be run on this image.
        """
        ...


def water_image(image: Volume | DixonPair) -> Volume:
    """Return the image itself, or the water image of a Dixon pair."""
    return image.water if isinstance(image, DixonPair) else image
