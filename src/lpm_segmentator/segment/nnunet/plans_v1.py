"""nnU-Net v1's plans → `ModelSpec`, and its weight names → this package's.

v1's ``Generic_UNet`` and v2's ``PlainConvUNet`` are the same network under different names, with
three differences: v1 has no bias in the transposed convolutions and heads, takes each decoder
stage's kernel from the encoder stage *below* it, and limits its features to 320 (3-D) or 480 (2-D).
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lpm_segmentator.core import ModelError
from lpm_segmentator.segment.nnunet.checkpoint import Weights
from lpm_segmentator.segment.nnunet.spec import (
    ModelSpec,
    NetworkSpec,
    Normalization,
    Postprocessing,
    Resampling,
)

__all__ = ["read_postprocessing", "rename_weights", "spec_from_plans"]

_SUPPORTED = "Supported are nnU-Net v1's 2d, 3d_lowres and 3d_fullres models with one input image"
_MAX_FEATURES = {2: 480, 3: 320}

# Preprocessor → (resampling, axes that keep the image's own spacing).
_PREPROCESSORS: Mapping[str, tuple[Resampling, str]] = {
    "GenericPreprocessor": (Resampling(3), "none"),
    "GenericPreprocessor_linearResampling": (Resampling(1), "none"),
    "Preprocessor3DDifferentResampling": (Resampling(3, order_z=3), "none"),
    "Preprocessor3DBetterResampling": (Resampling(3, separate_z=False), "none"),
    "PreprocessorFor2D": (Resampling(3), "first"),
    "PreprocessorFor3D_LeaveOriginalZSpacing": (Resampling(3), "first"),
    "PreprocessorFor3D_NoResampling": (Resampling(3), "all"),
}

# Trainers whose networks have the usual weights but other operations.
_OTHER_NETWORKS = re.compile(
    r"(?<![lL])ReLU|Mish|GeLU|_GN|FRN|slope_2en1|convlReLUIN|convReLUIN|NoNorm"
)


def spec_from_plans(
    plans: Any, *, trainer: str, stage: int | None, configuration: str, where: Path
) -> ModelSpec:
    """Read version 1's plans.

    Parameters
    ----------
    plans : object
        The content of ``plans.pkl`` (as ``load_plain_pickle`` returns it).
    trainer : str
        Name of the trainer class.
    stage : int or None
        The entry of ``plans_per_stage`` that the model was trained with; None where there is only
        one.
    configuration : str
        ``2d``, ``3d_fullres``, …, where known from the folder's name; otherwise empty.
    where : Path
        The file, for messages.

    Returns
    -------
    ModelSpec

    Raises
    ------
    ModelError
        If the plans are damaged, or of a model that is not supported; the message names the
        reason.
    """
    _refuse_other_models(trainer, configuration, where)
    try:
        return _spec(plans, stage, configuration, where)
    except (KeyError, TypeError, ValueError, OverflowError, IndexError, AttributeError) as error:
        raise ModelError(
            f"the nnU-Net v1 plans are incomplete ({error!r})", where=where, hint=_SUPPORTED
        ) from error


def _refuse_other_models(trainer: str, configuration: str, where: Path) -> None:
    kind = None
    if "cascade" in trainer.lower() or "cascade" in configuration.lower():
        kind = "the second stage of a cascade"
    elif "region" in trainer.lower():
        kind = "a region-based model"
    elif "resenc" in trainer.lower():
        kind = "a residual v1 network"
    elif _OTHER_NETWORKS.search(trainer):
        kind = "a network with other activations or normalisation"
    elif "resample33" in trainer:
        kind = "a model with another resampling"
    if kind:
        raise ModelError(
            f"{kind} is not supported (trainer {trainer})", where=where, hint=_SUPPORTED
        )


def _spec(plans: Any, stage: int | None, configuration: str, where: Path) -> ModelSpec:
    stages = plans["plans_per_stage"]
    chosen = _stage(stages, stage, where)
    modalities = int(plans["num_modalities"])
    if modalities != 1:
        raise ModelError(
            f"a model with {modalities} input images "
            f"({', '.join(map(str, plans['modalities'].values()))}) is not supported",
            where=where,
            hint=_SUPPORTED,
        )
    patch = tuple(int(n) for n in chosen["patch_size"])
    resampling, keep = _preprocessor(plans.get("preprocessor_name"), len(patch), where)
    spacing: list[float | None] = [float(s) for s in chosen["current_spacing"]]
    if keep != "none":
        spacing[: 3 if keep == "all" else 1] = [None] * (3 if keep == "all" else 1)
    forward = plans.get("transpose_forward")
    if forward is None or plans.get("transpose_backward") is None:
        forward = (0, 1, 2)
    return ModelSpec(
        generation=1,
        configuration=configuration or ("2d" if len(patch) == 2 else "3d"),
        patch_size=patch,
        spacing_mm=tuple(spacing),
        transpose_forward=tuple(int(a) for a in forward),
        channels=tuple(str(name) for _, name in sorted(plans["modalities"].items())),
        normalization=tuple(_normalization(plans, c, where) for c in range(modalities)),
        data_resampling=resampling,
        output_resampling=_output_resampling(plans.get("segmentation_export_params")),
        network=_network(plans, chosen, len(patch)),
        label_names={int(c): str(c) for c in plans["all_classes"] if int(c) > 0},
    )


def _stage(stages: Mapping[Any, Any], stage: int | None, where: Path) -> Mapping[str, Any]:
    if stage is None and len(stages) == 1:
        stage = next(iter(stages))
    if stage is None or stage not in stages:
        raise ModelError(
            f"the plans have the stages {sorted(stages)}, the model belongs to {stage}",
            where=where,
        )
    chosen: Mapping[str, Any] = stages[stage]
    return chosen


def _preprocessor(name: str | None, dimensions: int, where: Path) -> tuple[Resampling, str]:
    name = name or ("GenericPreprocessor" if dimensions == 3 else "PreprocessorFor2D")
    if name not in _PREPROCESSORS:
        raise ModelError(
            f"the preprocessor {name} is not supported",
            where=where,
            hint=f"Supported are {', '.join(_PREPROCESSORS)}",
        )
    return _PREPROCESSORS[name]


def _normalization(plans: Mapping[str, Any], channel: int, where: Path) -> Normalization:
    scheme = plans["normalization_schemes"][channel]
    use_mask = bool(plans["use_mask_for_norm"][channel])
    if scheme in ("CT", "CT2"):
        stats = (plans["dataset_properties"]["intensityproperties"] or {}).get(channel)
        if stats is None:
            raise ModelError("the intensities of a CT model are missing in the plans", where=where)
        return Normalization(
            scheme="ct" if scheme == "CT" else "ct2",
            use_mask=use_mask,
            mean=float(stats["mean"]),
            std=float(stats["sd"]),
            lower=float(stats["percentile_00_5"]),
            upper=float(stats["percentile_99_5"]),
        )
    # v1 treats every scheme it does not know, such as "nonCT" or "MRI", as a z-score.
    return Normalization(scheme="none" if scheme == "noNorm" else "zscore", use_mask=use_mask)


def _output_resampling(params: Mapping[str, Any] | None) -> Resampling:
    if params is None:
        return Resampling(1)
    force = params["force_separate_z"]
    return Resampling(
        order=int(params["interpolation_order"]),
        order_z=int(params["interpolation_order_z"]),
        separate_z=None if force is None else bool(force),
    )


def _network(plans: Mapping[str, Any], chosen: Mapping[str, Any], dimensions: int) -> NetworkSpec:
    pools = _pooling(chosen)
    kernels = chosen.get("conv_kernel_sizes") or [[3] * dimensions] * (len(pools) + 1)
    kernels = tuple(tuple(int(k) for k in kernel) for kernel in kernels)[: len(pools) + 1]
    features = [int(plans["base_num_features"])]
    for _ in pools:
        features.append(min(round(features[-1] * 2), _MAX_FEATURES[dimensions]))
    convs = int(plans.get("conv_per_stage", 2))
    return NetworkSpec(
        kind="plain",
        dimensions=dimensions,
        input_channels=int(plans["num_modalities"]),
        classes=int(plans["num_classes"]) + 1,
        features=tuple(features),
        strides=((1,) * dimensions, *pools),
        kernel_sizes=kernels,
        encoder_blocks=(convs,) * (len(pools) + 1),
        decoder_kernel_sizes=tuple(reversed(kernels[1:])),
        decoder_convs=(convs,) * len(pools),
        upsampling_bias=False,
        head_bias=False,
    )


def _pooling(chosen: Mapping[str, Any]) -> tuple[tuple[int, ...], ...]:
    if chosen.get("pool_op_kernel_sizes") is not None:
        return tuple(tuple(int(k) for k in pool) for pool in chosen["pool_op_kernel_sizes"])
    # Plans before v1.2 hold only their number: an axis with fewer poolings starts later.
    counts = [int(n) for n in chosen["num_pool_per_axis"]]
    most = max(counts)
    return tuple(tuple(2 if most - n <= i else 1 for n in counts) for i in range(most))


def rename_weights(weights: Weights, network: NetworkSpec) -> Weights:
    """Give version 1's weights the names of `expected_shapes`.

    Weights that are not part of ``Generic_UNet`` keep their names, so that `check_weights` reports
    them.

    Parameters
    ----------
    weights : dict of str to ndarray
    network : NetworkSpec

    Returns
    -------
    dict of str to ndarray
    """
    last = len(network.strides) - 1
    convs = network.encoder_blocks[0]
    return {_renamed(name, convs): array for name, array in weights.items() if _used(name, last)}


def _used(name: str, last: int) -> bool:
    """Return whether a weight affects the output: deep supervision has additional heads."""
    head = re.match(r"seg_outputs\.(\d+)\.", name)
    return head is None or int(head[1]) == last - 1


def _renamed(name: str, convs: int) -> str:
    parts = name.replace(".instnorm.", ".norm.").split(".")
    match parts:
        case ["seg_outputs", _, kind]:
            return f"decoder.head.{kind}"
        case ["tu", stage, kind]:
            return f"decoder.upsampling.{stage}.{kind}"
        case ["conv_blocks_context", stage, "blocks", block, *rest]:
            return ".".join(("encoder", "stages", stage, "convs", block, *rest))
        case [("conv_blocks_context" | "conv_blocks_localization") as path, stage, half, *rest]:
            # The stages of the bottleneck and the decoder have two parts: all convolutions but the
            # last, and the last.
            _blocks, block, *tail = rest
            number = block if half == "0" else str(convs - 1)
            side = "encoder" if path == "conv_blocks_context" else "decoder"
            return ".".join((side, "stages", stage, "convs", number, *tail))
    return name


def read_postprocessing(path: Path) -> Postprocessing | None:
    """Read ``postprocessing.json``, which ``nnUNet_predict`` applies where it exists.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Postprocessing or None
        None if there is no such file.

    Raises
    ------
    ModelError
        If the file is damaged.
    """
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        groups: Sequence[Any] = content["for_which_classes"] or []
        keys = [tuple(g) if isinstance(g, list) else g for g in groups]
        sizes = content.get("min_valid_object_sizes")
        table = ast.literal_eval(sizes) if isinstance(sizes, str) else sizes
        return Postprocessing(
            groups=tuple(tuple(map(int, k)) if isinstance(k, tuple) else (int(k),) for k in keys),
            minimum_size=tuple(None if table is None else float(table[k]) for k in keys),
        )
    except (OSError, ValueError, OverflowError, KeyError, TypeError, SyntaxError) as error:
        raise ModelError(f"is damaged ({error!r})", where=path) from error
