"""nnU-Net v2's plans → `ModelSpec`, and its weight names → this package's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

from lpm_segmentator.core import ModelError
from lpm_segmentator.segment.nnunet.checkpoint import Weights
from lpm_segmentator.segment.nnunet.reader import DEFAULT_READER, READERS
from lpm_segmentator.segment.nnunet.spec import (
    ModelSpec,
    NetworkSpec,
    Normalization,
    Resampling,
)

__all__ = ["rename_weights", "spec_from_plans"]

_SUPPORTED = (
    "Supported are nnU-Net v2's 2d, 3d_lowres and 3d_fullres models of the architectures "
    "PlainConvUNet and ResidualEncoderUNet with one input image and plain labels"
)
_NORMALIZATIONS: Mapping[str, Literal["zscore", "ct", "rescale01", "none"]] = {
    "ZScoreNormalization": "zscore",
    "CTNormalization": "ct",
    "NoNormalization": "none",
    "RescaleTo01Normalization": "rescale01",
}
_KINDS: Mapping[str, Literal["plain", "residual"]] = {
    "PlainConvUNet": "plain",
    "ResidualEncoderUNet": "residual",
}


def spec_from_plans(
    plans: Any, dataset: Any, *, configuration: str, trainer: str, where: Path
) -> ModelSpec:
    """Read version 2's plans.

    Parameters
    ----------
    plans, dataset : object
        The content of ``plans.json`` and ``dataset.json``.
    configuration : str
        The configuration in the plans that the model was trained with.
    trainer : str
        Name of the trainer class, for messages.
    where : Path
        The folder, for messages.

    Returns
    -------
    ModelSpec

    Raises
    ------
    ModelError
        If the plans are damaged, or of a model that is not supported; the message names the
        reason.
    """
    try:
        return _spec(plans, dataset, configuration, where)
    except (KeyError, TypeError, ValueError, OverflowError, IndexError, AttributeError) as error:
        raise ModelError(
            f"the nnU-Net v2 plans of the configuration {configuration!r} are incomplete "
            f"(trainer {trainer}; {error!r})",
            where=where,
            hint=_SUPPORTED,
        ) from error


def _spec(plans: Any, dataset: Any, configuration: str, where: Path) -> ModelSpec:
    config = _resolve(plans["configurations"], configuration, where)
    labels = dataset["labels"]
    channels = dataset.get("channel_names") or dataset["modality"]
    _refuse_other_models(config, dataset, labels, channels, where)
    patch = tuple(int(n) for n in config["patch_size"])
    spacing: list[float | None] = [float(s) for s in config["spacing"]]
    if len(spacing) == 2:
        spacing = [None, *spacing]
    values = sorted({int(v) for name, v in labels.items() if name != "ignore"})
    return ModelSpec(
        generation=2,
        configuration=configuration,
        patch_size=patch,
        spacing_mm=tuple(spacing),
        transpose_forward=tuple(int(a) for a in plans["transpose_forward"]),
        channels=tuple(str(name) for _, name in sorted(channels.items())),
        normalization=tuple(_normalization(plans, config, c, where) for c in range(len(channels))),
        data_resampling=_resampling(config, "data", 3, where),
        output_resampling=_resampling(config, "probabilities", 1, where),
        network=_network(config, len(patch), len(channels), len(values), where),
        label_names={int(v): str(n) for n, v in labels.items() if n != "ignore" and int(v) > 0},
        reader=_reader(plans, dataset, where),
    )


def _resolve(configurations: Mapping[str, Any], name: str, where: Path) -> dict[str, Any]:
    """Return a configuration with the entries that it inherits."""
    chain: list[str] = []
    merged: dict[str, Any] = {}
    while name:
        if name not in configurations or name in chain:
            raise ModelError(
                f"the plans have no valid configuration {name!r}; they have "
                f"{sorted(configurations)}",
                where=where,
            )
        chain.append(name)
        merged = {**configurations[name], **merged}
        name = configurations[name].get("inherits_from", "")
    return merged


def _refuse_other_models(
    config: Mapping[str, Any],
    dataset: Mapping[str, Any],
    labels: Mapping[str, Any],
    channels: Mapping[str, Any],
    where: Path,
) -> None:
    kind = None
    if config.get("previous_stage"):
        kind = f"the second stage of a cascade, after {config['previous_stage']},"
    elif dataset.get("regions_class_order") or any(isinstance(v, list) for v in labels.values()):
        kind = f"a region-based model (labels {dict(labels)})"
    elif len(channels) != 1:
        names = ", ".join(map(str, channels.values()))
        kind = f"a model with {len(channels)} input images ({names})"
    elif config.get("preprocessor_name", "DefaultPreprocessor") != "DefaultPreprocessor":
        kind = f"the preprocessor {config['preprocessor_name']}"
    if kind:
        raise ModelError(f"{kind} is not supported", where=where, hint=_SUPPORTED)


def _reader(plans: Mapping[str, Any], dataset: Mapping[str, Any], where: Path) -> str:
    """Return the image reader.

    nnU-Net predicts with the one in the plans. The entry in ``dataset.json`` is read when an
    experiment is planned, and then copied to the plans.
    """
    name = plans.get("image_reader_writer")
    if name is None and dataset.get("overwrite_image_reader_writer") != "None":
        name = dataset.get("overwrite_image_reader_writer")
    name = DEFAULT_READER if name is None else str(name)
    if name not in READERS:
        raise ModelError(
            f"the image reader {name} is not supported",
            where=where,
            hint=f"Supported are {', '.join(READERS)}",
        )
    return name


def _normalization(
    plans: Mapping[str, Any], config: Mapping[str, Any], channel: int, where: Path
) -> Normalization:
    name = config["normalization_schemes"][channel]
    if name not in _NORMALIZATIONS:
        raise ModelError(
            f"the intensity normalisation {name} is not supported",
            where=where,
            hint=f"Supported are {', '.join(_NORMALIZATIONS)}",
        )
    scheme = _NORMALIZATIONS[name]
    use_mask = bool(config["use_mask_for_norm"][channel])
    if scheme != "ct":
        return Normalization(scheme=scheme, use_mask=use_mask)
    stats = (
        plans.get("foreground_intensity_properties_per_channel")
        or plans["foreground_intensity_properties_by_modality"]
    )[str(channel)]
    return Normalization(
        scheme="ct",
        mean=float(stats["mean"]),
        std=float(stats["std"]),
        lower=float(stats["percentile_00_5"]),
        upper=float(stats["percentile_99_5"]),
    )


def _resampling(config: Mapping[str, Any], what: str, order: int, where: Path) -> Resampling:
    name = config.get(f"resampling_fn_{what}", "resample_data_or_seg_to_shape")
    kwargs = config.get(f"resampling_fn_{what}_kwargs", {})
    force = kwargs.get("force_separate_z")
    separate = None if force is None else bool(force)
    if name == "resample_data_or_seg_to_shape":
        return Resampling(int(kwargs.get("order", order)), int(kwargs.get("order_z", 0)), separate)
    # torch's linear interpolation with align_corners=False is the spline of order 1, and its
    # "nearest-exact" the one of order 0.
    if name == "resample_torch_fornnunet" and kwargs.get("mode", "linear") == "linear":
        return Resampling(1, 0, separate)
    raise ModelError(
        f"the resampling {name} is not supported",
        where=where,
        hint="Supported are resample_data_or_seg_to_shape and resample_torch_fornnunet",
    )


def _network(
    config: Mapping[str, Any], dimensions: int, channels: int, classes: int, where: Path
) -> NetworkSpec:
    if "architecture" not in config:
        return _network_of_old_plans(config, dimensions, channels, classes, where)
    architecture = config["architecture"]
    name = architecture["network_class_name"].rpartition(".")[2]
    kwargs = architecture["arch_kwargs"]
    if name not in _KINDS:
        raise ModelError(f"the architecture {name} is not supported", where=where, hint=_SUPPORTED)
    kind = _KINDS[name]
    _refuse_other_layers(kwargs, where)
    stages = int(kwargs["n_stages"])
    kernels = _per_stage(kwargs["kernel_sizes"], stages, dimensions)
    blocks = kwargs["n_conv_per_stage" if kind == "plain" else "n_blocks_per_stage"]
    norm = kwargs.get("norm_op_kwargs") or {}
    return NetworkSpec(
        kind=kind,
        dimensions=dimensions,
        input_channels=channels,
        classes=classes,
        features=_counts(kwargs["features_per_stage"], stages),
        strides=_per_stage(kwargs["strides"], stages, dimensions),
        kernel_sizes=kernels,
        encoder_blocks=_counts(blocks, stages),
        decoder_kernel_sizes=tuple(reversed(kernels[:-1])),
        decoder_convs=_counts(kwargs["n_conv_per_stage_decoder"], stages - 1),
        conv_bias=bool(kwargs.get("conv_bias", False)),
        upsampling_bias=bool(kwargs.get("conv_bias", False)),
        norm_eps=float(norm.get("eps", 1e-5)),
        negative_slope=_negative_slope(kwargs),
        stem_features=None if kwargs.get("stem_channels") is None else int(kwargs["stem_channels"]),
    )


def _refuse_other_layers(kwargs: Mapping[str, Any], where: Path) -> None:
    norm = str(kwargs.get("norm_op")).rpartition(".")[2]
    affine = (kwargs.get("norm_op_kwargs") or {}).get("affine", False)
    nonlinearity = str(kwargs.get("nonlin")).rpartition(".")[2]
    layers = None
    if not norm.startswith("InstanceNorm") or not affine:
        layers = f"the normalisation {norm} (affine: {affine})"
    elif nonlinearity not in ("LeakyReLU", "ReLU"):
        layers = f"the activation {nonlinearity}"
    elif kwargs.get("nonlin_first"):
        layers = "activations before the normalisation"
    elif kwargs.get("bottleneck_channels") or "Bottleneck" in str(kwargs.get("block")):
        layers = "bottleneck blocks"
    elif kwargs.get("squeeze_excitation"):
        layers = "squeeze-and-excitation blocks"
    if layers:
        raise ModelError(
            f"a network with {layers} is not supported",
            where=where,
            hint="Supported are instance normalisation and (leaky) ReLU, as nnU-Net plans them",
        )


def _negative_slope(kwargs: Mapping[str, Any]) -> float:
    if str(kwargs["nonlin"]).endswith(".ReLU"):
        return 0.0
    return float((kwargs.get("nonlin_kwargs") or {}).get("negative_slope", 0.01))


def _network_of_old_plans(
    config: Mapping[str, Any], dimensions: int, channels: int, classes: int, where: Path
) -> NetworkSpec:
    """Read the architecture from plans before nnU-Net v2.5."""
    name = config["UNet_class_name"]
    if name not in _KINDS:
        raise ModelError(f"the architecture {name} is not supported", where=where, hint=_SUPPORTED)
    stages = len(config["n_conv_per_stage_encoder"])
    base, most = int(config["UNet_base_num_features"]), int(config["unet_max_num_features"])
    kernels = _per_stage(config["conv_kernel_sizes"], stages, dimensions)
    return NetworkSpec(
        kind=_KINDS[name],
        dimensions=dimensions,
        input_channels=channels,
        classes=classes,
        features=tuple(min(base * 2**i, most) for i in range(stages)),
        strides=_per_stage(config["pool_op_kernel_sizes"], stages, dimensions),
        kernel_sizes=kernels,
        encoder_blocks=_counts(config["n_conv_per_stage_encoder"], stages),
        decoder_kernel_sizes=tuple(reversed(kernels[:-1])),
        decoder_convs=_counts(config["n_conv_per_stage_decoder"], stages - 1),
    )


def _counts(value: int | Sequence[int], stages: int) -> tuple[int, ...]:
    counts = (value,) * stages if isinstance(value, int) else tuple(int(v) for v in value)
    if len(counts) != stages:
        raise ValueError(f"{counts} for {stages} stages")
    return counts


def _per_stage(value: Any, stages: int, dimensions: int) -> tuple[tuple[int, ...], ...]:
    """Return one size for each axis and stage; nnU-Net allows one number for several."""
    listed = cast("Sequence[Any]", [value] * stages if isinstance(value, int) else value)
    if len(listed) != stages:
        raise ValueError(f"{listed} for {stages} stages")
    return tuple(
        (entry,) * dimensions if isinstance(entry, int) else tuple(int(n) for n in entry)
        for entry in listed
    )


def rename_weights(weights: Weights, network: NetworkSpec) -> Weights:
    """Give version 2's weights the names of `expected_shapes`, without duplicates.

    Parameters
    ----------
    weights : dict of str to ndarray
    network : NetworkSpec

    Returns
    -------
    dict of str to ndarray
    """
    head = f"decoder.seg_layers.{len(network.strides) - 2}."
    renamed: Weights = {}
    for name, array in weights.items():
        if name.startswith("decoder.encoder.") or ".all_modules." in name:
            continue  # the same tensors under another name
        if name.startswith("decoder.seg_layers."):
            if name.startswith(head):
                renamed["decoder.head." + name.removeprefix(head)] = array
            continue
        new = name.replace("decoder.transpconvs.", "decoder.upsampling.")
        renamed[re.sub(r"^(encoder\.stages\.\d+)\.0\.convs\.", r"\1.convs.", new)] = array
    return renamed
