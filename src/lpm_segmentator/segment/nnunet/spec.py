"""Description of an nnU-Net model of either version: all that is needed to run it.

All triples are in the network's axis order: ITK's z-y-x, permuted by ``transpose_forward``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import chain
from math import inf, prod
from typing import Any, Literal

from lpm_segmentator.core import ModelError
from lpm_segmentator.segment.nnunet.reader import DEFAULT_READER, READERS

__all__ = ["ModelSpec", "NetworkSpec", "Normalization", "Postprocessing", "Resampling"]

Sizes = tuple[int, ...]
_AXES = 3
_LEAST_STAGES = 2
_MAX_SPLINE = 5
_MAX_PATCH_VOXELS = 2**27  # a hundred times what nnU-Net plans


@dataclass(frozen=True)
class NetworkSpec:
    """A U-Net with instance normalisation.

    Attributes
    ----------
    kind : {'plain', 'residual'}
        Convolutions, or residual blocks in the encoder.
    dimensions : int
        2 or 3.
    input_channels, classes : int
    features, encoder_blocks : tuple of int
        One entry for each encoder stage, from full resolution down. Blocks are convolutions
        (plain) or pairs of convolutions (residual).
    strides, kernel_sizes : tuple of tuple of int
        The same; one number an axis.
    decoder_kernel_sizes : tuple of tuple of int
        One entry for each decoder stage, from the bottleneck up.
    decoder_convs : tuple of int
        The same.
    conv_bias, upsampling_bias, head_bias : bool
    norm_eps : float
        Added to the variance.
    negative_slope : float
        Of the leaky ReLU; 0 is a ReLU.
    stem_features : int or None
        Channels of the stem of a residual network; None is those of the first stage.
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
            raise ValueError("unknown kind of network")
        if lengths != {stages} or stages < _LEAST_STAGES:
            raise ValueError(f"inconsistent numbers of stages: {sorted(lengths)}")
        if any(len(s) != self.dimensions or min(s) < 1 for s in sizes):
            raise ValueError("wrong dimension of a kernel or stride")
        if any(k % 2 == 0 for k in chain(*self.kernel_sizes, *self.decoder_kernel_sizes)):
            raise ValueError("kernel of even size")


@dataclass(frozen=True)
class Resampling:
    """How arrays are resampled.

    Attributes
    ----------
    order : int
        Spline order; where one axis is resampled separately, the order in the other two.
    order_z : int
        Order along the axis that is resampled separately.
    separate_z : bool or None
        True or False force the choice; None resamples the coarsest axis separately if its spacing
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
    scheme : {'zscore', 'ct', 'ct2', 'rescale01', 'none'}
        ``ct`` clips and scales by the training set's statistics, ``ct2`` clips and then scales by
        the image's own.
    use_mask : bool
        Whether only the non-zero region of the image is used and scaled.
    mean, std, lower, upper : float
        Statistics of the training set and the range to clip to, for ``ct`` and ``ct2``.
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
    groups : tuple of tuple of int
        Classes that are treated as one mask.
    minimum_size : tuple of (float or None)
        For each group, in mm³: smaller objects are removed; None removes all but the largest.
    """

    groups: tuple[Sizes, ...]
    minimum_size: tuple[float | None, ...]


@dataclass(frozen=True)
class ModelSpec:
    """Description of a model without its weights.

    Attributes
    ----------
    generation : {1, 2}
        The version of nnU-Net. The two differ in the order of resampling and normalisation, in
        what is averaged (probabilities or logits) and in its precision.
    configuration : str
        nnU-Net's name for it, e.g. ``3d_fullres``.
    patch_size : tuple of int
        Two numbers for a 2-D network, three for a 3-D one.
    spacing_mm : tuple of (float or None)
        Target voxel size; None keeps the image's own along that axis.
    transpose_forward : tuple of int
        ITK's axes in the network's order.
    channels : tuple of str
        Names of the input images.
    normalization : tuple of Normalization
        One for each channel.
    data_resampling, output_resampling : Resampling
        Of the image, and of the class scores.
    network : NetworkSpec
    label_names : mapping of int to str
        Output value → the name that the model's author gave it, where known.
    postprocessing : Postprocessing or None
    reader : str
        nnU-Net's image reader, one of `READERS`. Some turn the image before the model.
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
    reader: str = DEFAULT_READER

    def __post_init__(self) -> None:
        """Check the description, which may come from an untrusted source."""
        spacing = [s for s in self.spacing_mm if s is not None]
        checks = {
            "patch_size": len(self.patch_size) == self.network.dimensions
            and min(self.patch_size) > 0
            and prod(self.patch_size) <= _MAX_PATCH_VOXELS,
            "spacing": len(self.spacing_mm) == _AXES and all(0 < s < inf for s in spacing),
            "transpose_forward": sorted(self.transpose_forward) == [0, 1, 2],
            "normalization": len(self.normalization) == len(self.channels) == 1,
            "reader": self.reader in READERS,
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
        """Return the description that `to_dict` was called on.

        Parameters
        ----------
        data : mapping
        where : object, optional
            The file, for messages.

        Returns
        -------
        ModelSpec

        Raises
        ------
        ModelError
            If an entry is missing or has the wrong type.
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
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise ModelError(
                f"the model's description is damaged ({error!r})",
                where=where,
                hint="Install the model again",
            ) from error


def _tuples(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the lists of JSON into tuples, to one level of nesting."""
    return {
        key: tuple(tuple(v) if isinstance(v, list) else v for v in value)
        if isinstance(value, list)
        else value
        for key, value in mapping.items()
    }
