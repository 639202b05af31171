"""What every segmentation model looks like from outside.

The embedded model, an nnU-Net model and a user's own class are all used through the
:class:`Predictor` protocol: one volume in, one label map on the same grid out. A model that can
look at both images of a Dixon pair, or outlines Dixon images otherwise, is a
:class:`DixonPredictor` besides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lpm_segmentator.core.volume import LabelMap, Volume

IDENTITY_LABELS: Mapping[int, int] = MappingProxyType({1: 1, 2: 2, 3: 3, 4: 4})
"""The label mapping of a model that already speaks the package's own label scheme."""


@dataclass(frozen=True)
class ModelInfo:
    """What is known about a model, for the user and for the record of a run.

    Attributes
    ----------
    name
        The name under which the model is asked for, e.g. ``lpm-2025``.
    version
        The model's own version; empty where it has none.
    kind
        How the model is run, e.g. ``compact`` or ``nnunet-v1-3d_fullres``.
    sha256
        Hash of the weights (hex), or empty where the model has no file.
    labels
        Output value of the model → value in the package's label scheme. Background (0) is left
        out; a model value without an entry becomes background.
    input_channels
        Names of the images that the model takes at once, e.g. ``("MRI",)``.
    citation, licence, description
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
        """Return the information as plain types that JSON can hold (label keys become text)."""
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
    """What a model answered for one volume.

    Attributes
    ----------
    labels
        The label map, on the grid of the input volume, before any post-processing.
    confidence
        Optional array of the input's shape in [0, 1]: the winning class's probability per voxel.
    warnings
        Sentences for the user, e.g. that the model runs outside the range it was made for.
    details
        Numbers for the record of a run (tiles computed, seconds, mode, …).
    least_expected_dice
        Where the probabilities let expect a lower Dice, the mask is no lumbar back's: how sure a
        model is of what it has never seen is a property of the model.
    """

    labels: LabelMap
    confidence: NDArray[np.float32] | None = None
    warnings: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    least_expected_dice: float = 0.75


@runtime_checkable
class Predictor(Protocol):
    """A model that segments one volume at a time."""

    @property
    def info(self) -> ModelInfo:
        """What is known about the model."""
        ...

    def predict(self, volume: Volume) -> Prediction:
        """Segment one volume.

        Parameters
        ----------
        volume
            The image, in any orientation.

        Returns
        -------
        Prediction
            The label map on exactly the grid of ``volume``.

        Raises
        ------
        ModelError
            The model cannot be run on this volume.
        """
        ...


@runtime_checkable
class DixonPredictor(Predictor, Protocol):
    """A model with a way of its own for Dixon images."""

    def predict_dixon(self, *images: Volume) -> Prediction:
        """Segment images of one grid as one: water and fat, or one of them alone.

        Otherwise as :meth:`Predictor.predict`.
        """
        ...
