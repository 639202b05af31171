"""What is needed to run an nnU-Net model, whichever version wrote it.

All triples are in the network's axis order: ITK's z-y-x, permuted by ``transpose_forward``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import chain
from math import inf, prod
from typing import Any, Literal

from lpm_segmentator.core.errors import ModelError

__all__ = ["ModelSpec", "NetworkSpec", "Normalization", "Postprocessing", "Resampling"]

Sizes = tuple[int, ...]
_AXES = 3
_LEAST_STAGES = 2
_MAX_SPLINE = 5
_MAX_PATCH_VOXELS = 2**27  # nnU-Net's own plans stay a hundred times below


@dataclass(frozen=True)
class NetworkSpec:
    """A U-Net with instance normalisation.

    Attributes
    ----------
    kind
        ``plain`` (convolutions) or ``residual`` (residual blocks in the encoder).
    dimensions
        2 or 3.
    features, strides, kernel_sizes, encoder_blocks
        One entry per encoder stage, from full resolution down. ``encoder_blocks`` counts
        convolutions (plain) or blocks of two convolutions (residual).
    decoder_kernel_sizes, decoder_convs
        One entry per decoder stage, from the bottleneck up.
    negative_slope
        Of the leaky ReLU; 0 is a ReLU.
    """

    kind: Literal["plain", "residual"]
    dimensions: int
    input_channels: int
    classes: int
    features: Sizes
    strides: tuple[Sizes, ...]
    kernel_sizes: tuple[Sizes, ...]
    encoder_blocks: Sizes
    decoder_kernel_sizes: tuple[Sizes, ...]
    decoder_convs: Sizes
    conv_bias: bool = True
    upsampling_bias: bool = True
    head_bias: bool = True
    norm_eps: float = 1e-5
    negative_slope: float = 0.01
    stem_features: int | None = None

    def __post_init__(self) -> None:
        stages = len(self.features)
        lengths = {
            stages,
            len(self.strides),
            len(self.kernel_sizes),
            len(self.encoder_blocks),
            len(self.decoder_kernel_sizes) + 1,
            len(self.decoder_convs) + 1,
        }
        sizes = (*self.strides, *self.kernel_sizes, *self.decoder_kernel_sizes)
        if self.dimensions not in (2, 3) or self.kind not in ("plain", "residual"):
            raise ValueError("a network of an unknown kind")
        if lengths != {stages} or stages < _LEAST_STAGES:
            raise ValueError(f"stages of different number: {sorted(lengths)}")
        if any(len(s) != self.dimensions or min(s) < 1 for s in sizes):
            raise ValueError("a kernel or stride of the wrong dimension")
        if any(k % 2 == 0 for k in chain(*self.kernel_sizes, *self.decoder_kernel_sizes)):
            raise ValueError("a kernel of even size")

    @property
    def precise_stages(self) -> int:
        """How many of the encoder's stages keep float32 when the rest is in bfloat16.

        Rounding in the first stages spreads through everything after them. Three stages are a
        quarter of the work, and without rounding in them the answer is off by a third as much.
        """
        return 3


@dataclass(frozen=True)
class Resampling:
    """How arrays are resized.

    Attributes
    ----------
    order
        Spline order; where one axis is resized on its own, the order within the other two.
    order_z
        Order along the axis that is resized on its own.
    separate_z
        True or False force the choice; None resizes the coarsest axis on its own where its spacing
        is more than three times the finest.
    """

    order: int
    order_z: int = 0
    separate_z: bool | None = None


@dataclass(frozen=True)
class Normalization:
    """How the intensities of one channel are scaled.

    Attributes
    ----------
    scheme
        ``zscore``, ``ct`` (clip and scale by the training set's statistics), ``ct2`` (clip, then
        scale by the case's own), ``rescale01`` or ``none``.
    use_mask
        Statistics are taken, and the scaling done, inside the image's non-zero region only.
    """

    scheme: Literal["zscore", "ct", "ct2", "rescale01", "none"]
    use_mask: bool = False
    mean: float = 0.0
    std: float = 1.0
    lower: float = 0.0
    upper: float = 0.0


@dataclass(frozen=True)
class Postprocessing:
    """nnU-Net v1's ``postprocessing.json``: keep the largest component of some classes.

    Attributes
    ----------
    groups
        Each is treated as one mask.
    minimum_size
        Per group, in mm³: smaller objects are removed; None removes all but the largest.
    """

    groups: tuple[Sizes, ...]
    minimum_size: tuple[float | None, ...]


@dataclass(frozen=True)
class ModelSpec:
    """Everything but the weights.

    Attributes
    ----------
    generation
        1 or 2: the two differ in the order of resampling and normalisation, in what is averaged
        (probabilities or logits) and in its precision.
    spacing_mm
        Target voxel size; None keeps the image's own along that axis.
    patch_size
        Two numbers for a 2-D network, three for a 3-D one.
    channels
        Names of the input images.
    label_names
        Output value → the name the model's author gave it, where known.
    """

    generation: Literal[1, 2]
    configuration: str
    patch_size: Sizes
    spacing_mm: tuple[float | None, ...]
    transpose_forward: Sizes
    channels: tuple[str, ...]
    normalization: tuple[Normalization, ...]
    data_resampling: Resampling
    output_resampling: Resampling
    network: NetworkSpec
    label_names: Mapping[int, str]
    postprocessing: Postprocessing | None = None

    def __post_init__(self) -> None:
        """Check what the rest relies on; a model's description may come from a stranger."""
        spacing = [s for s in self.spacing_mm if s is not None]
        checks = {
            "patch_size": len(self.patch_size) == self.network.dimensions
            and min(self.patch_size) > 0
            and prod(self.patch_size) <= _MAX_PATCH_VOXELS,
            "spacing": len(self.spacing_mm) == _AXES and all(0 < s < inf for s in spacing),
            "transpose_forward": sorted(self.transpose_forward) == [0, 1, 2],
            "normalization": len(self.normalization) == len(self.channels) == 1,
            "interpolation order": all(
                0 <= order <= _MAX_SPLINE
                for rule in (self.data_resampling, self.output_resampling)
                for order in (rule.order, rule.order_z)
            ),
        }
        wrong = [name for name, right in checks.items() if not right]
        if wrong:
            raise ValueError(f"unusable {', '.join(wrong)}")

    def to_dict(self) -> dict[str, Any]:
        """Return plain types that JSON can hold."""
        data = asdict(self)
        data["label_names"] = {str(k): v for k, v in self.label_names.items()}
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, where: object = None) -> ModelSpec:
        """Rebuild from `to_dict`'s answer.

        Raises
        ------
        ModelError
            An entry is missing or has the wrong type.
        """
        try:
            fields = dict(data)
            fields["network"] = NetworkSpec(**_tuples(fields["network"]))
            fields["normalization"] = tuple(Normalization(**n) for n in fields["normalization"])
            fields["data_resampling"] = Resampling(**fields["data_resampling"])
            fields["output_resampling"] = Resampling(**fields["output_resampling"])
            if fields.get("postprocessing") is not None:
                fields["postprocessing"] = Postprocessing(**_tuples(fields["postprocessing"]))
            fields["label_names"] = {int(k): str(v) for k, v in fields["label_names"].items()}
            keep = {k: fields.pop(k) for k in ("normalization", "label_names")}
            return cls(**_tuples(fields), **keep)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(
                f"the model's description is damaged ({error!r})",
                where=where,
                hint="Install the model again",
            ) from error


def _tuples(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the lists JSON gives back into tuples, one level of nesting deep."""
    return {
        key: tuple(tuple(v) if isinstance(v, list) else v for v in value)
        if isinstance(value, list)
        else value
        for key, value in mapping.items()
    }
