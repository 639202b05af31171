"""Find and read an nnU-Net model in a folder, as either version writes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from lpm_segmentator.core import ModelError, Remedy
from lpm_segmentator.segment.nnunet import plans_v1, plans_v2
from lpm_segmentator.segment.nnunet.bundle import FORMAT, Fold, NnUnetModel, read_bundle
from lpm_segmentator.segment.nnunet.checkpoint import Weights, load_checkpoint, weights_of
from lpm_segmentator.segment.nnunet.shapes import check_weights
from lpm_segmentator.segment.nnunet.spec import ModelSpec
from lpm_segmentator.segment.nnunet.unpickle import load_plain_pickle

__all__ = ["is_model_file", "read_model_folder"]

_V1_CHECKPOINTS = ("model_final_checkpoint.model", "model_best.model")
_V2_CHECKPOINTS = ("checkpoint_final.pth", "checkpoint_best.pth")
_VERSIONS: tuple[tuple[Literal[1, 2], str, str], ...] = (
    (1, "plans.pkl", "*.model"),
    (2, "plans.json", "*.pth"),
)
_CONFIGURATIONS = ("2d", "3d_lowres", "3d_fullres", "3d_cascade_fullres")
_LAYOUTS = (
    "Expected is a folder with plans.pkl and fold_*/model_final_checkpoint.model(.pkl) "
    "(nnU-Net v1), or with plans.json, dataset.json and fold_*/checkpoint_final.pth (nnU-Net v2)"
)
_MODEL_FILES = {
    "card.json",
    "dataset.json",
    "model.json",
    "plans.json",
    "plans.pkl",
    "postprocessing.json",
}
_MODEL_SUFFIXES = (".model", ".model.pkl", ".pth", ".npz", ".onnx")
_MAX_JSON_BYTES = 64 * 2**20
_STAGE_ARGUMENT = 5  # of v1's trainers: plans, fold, output, dataset, batch Dice, stage, …

#: reads a checkpoint; given the description from the first fold, or None for the first itself
_ReadFold = Callable[[Path, ModelSpec | None], tuple[ModelSpec, Weights]]


def is_model_file(path: PurePosixPath) -> bool:
    """Return whether a file of a results folder is part of the model."""
    return path.name in _MODEL_FILES or path.name.endswith(_MODEL_SUFFIXES)


@dataclass(frozen=True)
class _Location:
    """A folder that holds a model, and how it was written."""

    version: Literal[1, 2, "bundle"]
    folder: Path


def read_model_folder(
    root: Path, *, folds: Sequence[str] | None = None, configuration: str | None = None
) -> NnUnetModel:
    """Read the model in a folder or anywhere below it.

    Parameters
    ----------
    root : Path
    folds : sequence of str, optional
        Names of the folds to read (``"0"`` … ``"4"``, ``"all"``); by default all numbered ones.
    configuration : str, optional
        The configuration to read where the folder holds several (``2d``, ``3d_fullres``, …).

    Returns
    -------
    NnUnetModel

    Raises
    ------
    ModelError
        If there is no model, more than one, or one that is not supported.
    """
    location = _choose(root, configuration)
    folder = location.folder
    if location.version == "bundle":
        return _select(read_bundle(folder), folds, folder)
    read = _read_v1 if location.version == 1 else _read_v2
    return replace(read(folder, folds), card=_card(folder, root))


def _choose(root: Path, configuration: str | None) -> _Location:
    """Return the only model below a folder that has the configuration."""
    locations = _locations(root)
    matching = [
        location
        for location in locations
        if configuration is None or configuration in _configuration_names(location.folder)
    ]
    if len(matching) == 1:
        return matching[0]
    if not locations:
        raise ModelError(
            f"no nnU-Net model found; the folder holds {_listing(root)}", where=root, hint=_LAYOUTS
        )
    listed = ", ".join(str(location.folder.relative_to(root)) for location in locations)
    raise ModelError(
        f"{len(matching)} models match, of: {listed}",
        where=root,
        hint=f"Choose one ({Remedy.CONFIGURATION}), or give its folder",
        remedy=Remedy.CONFIGURATION,
    )


def _configuration_names(folder: Path) -> set[str]:
    return {part for p in folder.parts for part in (p, p.rpartition("__")[2])}


def _locations(root: Path) -> list[_Location]:
    """Return the complete models below a folder; if there is none, the incomplete ones."""
    if not root.is_dir():
        raise ModelError("the folder does not exist", where=root)
    complete: list[_Location] = []
    partial: list[_Location] = []  # read only for the message that names what is missing
    for folder in [root, *sorted(p for p in root.rglob("*") if p.is_dir())]:
        if _is_bundle(folder):
            complete.append(_Location("bundle", folder))
            continue
        for version, plans, checkpoint in _VERSIONS:
            has_plans, has_weights = (folder / plans).is_file(), _has_fold(folder, checkpoint)
            if has_plans and has_weights:
                complete.append(_Location(version, folder))
            elif has_plans or has_weights:
                partial.append(_Location(version, folder))
    return complete or partial


def _is_bundle(folder: Path) -> bool:
    path = folder / "model.json"
    return path.is_file() and FORMAT in path.read_bytes()[:200].decode("latin1")


def _has_fold(folder: Path, pattern: str) -> bool:
    """Return whether a fold in a folder holds a checkpoint."""
    return any(folder.glob(f"fold_*/{pattern}")) or any(folder.glob(f"all/{pattern}"))


def _select(model: NnUnetModel, folds: Sequence[str] | None, where: Path) -> NnUnetModel:
    chosen = _checked_folds([fold.name for fold in model.folds], folds, where)
    return replace(model, folds=tuple(f for f in model.folds if f.name in chosen))


def _checked_folds(present: Sequence[str], wanted: Sequence[str] | None, where: Path) -> list[str]:
    names = sorted(present)
    if not names:
        raise ModelError("no fold with a checkpoint", where=where, hint=_LAYOUTS)
    if wanted is None:
        # nnU-Net averages the numbered folds; "all" is a separate model.
        return [n for n in names if n != "all"] or names
    missing = [w for w in wanted if w not in names]
    if missing:
        raise ModelError(f"no fold {', '.join(missing)}; there are {', '.join(names)}", where=where)
    return list(wanted)


def _checkpoints(
    folder: Path, names: Sequence[str], folds: Sequence[str] | None
) -> dict[str, Path]:
    """Return the first existing checkpoint of each chosen fold, by the name of the fold."""
    present: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.is_dir() and (path.name.startswith("fold_") or path.name == "all"):
            existing = [path / name for name in names if (path / name).is_file()]
            if existing:
                present[path.name.removeprefix("fold_")] = existing[0]
    return {name: present[name] for name in _checked_folds(list(present), folds, folder)}


def _read_folds(checkpoints: Mapping[str, Path], read: _ReadFold) -> NnUnetModel:
    """Read the weights of each fold, and the description from the first one."""
    spec: ModelSpec | None = None
    folds = []
    for name, path in checkpoints.items():
        spec, weights = read(path, spec)
        check_weights(weights, spec.network, where=path)
        folds.append(Fold(name, weights))
    if spec is None:
        raise ValueError("no checkpoint")
    return NnUnetModel(spec=spec, folds=tuple(folds))


def _read_v1(folder: Path, folds: Sequence[str] | None) -> NnUnetModel:
    _check_present(folder, ["plans.pkl"])
    # Read although the checkpoints have their own copy: an unsafe file is always refused.
    plans = load_plain_pickle(folder / "plans.pkl")

    def read(path: Path, spec: ModelSpec | None) -> tuple[ModelSpec, Weights]:
        spec = spec or _spec_v1(plans, path.with_name(path.name + ".pkl"), folder)
        weights = weights_of(load_checkpoint(path), "state_dict", where=path)
        weights = plans_v1.rename_weights(weights, spec.network)
        if "decoder.head.bias" in weights:  # of a trainer variant
            spec = replace(spec, network=replace(spec.network, head_bias=True))
        return spec, weights

    return _read_folds(_checkpoints(folder, _V1_CHECKPOINTS, folds), read)


def _spec_v1(plans: Any, description: Path, folder: Path) -> ModelSpec:
    if not description.is_file():
        raise ModelError("the file is missing", where=description, hint=_LAYOUTS)
    info = load_plain_pickle(description)
    if not isinstance(info, Mapping) or not isinstance(plans, Mapping):
        raise ModelError("not a file of nnU-Net v1", where=description)
    arguments = info.get("init") or ()
    stage = arguments[_STAGE_ARGUMENT] if len(arguments) > _STAGE_ARGUMENT else None
    configuration = next((c for c in reversed(folder.parts) if c in _CONFIGURATIONS), "")
    # v1 itself uses the copy of the plans beside the weights.
    spec = plans_v1.spec_from_plans(
        info.get("plans", plans),
        trainer=str(info.get("name", "")),
        stage=stage,
        configuration=configuration,
        where=description if "plans" in info else folder / "plans.pkl",
    )
    return replace(
        spec, postprocessing=plans_v1.read_postprocessing(folder / "postprocessing.json")
    )


def _read_v2(folder: Path, folds: Sequence[str] | None) -> NnUnetModel:
    _check_present(folder, ["plans.json", "dataset.json"])
    plans, dataset = (_load_json(folder / name) for name in ("plans.json", "dataset.json"))

    def read(path: Path, spec: ModelSpec | None) -> tuple[ModelSpec, Weights]:
        checkpoint = load_checkpoint(path)
        spec = spec or _spec_v2(plans, dataset, checkpoint, folder)
        weights = weights_of(checkpoint, "network_weights", where=path)
        return spec, plans_v2.rename_weights(weights, spec.network)

    return _read_folds(_checkpoints(folder, _V2_CHECKPOINTS, folds), read)


def _spec_v2(plans: Any, dataset: Any, checkpoint: Mapping[str, Any], folder: Path) -> ModelSpec:
    arguments = checkpoint.get("init_args")
    configuration = arguments.get("configuration") if isinstance(arguments, Mapping) else None
    return plans_v2.spec_from_plans(
        plans,
        dataset,
        configuration=str(configuration or folder.name.rpartition("__")[2]),
        trainer=str(checkpoint.get("trainer_name", "unknown")),
        where=folder,
    )


def _card(folder: Path, root: Path) -> dict[str, Any]:
    """Return the content of ``card.json`` beside the model or at the top of the archive."""
    for place in (folder, root):
        if (place / "card.json").is_file():
            card = _load_json(place / "card.json")
            if not isinstance(card, dict):
                raise ModelError("not a JSON object", where=place / "card.json")
            return card
    return {}


def _load_json(path: Path) -> Any:
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise ModelError(
                f"the file has more than {_MAX_JSON_BYTES // 2**20} MB, the limit for a "
                "description",
                where=path,
            )
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"cannot be read ({error})", where=path) from error


def _check_present(folder: Path, names: Sequence[str]) -> None:
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise ModelError(
            f"{' and '.join(missing)} {verb} missing; the folder holds {_listing(folder)}",
            where=folder,
            hint=_LAYOUTS,
        )


def _listing(folder: Path) -> str:
    return ", ".join(sorted(p.name for p in folder.iterdir())[:8]) or "nothing"
