"""Small nnU-Net models with random weights, written as either version writes them.

Everything comes from numpy's generator, so that nnU-Net's masks for these models
(`nnunet_cases`) stay valid whatever torch does.
"""

from __future__ import annotations

import json
import pickle
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ANISOTROPIC = ((1, 2, 2), (2, 2, 2), (1, 2, 2))
ISOTROPIC = ((2, 2, 2), (2, 2, 2))
PLANAR = ((2, 2), (2, 2), (2, 2))


class RunsCode:
    """An object whose pickle calls a function when it is loaded."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.parts = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.parts


def _values(rng: np.random.Generator, shape: Sequence[int], kind: str) -> np.ndarray:
    if kind == "norm.weight":
        return rng.normal(1, 0.2, shape).astype(np.float32)
    if kind.endswith("bias"):
        return rng.normal(0, 0.2, shape).astype(np.float32)
    return rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape).astype(np.float32)


def _conv(
    weights: dict[str, np.ndarray],
    rng: np.random.Generator,
    name: str,
    shape: Sequence[int],
    *,
    norm: str,
    bias: bool = True,
) -> None:
    weights[f"{name}.conv.weight"] = _values(rng, shape, "weight")
    if bias:
        weights[f"{name}.conv.bias"] = _values(rng, shape[:1], "bias")
    weights[f"{name}.{norm}.weight"] = _values(rng, shape[:1], "norm.weight")
    weights[f"{name}.{norm}.bias"] = _values(rng, shape[:1], "bias")


def v1_weights(plans: dict[str, Any], stage: int, seed: int) -> dict[str, np.ndarray]:
    """The state of a ``Generic_UNet``."""
    rng = np.random.default_rng(seed)
    chosen = plans["plans_per_stage"][stage]
    pools, kernels = chosen["pool_op_kernel_sizes"], chosen["conv_kernel_sizes"]
    dims, convs, last = len(kernels[0]), plans["conv_per_stage"], len(pools)
    most = 320 if dims == 3 else 480
    features = [min(plans["base_num_features"] * 2**i, most) for i in range(last + 1)]
    weights: dict[str, np.ndarray] = {}
    before = plans["num_modalities"]
    for d, after in enumerate(features):
        for c in range(convs):
            if d < last:
                name = f"conv_blocks_context.{d}.blocks.{c}"
            else:
                half, block = (0, c) if c < convs - 1 else (1, 0)
                name = f"conv_blocks_context.{d}.{half}.blocks.{block}"
            _conv(weights, rng, name, (after, before, *kernels[d]), norm="instnorm")
            before = after
    for u in range(last):
        here = features[-2 - u]
        weights[f"tu.{u}.weight"] = _values(rng, (features[-1 - u], here, *pools[-1 - u]), "weight")
        for c in range(convs):
            half, block = (0, c) if c < convs - 1 else (1, 0)
            shape = (here, 2 * here if c == 0 else here, *kernels[-1 - u])
            name = f"conv_blocks_localization.{u}.{half}.blocks.{block}"
            _conv(weights, rng, name, shape, norm="instnorm")
        classes = plans["num_classes"] + 1
        weights[f"seg_outputs.{u}.weight"] = _values(rng, (classes, here, *(1,) * dims), "weight")
    return weights


def v1_plans(
    patch: Sequence[int],
    spacing: Sequence[float],
    pools: Sequence[Sequence[int]],
    *,
    transpose: Sequence[int] = (0, 1, 2),
    base: int = 4,
    modalities: int = 1,
    **more: Any,
) -> dict[str, Any]:
    dims = len(patch)
    first = [1, 3, 3] if tuple(pools[0]) == (1, 2, 2) else [3] * dims
    stage = {
        "batch_size": 2,
        "num_pool_per_axis": [sum(p[a] == 2 for p in pools) for a in range(dims)],
        "patch_size": np.array(patch),
        "current_spacing": np.array(spacing, dtype=float),
        "original_spacing": np.array(spacing, dtype=float),
        "do_dummy_2D_data_aug": np.bool_(True),
        "pool_op_kernel_sizes": [list(p) for p in pools],
        "conv_kernel_sizes": [first, *([3] * dims for _ in pools)],
    }
    plans = {
        "num_stages": 1,
        "num_modalities": modalities,
        "modalities": dict(enumerate(["MRI", "T1", "T2", "FLAIR"][:modalities])),
        "normalization_schemes": OrderedDict((c, "nonCT") for c in range(modalities)),
        "dataset_properties": {"intensityproperties": None},
        "num_classes": 4,
        "all_classes": [1, 2, 3, 4],
        "base_num_features": base,
        "keep_only_largest_region": None,
        "min_region_size_per_class": None,
        "min_size_per_class": None,
        "use_mask_for_norm": OrderedDict((c, True) for c in range(modalities)),
        "transpose_forward": [np.int64(a) for a in transpose],
        "transpose_backward": [int(a) for a in np.argsort(transpose)],
        "plans_per_stage": {0: stage},
        "conv_per_stage": 2,
        "preprocessor_name": "GenericPreprocessor" if dims == 3 else "PreprocessorFor2D",
    }
    return {**plans, **more}


def write_v1(
    folder: Path,
    plans: dict[str, Any],
    *,
    folds: Sequence[str] = ("0",),
    trainer: str = "nnUNetTrainerV2_noMirroring",
    seed: int = 0,
) -> Path:
    """Write a results folder of nnU-Net v1."""
    import torch

    folder.mkdir(parents=True)
    (folder / "plans.pkl").write_bytes(pickle.dumps(plans, protocol=4))
    for number, fold in enumerate(folds):
        path = folder / ("all" if fold == "all" else f"fold_{fold}")
        path.mkdir()
        state = {k: torch.from_numpy(v) for k, v in v1_weights(plans, 0, seed + number).items()}
        checkpoint = {
            "epoch": 3,
            "state_dict": OrderedDict(state),
            "optimizer_state_dict": None,
            "lr_scheduler_state_dict": None,
            "plot_stuff": ([np.float64(1.0)], [np.float32(2.0)], [], [np.float64(0.3)]),
            "best_stuff": (np.float64(0.1), None, None),
        }
        torch.save(checkpoint, path / "model_final_checkpoint.model")
        info = OrderedDict(
            init=("plans.pkl", 0, "out", "data", True, 0, False, False, False),
            name=trainer,
            plans=plans,
        )
        info["class"] = "x"
        (path / "model_final_checkpoint.model.pkl").write_bytes(pickle.dumps(info, protocol=4))
    return folder


def v2_plans(
    patch: Sequence[int],
    spacing: Sequence[float],
    pools: Sequence[Sequence[int]],
    *,
    kind: str = "PlainConvUNet",
    transpose: Sequence[int] = (0, 1, 2),
    base: int = 4,
    **more: Any,
) -> dict[str, Any]:
    dims, stages = len(patch), len(pools) + 1
    first = [1, 3, 3] if tuple(pools[0]) == (1, 2, 2) else [3] * dims
    blocks = "n_conv_per_stage" if kind == "PlainConvUNet" else "n_blocks_per_stage"
    resampling = {"is_seg": False, "order_z": 0, "force_separate_z": None}
    configuration = {
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": list(patch),
        "spacing": list(spacing),
        "normalization_schemes": ["ZScoreNormalization"],
        "use_mask_for_norm": [True],
        "resampling_fn_data": "resample_data_or_seg_to_shape",
        "resampling_fn_data_kwargs": {**resampling, "order": 3},
        "resampling_fn_seg": "resample_data_or_seg_to_shape",
        "resampling_fn_seg_kwargs": {**resampling, "is_seg": True, "order": 1},
        "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
        "resampling_fn_probabilities_kwargs": {**resampling, "order": 1},
        "architecture": {
            "network_class_name": f"dynamic_network_architectures.architectures.unet.{kind}",
            "arch_kwargs": {
                "n_stages": stages,
                "features_per_stage": [min(base * 2**i, 320) for i in range(stages)],
                "conv_op": f"torch.nn.modules.conv.Conv{dims}d",
                "kernel_sizes": [first, *([3] * dims for _ in pools)],
                "strides": [[1] * dims, *(list(p) for p in pools)],
                blocks: [2] * stages if kind == "PlainConvUNet" else [1, 2, 2, 2][:stages],
                "n_conv_per_stage_decoder": [2 if kind == "PlainConvUNet" else 1] * (stages - 1),
                "conv_bias": True,
                "norm_op": f"torch.nn.modules.instancenorm.InstanceNorm{dims}d",
                "norm_op_kwargs": {"eps": 1e-5, "affine": True},
                "dropout_op": None,
                "dropout_op_kwargs": None,
                "nonlin": "torch.nn.LeakyReLU",
                "nonlin_kwargs": {"inplace": True},
            },
            "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
        },
        **more,
    }
    return {
        "dataset_name": "Dataset515_x",
        "plans_name": "nnUNetPlans",
        "image_reader_writer": "SimpleITKIO",
        "label_manager": "LabelManager",
        "transpose_forward": list(transpose),
        "transpose_backward": [int(a) for a in np.argsort(transpose)],
        "configurations": {configuration_of(patch): configuration},
        "foreground_intensity_properties_per_channel": {
            "0": {"mean": 400.0, "std": 140.0, "percentile_00_5": 30.0, "percentile_99_5": 800.0}
        },
    }


def configuration_of(patch: Sequence[int]) -> str:
    return "2d" if len(patch) == 2 else "3d_fullres"


def v2_weights(plans: dict[str, Any], seed: int, classes: int = 5) -> dict[str, np.ndarray]:
    """The state of a ``PlainConvUNet`` or ``ResidualEncoderUNet``, duplicates left out."""
    rng = np.random.default_rng(seed)
    (configuration,) = plans["configurations"].values()
    kwargs = configuration["architecture"]["arch_kwargs"]
    plain = "n_conv_per_stage" in kwargs
    features, kernels, strides = (
        kwargs[k] for k in ("features_per_stage", "kernel_sizes", "strides")
    )
    dims, stages = len(kernels[0]), kwargs["n_stages"]
    ones = (1,) * dims
    weights: dict[str, np.ndarray] = {}
    before = 1
    if not plain:
        name = "encoder.stem.convs.0"
        _conv(weights, rng, name, (features[0], 1, *kernels[0]), norm="norm")
        before = features[0]
    for s, after in enumerate(features):
        if plain:
            for c in range(kwargs["n_conv_per_stage"][s]):
                name = f"encoder.stages.{s}.0.convs.{c}"
                _conv(weights, rng, name, (after, before, *kernels[s]), norm="norm")
                before = after
            continue
        for b in range(kwargs["n_blocks_per_stage"][s]):
            name = f"encoder.stages.{s}.blocks.{b}"
            _conv(weights, rng, f"{name}.conv1", (after, before, *kernels[s]), norm="norm")
            _conv(weights, rng, f"{name}.conv2", (after, after, *kernels[s]), norm="norm")
            if before != after:
                place = 1 if b == 0 and any(n != 1 for n in strides[s]) else 0
                shape = (after, before, *ones)
                _conv(weights, rng, f"{name}.skip.{place}", shape, norm="norm", bias=False)
            before = after
    for u in range(stages - 1):
        below, here = features[-1 - u], features[-2 - u]
        name = f"decoder.transpconvs.{u}"
        weights[f"{name}.weight"] = _values(rng, (below, here, *strides[-1 - u]), "weight")
        weights[f"{name}.bias"] = _values(rng, (here,), "bias")
        for c in range(kwargs["n_conv_per_stage_decoder"][u]):
            shape = (here, 2 * here if c == 0 else here, *kernels[-2 - u])
            _conv(weights, rng, f"decoder.stages.{u}.convs.{c}", shape, norm="norm")
        name = f"decoder.seg_layers.{u}"
        weights[f"{name}.weight"] = _values(rng, (classes, here, *ones), "weight")
        weights[f"{name}.bias"] = _values(rng, (classes,), "bias")
    return weights


def v2_dataset(**more: Any) -> dict[str, Any]:
    return {
        "channel_names": {"0": "MRI"},
        "labels": {"background": 0, "ES_R": 1, "MF_R": 2, "MF_L": 3, "ES_L": 4},
        "numTraining": 4,
        "file_ending": ".nii.gz",
        **more,
    }


def write_v2(
    folder: Path,
    plans: dict[str, Any],
    *,
    dataset: dict[str, Any] | None = None,
    folds: Sequence[str] = ("0",),
    seed: int = 0,
) -> Path:
    """Write a results folder of nnU-Net v2, its weights under all the names it registers."""
    import torch

    dataset = dataset or v2_dataset()
    folder.mkdir(parents=True)
    (folder / "plans.json").write_text(json.dumps(plans))
    (folder / "dataset.json").write_text(json.dumps(dataset))
    (name,) = plans["configurations"]
    for number, fold in enumerate(folds):
        path = folder / f"fold_{fold}"
        path.mkdir()
        state = {k: torch.from_numpy(v) for k, v in v2_weights(plans, seed + number).items()}
        state |= _duplicates(state)
        checkpoint = {
            "network_weights": state,
            "optimizer_state": {},
            "grad_scaler_state": None,
            "logging": {"mean_fg_dice": [np.float32(0.1)], "ema_fg_dice": [np.float64(0.2)]},
            "_best_ema": np.float64(0.3),
            "current_epoch": 3,
            "init_args": {
                "plans": plans,
                "configuration": name,
                "fold": 0,
                "dataset_json": dataset,
                "device": torch.device("cpu"),
            },
            "trainer_name": "nnUNetTrainer",
            "inference_allowed_mirroring_axes": None,
        }
        torch.save(checkpoint, path / "checkpoint_final.pth")
    return folder


def _duplicates(state: dict[str, Any]) -> dict[str, Any]:
    """The names that ``all_modules`` and the decoder's reference to the encoder add."""
    again = {}
    for name, value in state.items():
        for part, number in ((".conv.", 0), (".norm.", 1)):
            if part in name:
                again[name.replace(part, f".all_modules.{number}.")] = value
    everything = {**state, **again}
    again.update({f"decoder.{n}": v for n, v in everything.items() if n.startswith("encoder.")})
    return again
